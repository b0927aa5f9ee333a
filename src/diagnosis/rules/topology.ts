import { formatDuration } from '../../base/duration.ts';
import { formatAddress, isReachedAt } from '../../cluster/instance.ts';
import { act, configureEndpoint, configureInstance, sql } from '../fix.ts';
import { type ClusterRule, found, notApplicable, notChecked, passed, type ServerRule } from '../rule.ts';
import {
  type ClusterSubject,
  instanceAt,
  isAutomatic,
  isReplica,
  mayBePromoted,
  type ServerSubject,
  serversOf,
  writerOf,
  writersOf,
} from '../subject.ts';

const names = (servers: readonly ServerSubject[]): string =>
  servers.map(({ instance }) => instance.id).join(', ');

export const topologyRules: readonly ClusterRule[] = [
  {
    id: 'several-writers',
    severity: 'error',
    scope: 'cluster',
    expects: 'one server takes writes',
    why: 'Aurelay cannot know which of them is right: it gives nobody a writer until a person has decided.',
    remedy: 'make all but the right one read-only, or stop them, and rebuild them as replicas',
    look: (cluster) => {
      const writers = writersOf(cluster);
      if (writers.length < 2) return passed;
      const list = names(writers);
      return found(
        `${list} all take writes`,
        act(
          `decide which of ${list} has the data to keep; stop the others and rebuild them as its replicas (docs/rejoin.md)`,
        ),
      );
    },
  },
  {
    id: 'no-writer',
    severity: 'error',
    scope: 'cluster',
    expects: 'a server takes writes',
    why: 'Without a writer the writer endpoint serves nobody; and where Aurelay never saw one, it promotes nobody by itself.',
    remedy: 'start the writer, make it writable again, or `aurelay failover CLUSTER`',
    look: (cluster) => {
      if (writersOf(cluster).length > 0) return passed;
      const silent = cluster.instances.filter(({ survey }) => survey.kind === 'failed');
      if (silent.length === cluster.instances.length) return notChecked('no server answered');
      if (silent.length > 0) {
        const list = silent.map(({ instance }) => instance.id).join(', ');
        return found(
          `no server that answered takes writes; ${list} did not answer`,
          act(`mend ${list}, as the findings about it say; the writer may be among them`),
        );
      }
      return found(
        'every server is read-only',
        act(
          `\`aurelay failover ${cluster.cluster.id}\` promotes the most advanced; or make the right one writable yourself`,
        ),
      );
    },
  },
  {
    id: 'different-data',
    severity: 'error',
    scope: 'cluster',
    expects: 'the PostgreSQL servers are copies of one (one system identifier)',
    why: 'A server of another origin can never replicate from the others, and would serve other data.',
    remedy: 'rebuild it with pg_basebackup, or take it out of the cluster',
    look: (cluster) => {
      const servers = serversOf(cluster).filter(({ facts }) => facts.engine === 'postgres');
      const [first] = servers;
      if (first === undefined) return notApplicable;
      const right = writerOf(cluster) ?? first;
      const wrong = servers.filter(
        ({ facts }) => facts.observation.identity !== right.facts.observation.identity,
      );
      if (wrong.length === 0) return passed;
      const { host, port } = right.instance.replicationAddress ?? right.instance.address;
      return found(
        `${names(wrong)} ${wrong.length === 1 ? 'is' : 'are'} no copy of ${right.instance.id}: another system identifier`,
        act(
          `correct the address, or rebuild there: \`pg_basebackup -D DATA -h ${host} -p ${port} -U REPLICATION_USER -R\``,
        ),
      );
    },
  },
  {
    id: 'versions-differ',
    severity: 'error',
    scope: 'cluster',
    expects: 'the servers have one major version, and no replica is older than the writer',
    why: 'PostgreSQL replicates within one major version only; a MySQL or MariaDB replica that is older than its source may not understand it, and after a failover the older ones stop.',
    remedy: 'bring the servers to one version, replicas first',
    look: (cluster) => {
      const writer = writerOf(cluster);
      if (writer === null) return notApplicable;
      const wrong = serversOf(cluster).filter((one) => one !== writer && isTooOld(one, writer));
      if (wrong.length === 0) return passed;
      const list = wrong.map(({ instance, facts }) => `${instance.id} is ${facts.observation.version}`);
      return found(
        `${list.join(', ')}; the writer is ${writer.facts.observation.version}`,
        act(`upgrade ${names(wrong)} to ${writer.facts.observation.version}`),
      );
    },
  },
  {
    id: 'versions-mixed',
    severity: 'advice',
    scope: 'cluster',
    expects: 'the servers have one and the same version',
    why: 'After a failover applications meet another version, with its own faults and settings; fine during an upgrade.',
    remedy: 'finish the upgrade',
    look: (cluster) => {
      const versions = new Set(serversOf(cluster).map(({ facts }) => facts.observation.version));
      if (versions.size <= 1) return passed;
      return found(
        `there are ${[...versions].sort().join(', ')}`,
        act('bring every server to the newest of them'),
      );
    },
  },
  {
    id: 'quorum-out-of-reach',
    severity: 'error',
    scope: 'cluster',
    expects: 'enough copies answer for the write quorum, and for a failover',
    why: 'Below the write quorum commits wait (or go on unprotected), and too few copies can promote nobody.',
    remedy: 'bring the missing copies back, or lower `copies` and `write_quorum`',
    look: (cluster) => {
      const { durability } = cluster.cluster;
      if (durability === null) return notApplicable;
      const answering = serversOf(cluster).filter(({ instance }) => instance.copy).length;
      const { copies, writeQuorum } = durability;
      const needed = copies - writeQuorum + 1;
      if (answering >= writeQuorum && answering >= needed) return passed;
      return found(
        `${answering} of ${copies} copies answer; a commit needs ${writeQuorum}, a failover ${needed}`,
        act('mend the servers that did not answer, as the findings about them say'),
      );
    },
  },
  {
    id: 'no-successor',
    severity: 'error',
    scope: 'cluster',
    expects: 'with `mode: automatic`, a replica is there to be promoted',
    why: 'When the writer is lost nobody takes over.',
    remedy: 'add a replica, or mend one',
    look: (cluster) => {
      if (!isAutomatic(cluster) || writerOf(cluster) === null) return notApplicable;
      const candidates = serversOf(cluster).filter((one) => isReplica(one) && mayBePromoted(one));
      if (candidates.length > 0) return passed;
      return found(
        'no replica that answers could be promoted',
        act('add a replica, or mend one of those that there are'),
      );
    },
  },
  {
    id: 'one-successor',
    severity: 'advice',
    scope: 'cluster',
    expects: 'with `mode: automatic`, two replicas are there to be promoted',
    why: 'After one failover, and until the old writer is back, nobody is left to promote.',
    remedy: 'add a second replica',
    look: (cluster) => {
      if (!isAutomatic(cluster) || writerOf(cluster) === null) return notApplicable;
      const candidates = serversOf(cluster).filter((one) => isReplica(one) && mayBePromoted(one));
      if (candidates.length === 0) return notApplicable;
      if (candidates.length > 1) return passed;
      return found(`${names(candidates)} is the only one`, act('add a second replica'));
    },
  },
  {
    id: 'one-zone',
    severity: 'advice',
    scope: 'cluster',
    expects: 'the writer and a replica are in different zones, where zones are given',
    why: 'When the zone is lost, the whole cluster is.',
    remedy: 'a replica in another zone',
    look: ({ cluster }) => {
      const zones = [...cluster.instances.values()].map(({ zone }) => zone);
      const [zone] = zones;
      if (zones.length < 2 || zone == null) return notApplicable;
      if (zones.some((other) => other !== zone)) return passed;
      return found(`every instance is in zone ${zone}`, act('add a replica in another zone'));
    },
  },
  {
    id: 'max-lag-too-fine',
    severity: 'warning',
    scope: 'cluster',
    expects: '`max_lag` of every endpoint is more than a lag can be told to',
    why: 'Lag is known as of the last health check, on MySQL and MariaDB in whole seconds: replicas that are up to date fall out and come back.',
    remedy: 'a `max_lag` of several `health.interval`s, on MySQL and MariaDB 2 s or more',
    look: ({ cluster }) => {
      const finest = cluster.engine === 'mysql' ? 2_000 : 2 * cluster.health.intervalMs;
      const limited = [...cluster.endpoints.values()].flatMap((endpoint) =>
        (endpoint.type === 'reader' || endpoint.type === 'custom') && endpoint.maxLagMs !== null
          ? [{ id: endpoint.id, maxLagMs: endpoint.maxLagMs }]
          : [],
      );
      if (limited.length === 0) return notApplicable;
      return limited.map(({ id, maxLagMs }) =>
        maxLagMs >= finest
          ? passed
          : found(
              `max_lag of endpoint ${id} is ${formatDuration(maxLagMs)}`,
              configureEndpoint(cluster.id, id, `max_lag: ${formatDuration(finest)}`),
            ),
      );
    },
  },
];

function isTooOld(one: ServerSubject, writer: ServerSubject): boolean {
  const [its, the] = [one.facts.versionNumber, writer.facts.versionNumber];
  if (one.facts.engine === 'postgres') return its.major !== the.major;
  return its.major < the.major || (its.major === the.major && its.minor < the.minor);
}

export const replicaRules: readonly ServerRule[] = [
  {
    id: 'writable-replica',
    severity: 'error',
    scope: 'server',
    expects: 'a replica refuses writes',
    why: 'What is written there alone is lost when it is rebuilt, and stops replication or a failover before that.',
    remedy: 'make it read-only, in its option file too',
    look: ({ facts, instance }) => {
      if (facts.observation.replication === null) return notApplicable;
      if (!facts.observation.writable) return passed;
      return found(
        'it replicates, and takes writes all the same',
        sql(instance.id, `SET GLOBAL ${readOnlyName(facts)} = ON;`),
      );
    },
  },
  {
    id: 'foreign-source',
    severity: 'error',
    scope: 'server',
    expects:
      'each replica replicates from an instance of the cluster, under an address that the configuration has',
    why: 'Aurelay cannot tell that it follows the writer: it takes it for stranded, and it bears no witness for the writer.',
    remedy: '`replication_address` on the instance that it replicates from, or point the replica at it',
    look: ({ facts, of }) => {
      const source = facts.observation.replication?.source ?? null;
      if (source === null) return notApplicable;
      if (of.instances.some(({ instance }) => isReachedAt(instance, source))) return passed;
      const meant = instanceAt(of, source);
      if (meant !== null) {
        return found(
          `it replicates from ${formatAddress(source)}, which is ${meant.instance.id} by another name`,
          configureInstance(
            of.cluster.id,
            meant.instance.id,
            `replication_address: ${formatAddress(source)}`,
          ),
        );
      }
      return found(
        `it replicates from ${formatAddress(source)}, which is the address of no instance`,
        act(
          `if that is an instance of the cluster, give it \`replication_address: ${formatAddress(source)}\`; else point this replica at the writer`,
        ),
      );
    },
  },
  {
    id: 'cascading-replica',
    severity: 'advice',
    scope: 'server',
    expects: 'each replica replicates from the writer itself',
    why: 'It lags behind two servers, and a write quorum does not count it; Aurelay leaves it so until its source is lost.',
    remedy: 'point it at the writer',
    look: ({ facts, of }) => {
      const source = facts.observation.replication?.source ?? null;
      const writer = writerOf(of);
      if (source === null || writer === null) return notApplicable;
      const from = instanceAt(of, source);
      if (from === null) return notApplicable;
      if (from.instance.id === writer.instance.id) return passed;
      return found(
        `it replicates from ${from.instance.id}, and the writer is ${writer.instance.id}`,
        act(`point it at ${formatAddress(writer.instance.replicationAddress ?? writer.instance.address)}`),
      );
    },
  },
  {
    id: 'not-replicating',
    severity: 'error',
    scope: 'server',
    expects: 'each replica receives from its source',
    why: 'It falls behind, and what it lacks is lost when it is promoted.',
    remedy: 'as the error of replication says; start replication',
    look: ({ facts, instance, of }) => {
      if (facts.observation.role !== 'replica') return notApplicable;
      const { replication } = facts.observation;
      if (replication === null) {
        const why =
          facts.engine === 'postgres'
            ? 'it is read-only, and no replica'
            : 'it is read-only, and replicates from nobody';
        return found(why, act(rejoinText(of, instance.id)));
      }
      if (replication.streaming && replication.error === null) return passed;
      const why = replication.error ?? (replication.stopped ? 'receiving was switched off' : null);
      return found(
        `it does not receive from its source${why === null ? '' : `: ${why}`}`,
        ...replicationFix(facts.engine, instance.id),
      );
    },
  },
  {
    id: 'ahead-of-writer',
    severity: 'error',
    scope: 'server',
    expects: 'no replica has what the writer lacks',
    why: 'It was written there by mistake or in a lost term of office: replication stops over it, and a promotion would bring it back.',
    remedy: 'look at what it is; then rebuild the replica from the writer',
    look: ({ facts, of, instance }) => {
      const writer = writerOf(of);
      if (writer === null || writer.instance.id === instance.id) return notApplicable;
      if (writer.later === null) return notChecked('the writer did not answer a second time');
      const compared = of.positions.compare(facts.observation.position, writer.later.position);
      if (compared === 'equal' || compared === 'behind') return passed;
      const missing = of.positions.missing(facts.observation.position, writer.later.position);
      if (missing === null && facts.observation.position === 'unknown') {
        return notChecked('it does not say what it has');
      }
      const amount =
        missing === null || missing.amount === 0 ? 'something' : `${missing.amount} ${missing.unit}`;
      return found(
        `it has ${amount} that ${writer.instance.id} lacks (${facts.observation.position})`,
        act(`keep what matters of it, and rebuild it from ${writer.instance.id} (docs/rejoin.md)`),
      );
    },
  },
  {
    id: 'candidate-behind',
    severity: 'warning',
    scope: 'server',
    expects: 'no replica that could be promoted is more than a minute behind',
    why: 'A failover to it waits until it has applied what it received, and loses what it has not.',
    remedy:
      'find out why it cannot keep up (disk, one apply thread, a long query), or give it a later `promotion_tier`',
    look: (server) => {
      const { lagSeconds } = server.facts.observation;
      if (!isReplica(server) || !mayBePromoted(server) || lagSeconds === null) return notApplicable;
      if (lagSeconds <= mostLagSeconds) return passed;
      return found(
        `it is ${formatDuration(lagSeconds * 1000)} behind`,
        configureInstance(server.of.cluster.id, server.instance.id, 'promotion_tier: 15'),
      );
    },
  },
];

const mostLagSeconds = 60;

const readOnlyName = (facts: ServerSubject['facts']): string =>
  facts.engine === 'mysql' && facts.flavor === 'mysql' ? 'super_read_only' : 'read_only';

const rejoinText = ({ cluster }: ClusterSubject, id: string): string =>
  cluster.rejoinCommand === null
    ? `make it a replica of the writer again (docs/rejoin.md), or name a \`rejoin_command\` that does`
    : `a running Aurelay brings ${id} back with \`rejoin_command\`; see \`aurelay events\``;

const replicationFix = (engine: 'postgres' | 'mysql', id: ServerSubject['instance']['id']) =>
  engine === 'postgres'
    ? [
        act(
          "look into the server's log for what its walreceiver says; a running Aurelay points a replica at the writer by itself",
        ),
      ]
    : [act(`mend what the error says, then on ${id}: START REPLICA; (MariaDB: START SLAVE;)`)];
