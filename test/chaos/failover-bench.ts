import { setTimeout as sleep } from 'node:timers/promises';
import type { EventJson } from '../../src/admin/api.ts';
import { type Prng, randomIndex, seededPrng } from '../../src/base/prng.ts';
import type { EngineUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { openScope } from '../support/scope.ts';
import type { Cleanup } from '../support/servers.ts';
import { cutOff, freeze, kill } from './faults.ts';
import { type Acknowledged, createNumbered, NumberedWriter, readNumbered } from './numbered-writer.ts';
import { instanceOf, mend, type Rig, type Servers, startRig, startServers } from './rig.ts';

/** In the order of the report. */
export const benchFaults = ['kill -9', 'clean stop', 'SIGSTOP', 'network cut', 'switchover'] as const;
export type BenchFault = (typeof benchFaults)[number];

/** One fault, and what the client saw of it. */
export interface BenchRun {
  readonly engine: string;
  readonly fault: BenchFault;
  /** From the last row that the old writer acknowledged to the first that the new one did, in milliseconds. */
  readonly outageMs: number;
  /** The receipt's duration, from the first sign to the proof, in milliseconds. */
  readonly ownMs: number | null;
  /** Acknowledged by the old writer, and not on the new one. */
  readonly lostRows: number;
  readonly acknowledgedRows: number;
}

export interface BenchOptions {
  readonly engine: EngineUnderTest;
  readonly runs: number;
  readonly seed: number;
  readonly faults?: readonly BenchFault[];
  /** Two of the three copies have each commit. */
  readonly quorum?: boolean;
  readonly onProgress: (line: string) => void;
}

export interface BenchResult {
  /** `PostgreSQL 18.4`. */
  readonly version: string;
  readonly runs: readonly BenchRun[];
}

const insertEveryMs = 10;
/** Longer than a turn of the probes, so that each moment between two of them is as likely as any other. */
const jitterMs = 700;

/** Real servers, a real Aurelay with default settings, one client that writes all the time. Ends with `t`. */
export async function benchFailover(t: Cleanup, options: BenchOptions): Promise<BenchResult> {
  const { engine, runs, faults = benchFaults, quorum = false, onProgress } = options;
  const servers = await startServers(t, engine);
  const version = `${engine.name} ${servers.cluster.version.replace('-MariaDB', '')}`;
  const prng = seededPrng(options.seed);
  const done: BenchRun[] = [];
  let writer = servers.cluster.instances[0]?.id ?? '';
  for (const fault of faults) {
    onProgress(`${version}: ${fault}`);
    writer = await benchFault(servers, writer, { fault, runs, prng, quorum, onProgress }, done);
  }
  return { version, runs: done };
}

interface FaultOptions {
  readonly fault: BenchFault;
  readonly runs: number;
  readonly prng: Prng;
  readonly quorum: boolean;
  readonly onProgress: (line: string) => void;
}

/** Returns who is the writer in the end. */
async function benchFault(
  servers: Servers,
  writer: string,
  { fault, runs, prng, quorum, onProgress }: FaultOptions,
  done: BenchRun[],
): Promise<string> {
  const { scope, end } = openScope();
  try {
    const rig = await startRig(scope, servers, {
      relayed: fault === 'network cut',
      writer,
      ...(quorum ? { durability: { copies: 3, write_quorum: 2 } } : {}),
    });
    await mend(rig);
    const port = rig.aurelay.port('writer');
    await createNumbered(rig.engine, port);
    const client = NumberedWriter.start(scope, {
      ...{ engine: rig.engine, port, client: 1, intervalMs: insertEveryMs },
    });
    const lost = new Set<number>();
    for (let count = 1; count <= runs; count++) {
      await mend(rig);
      await client.untilMore(20);
      await sleep(randomIndex(prng, jitterMs));
      const run = await oneRun(rig, client, { fault, known: lost });
      done.push(quorum ? { ...run, engine: `${run.engine}, 2 of 3` } : run);
      onProgress(
        `  ${count}: ${Math.round(run.outageMs)} ms, Aurelay ${run.ownMs ?? '?'} ms, ${run.lostRows} lost`,
      );
    }
    return (await mend(rig)).writer ?? writer;
  } finally {
    await end();
  }
}

/** `known`: the numbers that earlier runs lost; this one's are added. */
async function oneRun(
  rig: Rig,
  client: NumberedWriter,
  { fault, known }: { readonly fault: BenchFault; readonly known: Set<number> },
): Promise<BenchRun> {
  const before = await rig.aurelay.status();
  if (before.writer === null) throw new Error('a run begins with a writer');
  const old = instanceOf(rig, before.writer);
  const first = client.acknowledged.length;
  const consequences = inject(rig, old.id, fault);
  const isNew = ({ server }: Acknowledged) => server !== old.port;
  const rows = () => client.acknowledged.slice(first);
  await eventually('the new writer takes rows', () => rows().filter(isNew).length >= 10, 60_000);
  await consequences;
  const receipt = await eventually('the receipt is there', () => receiptAfter(rig, before.epoch));
  const firstNew = rows().find(isNew);
  const lastOld = client.acknowledged.filter((row) => !isNew(row)).at(-1);
  if (firstNew === undefined || lastOld === undefined) throw new Error('rows before and after');
  if (lastOld.at > firstNew.at) throw new Error('the old writer acknowledged after the new one had');
  const stored = new Set(
    (await readNumbered(rig.engine, rig.aurelay.port('writer'))).map((row) => row.number),
  );
  const missing = client.acknowledged.filter(
    ({ number, server }) => server === old.port && !stored.has(number) && !known.has(number),
  );
  for (const { number } of missing) known.add(number);
  const duration = receipt.details.duration_seconds;
  return {
    engine: rig.engine.name,
    fault,
    outageMs: firstNew.at - lastOld.at,
    ownMs: typeof duration === 'number' ? Math.round(duration * 1000) : null,
    lostRows: missing.length,
    acknowledgedRows: client.acknowledged.length,
  };
}

async function receiptAfter({ aurelay }: Rig, epoch: number): Promise<EventJson | null> {
  const events = await aurelay.admin.recentEvents();
  return events.find((event) => event.name === 'failover.completed' && event.epoch > epoch) ?? null;
}

async function inject(rig: Rig, id: string, fault: BenchFault): Promise<void> {
  switch (fault) {
    case 'kill -9':
      kill(rig, id);
      return;
    case 'clean stop':
      await instanceOf(rig, id).stop();
      return;
    case 'SIGSTOP':
      freeze(rig, id);
      return;
    case 'network cut':
      cutOff(rig, id);
      return;
    case 'switchover': {
      const next = rig.cluster.instances.find((instance) => instance.id !== id);
      await rig.aurelay.admin.switchover(rig.engine.cluster, next?.id ?? '');
      return;
    }
  }
}
