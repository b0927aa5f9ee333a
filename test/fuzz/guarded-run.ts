import { performance } from 'node:perf_hooks';
import { Script } from 'node:vm';
import { messageOf } from '../../src/base/errors.ts';

/** `threw` something · `hung` came to no end · `slow` took far longer than input of that length may. */
export interface Fault {
  readonly kind: 'threw' | 'hung' | 'slow';
  readonly message: string;
}

export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'fault'; readonly input: Uint8Array; readonly fault: Fault };

export interface Patience {
  /** For a whole list of inputs. */
  readonly batchMs: number;
  /** For one input that was in the way when the list took too long: a busy machine is slow, an endless loop is for ever. */
  readonly aloneMs: number;
  /** Of the quickest of several tries. */
  readonly slowMs: number;
}

export const usualPatience: Patience = { batchMs: 10_000, aloneMs: 2_000, slowMs: 250 };

const entrance = '__runUnderWatch';
const watched = new Script(`globalThis.${entrance}()`);

/** Runs `work`, which V8 breaks off from outside after `timeoutMs`; returns whether it came to its end. */
function endsWithin(timeoutMs: number, work: () => void): boolean {
  const place = globalThis as unknown as Record<string, () => void>;
  place[entrance] = work;
  try {
    watched.runInThisContext({ timeout: Math.max(1, Math.round(timeoutMs)) });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
    throw error;
  } finally {
    delete place[entrance];
  }
}

/** Runs `run` on each of `inputs`, up to the first that it fails on. */
export function runAll(
  inputs: readonly Uint8Array[],
  run: (input: Uint8Array) => void,
  patience: Patience = usualPatience,
): Outcome {
  for (let from = 0; from < inputs.length; ) {
    let at = from;
    let fault: Fault | null = null;
    const over = endsWithin(patience.batchMs, () => {
      for (; at < inputs.length && fault === null; at += 1)
        fault = runOne(inputs[at] as Uint8Array, run, patience);
    });
    if (over) {
      if (fault === null) return { kind: 'done' };
      return { kind: 'fault', input: inputs[at - 1] as Uint8Array, fault };
    }
    const suspect = inputs[at] as Uint8Array;
    const found = runAlone(suspect, run, patience);
    if (found !== null) return { kind: 'fault', input: suspect, fault: found };
    from = at + 1;
  }
  return { kind: 'done' };
}

/** One input by itself; null where all is well. */
export function runAlone(
  input: Uint8Array,
  run: (input: Uint8Array) => void,
  patience: Patience = usualPatience,
): Fault | null {
  let fault: Fault | null = null;
  const over = endsWithin(patience.aloneMs, () => {
    fault = runOne(input, run, patience);
  });
  return over ? fault : { kind: 'hung', message: `no end within ${patience.aloneMs} ms` };
}

function runOne(input: Uint8Array, run: (input: Uint8Array) => void, { slowMs }: Patience): Fault | null {
  try {
    if (timeOf(input, run) < slowMs) return null;
    const best = Math.min(timeOf(input, run), timeOf(input, run), timeOf(input, run));
    return best < slowMs ? null : { kind: 'slow', message: `more than ${slowMs} ms` };
  } catch (error) {
    if (isInterruption(error)) throw error;
    return { kind: 'threw', message: `${(error as Error | null)?.name ?? 'thrown'}: ${messageOf(error)}` };
  }
}

const isInterruption = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';

function timeOf(input: Uint8Array, run: (input: Uint8Array) => void): number {
  const from = performance.now();
  run(input);
  return performance.now() - from;
}
