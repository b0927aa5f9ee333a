import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import type { Observer } from './observer.ts';
import type { Node, PatroniCluster } from './patroni-cluster.ts';
import type { Writer } from './writer.ts';

export interface Lab {
  readonly cluster: PatroniCluster;
  readonly aurelay: Observer;
  readonly writers: readonly Writer[];
}

/** A fault, and what ends it. */
export interface Trial {
  readonly name: string;
  readonly what: string;
  /** Whether another server is the leader at the end. */
  readonly moves: boolean;
  begin(lab: Lab, leader: Node): Promise<void>;
  heal(lab: Lab, leader: Node): Promise<void>;
}

const nothing = async (): Promise<void> => {};

const others = ({ cluster }: Lab, leader: Node): Node[] => cluster.nodes.filter((node) => node !== leader);

export const trials: readonly Trial[] = [
  {
    name: 'switchover',
    what: '`patronictl switchover`',
    moves: true,
    begin: async (lab, leader) => {
      const [to] = others(lab, leader);
      const args = ['--master', leader.name, '--candidate', to?.name ?? '', '--force'];
      const { status, output } = await lab.cluster.ctl('switchover', ...args);
      if (status !== 0) throw new Error(output);
    },
    heal: nothing,
  },
  {
    name: 'postgres-killed',
    what: '`kill -9` of PostgreSQL alone; Patroni starts it again in place',
    moves: false,
    begin: async ({ cluster }, leader) => cluster.signalServer(leader, 'SIGKILL'),
    heal: nothing,
  },
  {
    name: 'patroni-killed',
    what: '`kill -9` of Patroni alone; its PostgreSQL goes on',
    moves: true,
    begin: async (_, leader) => void leader.patroni?.kill('SIGKILL'),
    heal: ({ cluster }, leader) => cluster.startPatroni(leader),
  },
  {
    name: 'machine-killed',
    what: '`kill -9` of both, as when a machine is lost',
    moves: true,
    begin: async ({ cluster }, leader) => {
      leader.patroni?.kill('SIGKILL');
      cluster.signalServer(leader, 'SIGKILL');
    },
    heal: ({ cluster }, leader) => cluster.startPatroni(leader),
  },
  {
    name: 'machine-frozen',
    what: 'both stopped (`SIGSTOP`), and later let go on',
    moves: true,
    begin: async ({ cluster }, leader) => {
      leader.patroni?.kill('SIGSTOP');
      cluster.signalServer(leader, 'SIGSTOP');
      cluster.signalSessions(leader, 'SIGSTOP');
    },
    heal: async ({ cluster }, leader) => {
      cluster.signalSessions(leader, 'SIGCONT');
      cluster.signalServer(leader, 'SIGCONT');
      await sleep(1_000);
      leader.patroni?.kill('SIGCONT');
    },
  },
  {
    name: 'etcd-gone',
    what: 'etcd away for 40 s: Patroni demotes its leader',
    moves: false,
    begin: async ({ cluster }) => {
      cluster.signalEtcd('SIGSTOP');
      await sleep(40_000);
      cluster.signalEtcd('SIGCONT');
    },
    heal: nothing,
  },
  {
    name: 'restart',
    what: '`patronictl restart` of the leader',
    moves: false,
    begin: async ({ cluster }, leader) => void (await cluster.ctl('restart', leader.name, '--force')),
    heal: nothing,
  },
  {
    name: 'paused',
    what: '`patronictl pause`, PostgreSQL killed, `resume` after 15 s',
    moves: false,
    begin: async ({ cluster }, leader) => {
      await cluster.ctl('pause', '--wait');
      cluster.signalServer(leader, 'SIGKILL');
      await sleep(15_000);
      await cluster.ctl('resume', '--wait');
    },
    heal: nothing,
  },
];

export interface Outcome {
  readonly trial: string;
  /** From the fault to a writable leader, asked directly every 50 ms; null where the leader never went away. */
  readonly leaderMs: number | null;
  readonly proxies: readonly {
    readonly proxy: string;
    readonly gapMs: number;
    readonly lost: number;
    readonly errors: number;
  }[];
  readonly phases: readonly string[];
}

const settleMs = 150_000;

export async function runTrial(lab: Lab, trial: Trial): Promise<Outcome> {
  const { cluster, aurelay, writers } = lab;
  await eventually('the cluster is complete', () => cluster.isComplete(), settleMs);
  const before = await cluster.leader();
  await eventually('everybody writes', () => allWrite(writers), settleMs);
  await sleep(2_000);
  const since = performance.now();
  const errors = writers.map((writer) => writer.errors.length);
  const seen = (await aurelay.events()).at(-1)?.seq ?? 0;
  const watch = watchLeader(cluster, before, since);
  await trial.begin(lab, before);
  const begun = performance.now();
  await eventually(
    `after "${trial.name}" everybody writes`,
    async () => (!trial.moves || (await moved(cluster, before, writers))) && allWrite(writers, begun + 500),
    settleMs,
  ).catch(async (error: unknown) => {
    throw new Error(await whoIsStuck(lab), { cause: error });
  });
  await sleep(1_000);
  const until = performance.now();
  await trial.heal(lab, before);
  await eventually('the cluster is complete again', () => cluster.isComplete(), settleMs);
  const leader = await cluster.leader();
  await eventually('everybody writes again', () => allWrite(writers, performance.now() - 1_000), settleMs);
  const proxies = [];
  for (const [index, writer] of writers.entries()) {
    const rows = await cluster.query(leader, `SELECT id FROM written WHERE proxy = '${writer.proxy}'`);
    const present = new Set(rows.map(({ id }) => Number(id)));
    const told = writer.acknowledged.filter(({ at }) => at >= since && at <= until);
    proxies.push({
      proxy: writer.proxy,
      gapMs: Math.round(writer.longestGapMs(since, until)),
      lost: told.filter(({ id }) => !present.has(id)).length,
      errors: writer.errors.length - (errors[index] ?? 0),
    });
  }
  const events = (await aurelay.events()).filter(({ seq }) => seq > seen);
  return {
    trial: trial.name,
    leaderMs: await watch.end(),
    proxies,
    phases: events.map(({ at, name, message }) => `${at.slice(11, 23)} ${name}: ${message}`),
  };
}

/** What each party says of the leader, for a trial that does not end. */
async function whoIsStuck({ cluster, aurelay, writers }: Lab): Promise<string> {
  const { phase, reason, instances } = await aurelay.status();
  const said = instances.map(({ id, role, health, withheld }) => ({ id, role, health, withheld }));
  const wrote = writers.map(({ proxy, acknowledged, errors }) => ({
    proxy,
    last: acknowledged.at(-1),
    error: errors.at(-1),
  }));
  return JSON.stringify(
    { patroni: await cluster.members(), aurelay: { phase, reason, said }, wrote },
    null,
    1,
  );
}

const allWrite = (writers: readonly Writer[], since = performance.now() - 300): boolean =>
  writers.every(({ acknowledged }) => (acknowledged.at(-1)?.at ?? 0) > since);

async function moved(cluster: PatroniCluster, before: Node, writers: readonly Writer[]): Promise<boolean> {
  return (
    writers.every(({ acknowledged }) => acknowledged.at(-1)?.server !== String(before.port)) &&
    (await cluster.leader()) !== before
  );
}

/** When a server takes writes, asked without any proxy; the old leader counts once it did not for a moment. */
function watchLeader(
  cluster: PatroniCluster,
  before: Node,
  since: number,
): { end(): Promise<number | null> } {
  let ended = false;
  let gone = false;
  let found: number | null = null;
  const look = async (node: Node): Promise<void> => {
    while (!ended && found === null) {
      const late = sleep(1_000).then(() => null);
      const rows = await Promise.race([
        cluster.query(node, 'SELECT pg_is_in_recovery() AS replica').catch(() => null),
        late,
      ]);
      const writable = rows?.[0]?.replica === false;
      if (node === before && !writable) gone = true;
      if (writable && (node !== before || gone)) found ??= Math.round(performance.now() - since);
      await sleep(50);
    }
  };
  const looking = Promise.all(cluster.nodes.map(look));
  return {
    end: async () => {
      ended = true;
      await looking;
      return found;
    },
  };
}
