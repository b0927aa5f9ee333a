import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { unreachable } from '../../src/base/assert.ts';
import { type Prng, randomIndex, seededPrng } from '../../src/base/prng.ts';
import { cutOff, freeze, kill } from '../chaos/faults.ts';
import { mend, type Rig, startRig, startServers } from '../chaos/rig.ts';
import type { EngineUnderTest } from '../support/engines-under-test.ts';
import type { Cleanup } from '../support/servers.ts';
import { type Census, fold, PeakWatch, sessionsSoFar, settledCensus } from './census.ts';
import { leaks } from './leaks.ts';
import { type Tally, Traffic } from './traffic.ts';

/** What happens to the cluster once in each round. */
export const changes = ['switchover', 'kill the writer', 'cut the writer off', 'freeze a replica'] as const;
export type Change = (typeof changes)[number];

const preload = fileURLToPath(new URL('collect-garbage.ts', import.meta.url));
/** How long a cut or frozen server stays that way. */
const troubleMs = 1_500;

export interface SoakOptions {
  readonly engine: EngineUnderTest;
  readonly seed: number;
  /** Traffic of each round; the pauses in which everything is counted come on top. */
  readonly roundSeconds: number;
  /** No round begins after so much traffic; the first round, which warms up, not counted. */
  readonly seconds: number;
  /** Instead of drawn ones: the change of each round, in turn. */
  readonly changes?: readonly Change[];
  readonly onProgress: (line: string) => void;
}

export interface SoakOutcome {
  /** After the first round. */
  readonly begin: Census;
  readonly peak: Census;
  readonly end: Census;
  /** Sessions that servers took between the two. */
  readonly sessions: number;
  readonly visits: number;
  readonly rounds: number;
  /** Leaks and visits that hung, in words. */
  readonly violations: readonly string[];
}

/**
 * Real servers, a real Aurelay, visitors of all kinds and changes of the writer, round after round of the same load. What
 * the process has in the quiet after the first round it has to have again after the last. Ends with `t`.
 */
export async function runSoak(t: Cleanup, options: SoakOptions): Promise<SoakOutcome> {
  const { engine, roundSeconds, onProgress } = options;
  const prng = seededPrng(options.seed);
  const servers = await startServers(t, engine);
  const rig = await startRig(t, servers, {
    ...{ relayed: true, writer: engine.id(1) },
    nodeArguments: ['--expose-gc', '--import', preload],
    // A client that says nothing is to be gone before everything is counted.
    endpoints: {
      writer: { type: 'writer', handshake_timeout: '2s' },
      reader: { type: 'reader', handshake_timeout: '2s', slow_start: '0s' },
    },
  });
  await mend(rig);
  const rounds = 1 + Math.max(1, Math.round(options.seconds / roundSeconds));
  const settled: Census[] = [];
  const violations: string[] = [];
  const counts: { sessions: number; visits: number; peak: Census }[] = [];
  for (let round = 0; round < rounds; round++) {
    const change = options.changes?.[round % options.changes.length] ?? drawChange(prng);
    const { tally, peak } = await playRound(rig, change, roundSeconds, prng);
    const census = await settledCensus(rig.aurelay);
    settled.push(census);
    const visits = [...tally.visits.values()].reduce((sum, { count }) => sum + count, 0);
    counts.push({ sessions: await sessionsSoFar(rig.aurelay), visits, peak: peak ?? census });
    violations.push(...tally.hung.map((name) => `a visit hung: ${name}`));
    onProgress(`${round === 0 ? 'warm-up' : `round ${round}`}: ${describe(tally, change, census)}`);
  }
  const [begin, end] = [settled[0], settled.at(-1)];
  const [first, last] = [counts[0], counts.at(-1)];
  if (begin === undefined || end === undefined || first === undefined || last === undefined)
    throw new Error('there is a round at least');
  const sessions = last.sessions - first.sessions;
  const measured = counts.slice(1);
  return {
    ...{ begin, end, sessions, rounds: measured.length },
    peak: fold(
      measured.map(({ peak }) => peak),
      Math.max,
    ),
    visits: measured.reduce((sum, { visits }) => sum + visits, 0),
    violations: [...violations, ...leaks(begin, end, sessions)],
  };
}

const drawChange = (prng: Prng): Change => changes[randomIndex(prng, changes.length)] ?? 'switchover';

async function playRound(
  rig: Rig,
  change: Change,
  seconds: number,
  prng: Prng,
): Promise<{ readonly tally: Tally; readonly peak: Census | null }> {
  const { aurelay, engine } = rig;
  const endAt = performance.now() + seconds * 1_000;
  const watch = new PeakWatch(aurelay);
  const ports = { writer: aurelay.port('writer'), reader: aurelay.port('reader') };
  const traffic = new Traffic({ engine, ports, prng });
  try {
    await sleep((seconds * 1_000) / 4);
    await bringAbout(rig, change);
    await mend(rig);
    await sleep(Math.max(0, endAt - performance.now()));
  } finally {
    await traffic.stop();
    await watch.end();
  }
  return { tally: await traffic.stop(), peak: await watch.end() };
}

async function bringAbout(rig: Rig, change: Change): Promise<void> {
  const { writer, instances } = await rig.aurelay.status();
  const replica = instances.find(({ id }) => id !== writer)?.id;
  if (writer === null || replica === undefined) throw new Error('a round begins with a whole cluster');
  switch (change) {
    case 'switchover':
      await rig.aurelay.admin.switchover(rig.engine.cluster, replica).catch(() => {});
      return;
    case 'kill the writer':
      kill(rig, writer);
      return sleep(500);
    case 'cut the writer off':
      cutOff(rig, writer);
      return sleep(troubleMs);
    case 'freeze a replica':
      freeze(rig, replica);
      return sleep(troubleMs);
    default:
      unreachable(change);
  }
}

function describe({ visits }: Tally, change: Change, census: Census): string {
  const all = [...visits.values()];
  const sum = (of: 'count' | 'failed') => all.reduce((total, one) => total + one[of], 0);
  const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  return (
    `${change}; ${sum('count')} visits, ${sum('failed')} not served; then ${census.sessions} sessions, ` +
    `${census.descriptors} descriptors, heap ${megabytes(census.heapBytes)}, resident ${megabytes(census.residentBytes)}`
  );
}
