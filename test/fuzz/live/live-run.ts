import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Prng, randomIndex, seededPrng } from '../../../src/base/prng.ts';
import { settledCensus } from '../../soak/census.ts';
import { leaks } from '../../soak/leaks.ts';
import type { EngineUnderTest } from '../../support/engines-under-test.ts';
import { readyz, spawnAurelay } from '../../support/running-aurelay.ts';
import type { Cleanup } from '../../support/servers.ts';
import { readCorpus } from '../corpus.ts';
import { mutate } from '../mutate.ts';
import type { FuzzTarget } from '../target.ts';
import { targets } from '../targets.ts';
import { httpBytes, httpDictionary } from './http-bytes.ts';
import { Innocent } from './innocent.ts';
import { type Manner, type Visit, visit } from './stranger.ts';

export interface LiveOptions {
  readonly engine: EngineUnderTest;
  readonly seed: number;
  /** Of visits; what is counted before and after comes on top. */
  readonly forMs: number;
  readonly onProgress?: (line: string) => void;
}

export interface LiveOutcome {
  readonly visits: number;
  readonly answers: number;
  readonly worstMs: number;
  readonly violations: readonly string[];
}

const strangersAtATime = 24;
const handshakeMs = 1_000;
/** For a server that closes without a word, as one without TLS does at a TLS hello, over and over. */
const holdMs = 2_000;
/** Behind the deadline: last words that a stranger does not read, ten graces of two seconds at most. */
const lastWordsMs = 24_000;
/** Headers that do not come in 10 s, or a request in 30, looked for every 5. */
const httpMs = 45_000;
/** The last ones that came before the process ended: one of them it was. */
const mostSuspects = 200;
const warmUpMs = 3_000;
const preload = fileURLToPath(new URL('../../soak/collect-garbage.ts', import.meta.url));
const opening: readonly string[] = ['postgres-startup', 'tls-hello', 'proxy-header', 'mysql-greeting'];

/**
 * A real Aurelay in front of a real server; strangers at all of its ports, and an innocent session beside them, which has
 * to be answered. In the end there is to be as much as at the beginning.
 */
export async function runLive(t: Cleanup, options: LiveOptions): Promise<LiveOutcome> {
  const { engine, onProgress = () => {} } = options;
  const prng = seededPrng(options.seed);
  const cluster = await engine.start(t, { replicas: 1 });
  const aurelay = await spawnAurelay(
    t,
    {
      cluster,
      failover: { hold: `${holdMs}ms` },
      endpoints: {
        writer: { type: 'writer', handshake_timeout: `${handshakeMs}ms` },
        reader: { type: 'reader', handshake_timeout: `${handshakeMs}ms`, slow_start: '0s' },
      },
    },
    { nodeArguments: ['--expose-gc', '--import', preload] },
  );
  const draw = await drawer(
    aurelay.port('writer'),
    aurelay.port('reader'),
    Number(new URL(aurelay.url).port),
  );
  const violations: string[] = [];
  const suspects: string[] = [];
  let visits = 0;
  const crowd = async (forMs: number): Promise<void> => {
    const endAt = performance.now() + forMs;
    const stranger = async (own: Prng): Promise<void> => {
      while (performance.now() < endAt && violations.length === 0) {
        const plan = draw(own);
        const hex = Buffer.from(plan.bytes).toString('hex');
        suspects.push(`port ${plan.port} ${plan.manner}: ${hex}`);
        if (suspects.length > mostSuspects) suspects.shift();
        visits += 1;
        const wrong = await visit(plan);
        if (wrong !== null) violations.push(`${wrong}; port ${plan.port}, ${plan.manner}, bytes ${hex}`);
      }
    };
    const seeds = Array.from({ length: strangersAtATime }, () => randomIndex(prng, 2 ** 31));
    await Promise.all(seeds.map((seed) => stranger(seededPrng(seed))));
  };

  await crowd(Math.min(warmUpMs, options.forMs));
  const begin = await settledCensus(aurelay);
  const innocent = new Innocent(engine, aurelay.port('writer'));
  const visitsBefore = visits;
  const watch = setInterval(
    () =>
      onProgress(
        `live: ${visits} visits, ${innocent.answers} answers, worst ${Math.round(innocent.worstMs)} ms`,
      ),
    10_000,
  );
  try {
    await crowd(options.forMs);
  } finally {
    clearInterval(watch);
    await innocent.stop();
  }
  if (innocent.harm !== null) violations.push(innocent.harm);
  if ((await readyz(aurelay.url)) !== 200) {
    violations.push(
      `it is not ready any more; it was told last:\n${suspects.join('\n')}\n${aurelay.log().slice(-4_000)}`,
    );
  } else {
    await sleep(0);
    violations.push(...leaks(begin, await settledCensus(aurelay), visits - visitsBefore));
  }
  const { answers, worstMs } = innocent;
  return { visits: visits - visitsBefore, answers, worstMs, violations };
}

/** Who comes next, with what: at a port of an endpoint or of the admin API. */
async function drawer(writer: number, reader: number, admin: number): Promise<(prng: Prng) => Visit> {
  const known = await Promise.all(opening.flatMap((name) => targets[name]?.() ?? []));
  const pools = new Map(known.map((target) => [target, [...target.seeds, ...readCorpus(target.name)]]));
  return (prng) => {
    const [port, bytes] =
      prng.next() < 0.3
        ? [admin, httpRequest(prng)]
        : [prng.next() < 0.5 ? writer : reader, opened(known, pools, prng)];
    // Who waits takes a stranger's time: seldom, and at the admin API very seldom.
    const waits = prng.next() < (port === admin ? 0.002 : 0.03);
    const manner: Manner = waits ? 'wait' : prng.next() < 0.6 ? 'end' : 'reset';
    const isServed =
      port === admin
        ? (heard: string) => heard.includes('text/event-stream')
        : (heard: string) => /^[NS]*R/.test(heard);
    return {
      ...{ port, bytes, manner, prng, isServed },
      deadlineMs: port === admin ? httpMs : handshakeMs + holdMs + lastWordsMs,
    };
  };
}

function opened(
  known: readonly FuzzTarget[],
  pools: ReadonlyMap<FuzzTarget, readonly Uint8Array[]>,
  prng: Prng,
): Uint8Array {
  const target = known[randomIndex(prng, known.length)];
  if (target === undefined) return new Uint8Array(0);
  const pool = pools.get(target) ?? [];
  const of = (): Uint8Array => pool[randomIndex(prng, pool.length)] ?? new Uint8Array(0);
  const input = prng.next() < 0.4 ? (target.generate?.(prng) ?? of()) : of();
  if (prng.next() < 0.3) return input;
  return mutate(input, prng, { dictionary: target.dictionary, other: of(), maxBytes: target.maxBytes });
}

const httpRequest = (prng: Prng): Uint8Array => {
  const request = httpBytes(prng);
  if (prng.next() < 0.5) return request;
  return mutate(request, prng, { dictionary: httpDictionary, other: httpBytes(prng), maxBytes: 40_000 });
};
