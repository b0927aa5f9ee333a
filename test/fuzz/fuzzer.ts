import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Prng, randomIndex, seededPrng } from '../../src/base/prng.ts';
import { type BlockCounter, CoverageMap } from './coverage.ts';
import { type Fault, type Patience, runAll, runAlone, usualPatience } from './guarded-run.ts';
import { minimise } from './minimise.ts';
import { mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** It ends after so long, or so many inputs, whichever comes first. */
  readonly forMs: number;
  readonly mostInputs?: number;
  /** Known inputs; those of the target come on top. */
  readonly corpus: readonly Uint8Array[];
  /** Guides it; without, inputs are drawn blindly. */
  readonly counter?: BlockCounter;
  readonly patience?: Patience;
  readonly onProgress?: (line: string) => void;
}

export interface Finding {
  /** Minimised. */
  readonly input: Uint8Array;
  readonly fault: Fault | { readonly kind: 'grew'; readonly message: string };
}

export interface FuzzOutcome {
  readonly finding: Finding | null;
  readonly inputs: number;
  readonly milliseconds: number;
  readonly blocks: { readonly ran: number; readonly known: number };
  /** The smallest set of inputs that was found which runs all of these blocks. */
  readonly distilled: readonly Uint8Array[];
}

const progressEveryMs = 10_000;
const minimiseMs = 15_000;
/** What the target may still hold of all that it has read; the code under test keeps nothing. */
const mayGrowBytes = 24 * 1024 * 1024;
/** Of the inputs, where the target can build them. */
const builtShare = 0.3;

/** Draws inputs until one breaks the contract of `target`, or time is up. The same options give the same inputs. */
export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzOutcome {
  const { counter, patience = usualPatience, mostInputs = Number.POSITIVE_INFINITY } = options;
  const prng = seededPrng(options.seed);
  const startedAt = performance.now();
  const coverage = new CoverageMap();
  const pool: Uint8Array[] = [];
  let inputs = 0;
  let progressAt = startedAt + progressEveryMs;
  counter?.take();

  const tryAll = (batch: readonly Uint8Array[], keepsAll: boolean): Finding | null => {
    const outcome = runAll(batch, target.run, patience);
    if (outcome.kind === 'fault') return smallest(target, outcome.input, outcome.fault, patience);
    const scripts = counter?.take() ?? [];
    if (keepsAll) {
      coverage.isNew(scripts, true);
      pool.push(...batch);
      return null;
    }
    if (!coverage.isNew(scripts, batch.length === 1)) return null;
    if (batch.length === 1) {
      pool.push(...batch);
      return null;
    }
    const middle = batch.length >> 1;
    return tryAll(batch.slice(0, middle), false) ?? tryAll(batch.slice(middle), false);
  };

  const end = (finding: Finding | null): FuzzOutcome => ({
    finding,
    inputs,
    milliseconds: performance.now() - startedAt,
    blocks: coverage.count(),
    distilled: counter === undefined || finding !== null ? [] : distil(target, pool, counter),
  });

  const known = [...target.seeds, ...options.corpus];
  inputs += known.length;
  const first = tryAll(known, true);
  if (first !== null) return end(first);
  let before = heldBytes(pool);
  let growthIsMeasured = false;
  while (performance.now() - startedAt < options.forMs && inputs < mostInputs) {
    const batch = Array.from({ length: target.batch }, () => draw(target, pool, prng));
    inputs += batch.length;
    const finding = tryAll(batch, false);
    if (finding !== null) return end(finding);
    if (!growthIsMeasured) {
      // What is compiled and cached is there after the first round.
      growthIsMeasured = true;
      before = heldBytes(pool);
    }
    if (performance.now() < progressAt) continue;
    progressAt = performance.now() + progressEveryMs;
    const { ran, known } = coverage.count();
    options.onProgress?.(`${target.name}: ${inputs} inputs, ${ran} of ${known} blocks, ${pool.length} kept`);
    const grown = heldBytes(pool) - before;
    if (grown > mayGrowBytes) return end(grew(pool, grown, inputs));
  }
  const grown = heldBytes(pool) - before;
  return end(grown > mayGrowBytes ? grew(pool, grown, inputs) : null);
}

function draw(target: FuzzTarget, pool: readonly Uint8Array[], prng: Prng): Uint8Array {
  const pick = (): Uint8Array => pool[randomIndex(prng, pool.length)] ?? new Uint8Array(0);
  const built = target.generate !== undefined && prng.next() < builtShare;
  const input = built ? (target.generate?.(prng) ?? pick()) : pick();
  if (built && prng.next() < 0.3) return input;
  return mutate(input, prng, { dictionary: target.dictionary, other: pick(), maxBytes: target.maxBytes });
}

function smallest(target: FuzzTarget, input: Uint8Array, fault: Fault, patience: Patience): Finding {
  const small: Patience = { ...patience, aloneMs: Math.min(patience.aloneMs, 500) };
  const same = (one: Fault | null): boolean =>
    one?.kind === fault.kind && (fault.kind !== 'threw' || gist(one.message) === gist(fault.message));
  const shortest = minimise(input, (shorter) => same(runAlone(shorter, target.run, small)), minimiseMs);
  return { input: shortest, fault };
}

/** Without what changes with the input. */
const gist = (message: string): string => message.replace(/\d+|"[^"]*"/g, '#').slice(0, 60);

const grew = (pool: readonly Uint8Array[], grown: number, inputs: number): Finding => ({
  input: pool.at(-1) ?? new Uint8Array(0),
  fault: {
    kind: 'grew',
    message: `${Math.round(grown / 1024)} KB are still held after ${inputs} inputs`,
  },
});

/** Those inputs that each add a block, the shortest first. */
function distil(
  target: FuzzTarget,
  pool: readonly Uint8Array[],
  counter: BlockCounter,
): readonly Uint8Array[] {
  const coverage = new CoverageMap();
  counter.take();
  return [...pool]
    .sort((a, b) => a.length - b.length)
    .filter((input) => {
      target.run(input);
      return coverage.isNew(counter.take(), true);
    });
}

let collect: (() => void) | null = null;

/** What is on the heap after a collection, and the buffers beside it, but for the inputs that were kept. */
function heldBytes(pool: readonly Uint8Array[]): number {
  setFlagsFromString('--expose-gc');
  collect ??= runInNewContext('gc') as () => void;
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers - pool.reduce((sum, { length }) => sum + length, 0);
}
