import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { writeOwned } from '../../src/demo/write-owned.ts';
import { percentile } from '../bench/summary.ts';
import type { EngineUnderTest } from '../support/engines-under-test.ts';
import { eventually, within } from '../support/eventually.ts';
import { type AurelayProcess, spawnAurelay } from '../support/running-aurelay.ts';
import type { Cleanup } from '../support/servers.ts';
import type { Order, Visit } from './crowd.ts';
import { fullBacklogs } from './full-backlogs.ts';
import { scrape } from './scrape.ts';

/** A crowd that takes longer than this has hung. */
const crowdDeadlineMs = 180_000;
/** How closely the gaps between probes are seen. */
const lookEveryMs = 50;

export interface StormOptions {
  readonly engine: EngineUnderTest;
  readonly clients: number;
  /** `max_connections` of each server. */
  readonly serverSlots: number;
  /** `max_connecting` of each instance; null: its default. */
  readonly maxConnecting: number | null;
  /** `max_sessions` of each instance; null: none. */
  readonly maxSessions: number | null;
  readonly withinMs: number;
}

export interface StormOutcome {
  readonly served: number;
  /** How many clients were not, by the code that they got, with the words of one of them. */
  readonly refused: ReadonlyMap<string, { readonly count: number; readonly message: string }>;
  /** From the first knock until the last client knocked, and until the last was served. */
  readonly lastKnockMs: number;
  readonly lastServedMs: number;
  readonly connectMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Of the new writer, from its first moment in office until the crowd was gone. */
  readonly longestProbeGapMs: number;
  readonly failedProbes: number;
  /** Connections to servers that failed. */
  readonly failedDials: number;
  /** Changes of the writer since the crowd came; 1 is the one that it came for. */
  readonly failovers: number;
  readonly mostHeld: number;
  /** Attempts of anybody on this machine that found an accept queue full; null where the system does not tell. */
  readonly fullBacklogs: number | null;
}

/** The writer is killed, and a crowd of clients comes back at once, each for one statement. Ends with `t`. */
export async function runStorm(t: Cleanup, options: StormOptions): Promise<StormOutcome> {
  const { engine, clients, maxConnecting, maxSessions, withinMs } = options;
  const cluster = await engine.start(t, { replicas: 2 });
  await giveSlots(engine, cluster, options.serverSlots);
  const limits = {
    ...(maxConnecting === null ? {} : { max_connecting: maxConnecting }),
    ...(maxSessions === null ? {} : { max_sessions: maxSessions }),
  };
  const aurelay = await spawnAurelay(t, {
    cluster,
    instances: Object.fromEntries(cluster.instances.map(({ id }) => [id, limits])),
  });
  await eventually('every server is healthy', async () =>
    (await aurelay.status()).instances.every(({ health, role }) => health === 'healthy' && role !== null),
  );
  const crowd = await callCrowd(t);
  const before = await aurelay.status();
  const overflows = fullBacklogs();
  const watch = new Watch(aurelay, engine.cluster);
  cluster.instances.find(({ id }) => id === before.writer)?.kill('SIGKILL');
  const visits = await visitsOf(crowd, {
    ...{ family: engine.cluster, port: aurelay.port('writer'), clients, withinMs },
  });
  const seen = await watch.end();
  const after = await aurelay.status();
  return {
    ...{ ...summarise(visits), ...seen },
    failovers: after.epoch - before.epoch,
    fullBacklogs: overflows === null ? null : (fullBacklogs() ?? 0) - overflows,
  };
}

/** Replicas first: one of PostgreSQL must not have fewer slots than its source (manual, "Hot Standby Administration"). */
async function giveSlots(engine: EngineUnderTest, cluster: EmbeddedCluster, slots: number): Promise<void> {
  const replicasFirst = [...cluster.instances].reverse();
  const file = engine.cluster === 'pg' ? 'postgresql.conf' : 'my.cnf';
  for (const instance of replicasFirst) {
    const path = join(instance.directory, file);
    const { uid, gid } = await stat(instance.directory);
    const settings = await readFile(path, 'utf8');
    await instance.stop();
    await writeOwned(path, settings.replace(/^(max_connections ?= ?)\d+$/m, `$1${slots}`), { uid, gid });
    await instance.start();
    await makeWritable(engine, cluster, instance);
  }
}

/** A writer of MySQL starts read-only, whatever it was before. */
async function makeWritable(
  engine: EngineUnderTest,
  { instances }: EmbeddedCluster,
  instance: EmbeddedInstance,
): Promise<void> {
  if (engine.cluster === 'pg' || instance !== instances[0]) return;
  const [driver] = engine.drivers;
  const client = await driver?.connect({ port: instance.port, user: 'aurelay' });
  await client?.query('SET GLOBAL read_only = 0');
  await client?.close();
}

async function callCrowd(t: Cleanup): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('crowd.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await within('the crowd is there', 30_000, once(child, 'message'));
  return child;
}

async function visitsOf(crowd: ChildProcess, order: Order): Promise<readonly Visit[]> {
  const answer = once(crowd, 'message');
  crowd.send(order);
  const [visits] = (await within('the crowd is gone', crowdDeadlineMs, answer)) as [readonly Visit[]];
  return visits;
}

function summarise(visits: readonly Visit[]) {
  const refused = new Map<string, { count: number; message: string }>();
  for (const { code, message } of visits) {
    if (code === null) continue;
    const known = refused.get(code) ?? { count: 0, message: message ?? '' };
    refused.set(code, { ...known, count: known.count + 1 });
  }
  const connects = visits
    .flatMap(({ knockedAt, connectedAt }) => (connectedAt === null ? [] : [connectedAt - knockedAt]))
    .sort((a, b) => a - b);
  return {
    served: visits.filter(({ code }) => code === null).length,
    refused,
    lastKnockMs: Math.max(...visits.map(({ knockedAt }) => knockedAt)),
    lastServedMs: Math.max(0, ...visits.map(({ code, overAt }) => (code === null ? overAt : 0))),
    connectMs: {
      p50: percentile(connects, 0.5),
      p99: percentile(connects, 0.99),
      max: connects.at(-1) ?? 0,
    },
  };
}

/** Looks at the metrics again and again: the count of an instance's probes grows with each that has ended. */
class Watch {
  readonly #aurelay: AurelayProcess;
  readonly #cluster: string;
  #longestGapMs = 0;
  #mostHeld = 0;
  /** The writer at the last look, its probes so far, and when their number last grew. */
  #writer: string | null = null;
  #probes = 0;
  #grewAt = 0;
  #over = false;
  readonly #before: ReturnType<typeof scrape>;
  readonly #running: Promise<void>;

  constructor(aurelay: AurelayProcess, cluster: string) {
    this.#aurelay = aurelay;
    this.#cluster = cluster;
    this.#before = scrape(aurelay.url);
    this.#running = this.#run();
  }

  async end(): Promise<
    Pick<StormOutcome, 'longestProbeGapMs' | 'failedProbes' | 'failedDials' | 'mostHeld'>
  > {
    this.#over = true;
    await this.#running;
    const [before, after] = [await this.#before, await scrape(this.#aurelay.url)];
    const labels = { cluster: this.#cluster, instance: this.#writer ?? '' };
    const grown = (name: string, these: Readonly<Record<string, string>> = {}) =>
      after.sum(name, these) - before.sum(name, these);
    return {
      longestProbeGapMs: this.#longestGapMs,
      failedProbes: grown('aurelay_probe_failures_total', labels),
      failedDials: grown('aurelay_dial_failures_total'),
      mostHeld: this.#mostHeld,
    };
  }

  async #run(): Promise<void> {
    const { writer: old } = await this.#aurelay.status();
    while (!this.#over) {
      await this.#look(old).catch(() => {});
      await sleep(lookEveryMs);
    }
  }

  async #look(old: string | null): Promise<void> {
    const now = await scrape(this.#aurelay.url);
    const at = performance.now();
    this.#mostHeld = Math.max(this.#mostHeld, now.sum('aurelay_held_connections'));
    if (this.#writer === null) {
      const { writer } = await this.#aurelay.status();
      if (writer === old || writer === null) return;
      this.#writer = writer;
      this.#grewAt = at;
    }
    const labels = { cluster: this.#cluster, instance: this.#writer };
    const probes = now.sum('aurelay_probe_duration_seconds_count', labels);
    this.#longestGapMs = Math.max(this.#longestGapMs, at - this.#grewAt);
    if (probes === this.#probes) return;
    this.#probes = probes;
    this.#grewAt = at;
  }
}
