import { clusterId, endpointId, instanceId } from '../../src/base/brand.ts';
import type { Instance } from '../../src/cluster/instance.ts';
import type { Observation, ProbeFailure } from '../../src/cluster/observation.ts';
import type { Position } from '../../src/cluster/position.ts';
import type { ClusterConfig, Config } from '../../src/config/config.ts';
import type { ClusterSubject, InstanceSubject, MachineSubject } from '../../src/diagnosis/subject.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { engines } from '../../src/engines/engines.ts';
import type { MysqlFacts, PostgresFacts, PostgresSetting, VariableOrigin } from '../../src/engines/survey.ts';
import { defaultClusterConfig } from '../support/default-cluster-config.ts';

/** A cluster in which nothing is wrong, to be broken in one place. */
export interface Draft {
  machine: Mutable<MachineSubject>;
  cluster: Mutable<ClusterConfig>;
  /** The first is the writer. */
  servers: [DraftServer, DraftServer, DraftServer];
}

export interface DraftServer {
  instance: Mutable<Instance>;
  /** Null: it answers. */
  failure: ProbeFailure | null;
  resolved: readonly string[];
  observation: Mutable<Observation>;
  /** The writer's, after all the others had been asked. */
  later: Observation | null;
  /** Of PostgreSQL. */
  settings: Map<string, PostgresSetting>;
  /** Of MySQL and MariaDB. */
  variables: Map<string, string>;
  origins: Map<string, VariableOrigin> | null;
  postgres: Mutable<PostgresFacts>;
  mysql: Mutable<MysqlFacts>;
}

type Mutable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

export type Flavor = 'postgres' | 'mysql' | 'mariadb';

export const now = Date.parse('2026-06-01T00:00:00Z');
export const days = (count: number): number => now + count * 24 * 3_600_000;

const endpoint = (type: 'writer' | 'reader'): Endpoint =>
  ({
    id: endpointId(type),
    cluster: clusterId('orders'),
    type,
    listen: { host: '0.0.0.0', port: type === 'writer' ? 6432 : 6433 },
    hostname: null,
    default: false,
    maxSessions: 40,
    connectTimeoutMs: 5_000,
    handshakeTimeoutMs: 10_000,
    idleTimeoutMs: 0,
    connectionIds: 'aurelay',
    tls: { mode: 'passthrough' },
    ...(type === 'reader'
      ? { balance: 'round-robin', maxLagMs: 5_000, preferZone: null, fallback: 'writer', slowStartMs: 0 }
      : {}),
  }) as unknown as Endpoint;

export const endpoints = (...list: readonly Endpoint[]) => new Map(list.map((one) => [one.id, one]));
export const writerEndpoint = endpoint('writer');
export const readerEndpoint = endpoint('reader');

export function healthy(flavor: Flavor): Draft {
  const servers = [1, 2, 3].map((number) => server(flavor, number)) as Draft['servers'];
  servers[0].later = servers[0].observation;
  const cluster: Mutable<ClusterConfig> = {
    ...defaultClusterConfig(
      'orders',
      servers.map(({ instance }) => instance),
    ),
    engine: flavor === 'postgres' ? 'postgres' : 'mysql',
    serverTls: { mode: 'verify-full', ca: '/ca.pem', certificate: null, key: null, serverName: null },
    replication: { user: 'replicator', password: 'secret' },
    endpoints: endpoints(writerEndpoint, readerEndpoint),
  };
  return { machine: machine(), cluster, servers };
}

const machine = (): Mutable<MachineSubject> => ({
  config: {} as Config,
  isRunning: false,
  listeners: [
    { what: 'the admin API', cluster: null, address: { host: '127.0.0.1', port: 8080 }, state: 'free' },
    {
      what: 'endpoint writer',
      cluster: clusterId('orders'),
      address: { host: '0.0.0.0', port: 6432 },
      state: 'ours',
    },
  ],
  stateDir: { path: '/var/lib/aurelay', trouble: null, passing: null, freeBytes: 10 ** 10 },
  openFiles: { allowed: 100_000, needed: 672 },
  certificates: [{ file: '/ca.pem', cluster: clusterId('orders'), what: 'server_tls', expiresAt: days(400) }],
  now,
});

function server(flavor: Flavor, number: number): DraftServer {
  const id = instanceId(`orders-${number}`);
  const isWriter = number === 1;
  const observation: Observation = {
    role: isWriter ? 'writer' : 'replica',
    writable: isWriter,
    identity: flavor === 'postgres' ? '7000' : `uuid-${number}`,
    timeline: flavor === 'postgres' ? 1 : null,
    position: positions[flavor],
    lagSeconds: 0,
    replication: isWriter
      ? null
      : {
          source: { host: '10.0.0.1', port: ports[flavor] },
          streaming: true,
          heardSecondsAgo: 0,
          error: null,
          stopped: false,
          acknowledges: true,
        },
    acknowledgement: null,
    version: versions[flavor].name,
  };
  const common = {
    observation,
    latencyMs: 3,
    clock: { aheadMs: 20, uncertaintyMs: 2 },
    tls: { protocol: 'TLSv1.3', expiresAt: days(300), names: `IP Address:10.0.0.${number}`, nameFault: null },
    versionNumber: versions[flavor],
    unread: new Map(),
  };
  return {
    instance: {
      id,
      address: { host: `10.0.0.${number}`, port: ports[flavor] },
      replicationAddress: null,
      zone: `zone-${number}`,
      copy: true,
      promotionTier: 1,
      weight: 1,
      tags: {},
    },
    failure: null,
    resolved: [],
    observation,
    later: null,
    settings: settings(),
    variables: variables(flavor, number),
    origins: new Map(
      ['read_only', 'super_read_only'].map((name) => [name, isWriter ? 'running' : 'lasting']),
    ),
    postgres: {
      engine: 'postgres',
      ...common,
      inRecovery: !isWriter,
      settings: new Map(),
      rights: {
        user: 'aurelay',
        superuser: false,
        connectionLimit: 8,
        monitor: true,
        signalBackend: true,
        promote: true,
        reload: true,
        reservedConnections: true,
        alterSystem: new Map([
          ['primary_conninfo', true],
          ['default_transaction_read_only', true],
          ['synchronous_standby_names', true],
        ]),
      },
      conninfo: isWriter
        ? null
        : {
            source: { host: '10.0.0.1', port: 5432 },
            user: 'replicator',
            applicationName: id,
            hasCredential: true,
            sslmode: 'verify-full',
          },
      replicas: isWriter ? [{ name: 'orders-2', user: 'replicator', state: 'streaming' }] : [],
      slots: [],
      overrides: [],
      replayPaused: false,
      superuserSessions: [],
      hba: [
        {
          line: 1,
          type: 'hostssl',
          databases: ['replication'],
          users: ['replicator'],
          address: '10.0.0.0',
          netmask: '255.255.255.0',
          method: 'scram-sha-256',
        },
      ],
    },
    mysql: {
      engine: 'mysql',
      ...common,
      flavor: flavor === 'mariadb' ? 'mariadb' : 'mysql',
      variables: new Map(),
      origins: null,
      rights: {
        account: "'aurelay'@'%'",
        privileges: new Set(privileges[flavor]),
        performanceSchema: true,
        connectionLimit: 8,
      },
      channels: isWriter
        ? []
        : [
            {
              name: '',
              source: { host: '10.0.0.1', port: 3306 },
              user: 'replicator',
              receiving: 'running',
              receiveError: null,
              applying: true,
              applyError: null,
              usesGtid: true,
              usesTls: true,
              asksForKey: flavor === 'mysql' ? false : null,
              delaySeconds: 0,
              heartbeatSeconds: 1,
              filters: [],
            },
          ],
      semiSync: { source: true, replica: true },
    },
  };
}

const ports = { postgres: 5432, mysql: 3306, mariadb: 3306 };
const positions = {
  postgres: '1/0/3000060' as Position,
  mysql: 'aaaaaaaa-0000-0000-0000-000000000001:1-100' as Position,
  mariadb: '0-1-100' as Position,
};
const versions = {
  postgres: { major: 18, minor: 4, patch: 0, name: 'PostgreSQL 18.4' },
  mysql: { major: 8, minor: 4, patch: 3, name: 'MySQL 8.4.3' },
  mariadb: { major: 10, minor: 11, patch: 19, name: 'MariaDB 10.11.19' },
};

const privileges: Readonly<Record<Flavor, readonly string[]>> = {
  postgres: [],
  mysql: [
    'REPLICATION CLIENT',
    'REPLICATION SLAVE ADMIN',
    'SYSTEM VARIABLES ADMIN',
    'CONNECTION ADMIN',
    'PROCESS',
    'RELOAD',
  ],
  mariadb: [
    'SLAVE MONITOR',
    'REPLICATION SLAVE ADMIN',
    'READ ONLY ADMIN',
    'CONNECTION ADMIN',
    'PROCESS',
    'RELOAD',
    'REPLICATION MASTER ADMIN',
  ],
};

export const pgSetting = (value: string, more: Partial<PostgresSetting> = {}): PostgresSetting => ({
  value,
  unit: null,
  source: 'configuration file',
  context: 'sighup',
  pendingRestart: false,
  isAltered: false,
  ...more,
});

const settings = (): Map<string, PostgresSetting> =>
  new Map(
    (
      [
        ['archive_command', '(disabled)'],
        ['archive_library', ''],
        ['archive_mode', 'off', { context: 'postmaster' }],
        ['autovacuum', 'on'],
        ['data_checksums', 'off', { context: 'internal' }],
        ['default_transaction_read_only', 'off', { context: 'user' }],
        ['fsync', 'on'],
        ['full_page_writes', 'on'],
        ['hot_standby', 'on', { context: 'postmaster' }],
        ['hot_standby_feedback', 'on'],
        ['max_connections', '200', { context: 'postmaster' }],
        ['max_locks_per_transaction', '64', { context: 'postmaster' }],
        ['max_prepared_transactions', '0', { context: 'postmaster' }],
        ['max_slot_wal_keep_size', '-1', { unit: 'MB' }],
        ['max_wal_senders', '10', { context: 'postmaster' }],
        ['max_worker_processes', '8', { context: 'postmaster' }],
        ['primary_conninfo', '…'],
        ['primary_slot_name', ''],
        ['recovery_min_apply_delay', '0', { unit: 'ms' }],
        ['recovery_target_time', '', { context: 'postmaster' }],
        ['recovery_target_timeline', 'latest', { context: 'postmaster' }],
        ['reserved_connections', '8', { context: 'postmaster' }],
        ['restore_command', ''],
        ['shared_preload_libraries', '', { context: 'postmaster' }],
        ['superuser_reserved_connections', '3', { context: 'postmaster' }],
        ['synchronous_commit', 'on', { context: 'user' }],
        ['synchronous_standby_names', ''],
        ['TimeZone', 'UTC', { context: 'user' }],
        ['wal_keep_size', '1024', { unit: 'MB' }],
        ['wal_level', 'replica', { context: 'postmaster' }],
        ['wal_log_hints', 'on', { context: 'postmaster' }],
        ['wal_receiver_timeout', '4000', { unit: 'ms' }],
        ['wal_sender_timeout', '10000', { unit: 'ms' }],
      ] satisfies [string, string, Partial<PostgresSetting>?][]
    ).map(([name, value, more]) => [name, pgSetting(value, more)]),
  );

function variables(flavor: Flavor, number: number): Map<string, string> {
  const common: readonly (readonly [string, string])[] = [
    ['binlog_expire_logs_seconds', '604800'],
    ['binlog_format', 'ROW'],
    ['event_scheduler', 'OFF'],
    ['innodb_flush_log_at_trx_commit', '1'],
    ['log_bin', 'ON'],
    ['log_slave_updates', 'ON'],
    ['lower_case_table_names', '0'],
    ['max_connect_errors', '100'],
    ['max_connections', '200'],
    ['read_only', number === 1 ? 'OFF' : 'ON'],
    ['relay_log_recovery', 'ON'],
    ['server_id', String(number)],
    ['skip_name_resolve', 'ON'],
    ['slave_net_timeout', '10'],
    ['sql_mode', 'TRADITIONAL'],
    ['sync_binlog', '1'],
    ['sync_relay_log', '10000'],
  ];
  const own: readonly (readonly [string, string])[] =
    flavor === 'mariadb'
      ? [
          ['gtid_domain_id', '0'],
          ['gtid_strict_mode', 'ON'],
        ]
      : [
          ['enforce_gtid_consistency', 'ON'],
          ['gtid_mode', 'ON'],
          ['log_replica_updates', 'ON'],
          ['replica_net_timeout', '10'],
          ['replica_parallel_workers', '4'],
          ['replica_preserve_commit_order', 'ON'],
          ['server_uuid', `uuid-${number}`],
          ['skip_replica_start', 'OFF'],
          ['super_read_only', number === 1 ? 'OFF' : 'ON'],
        ];
  return new Map([...common, ...own]);
}

/** As the rules get it. */
export function subjectOf(
  { machine, cluster: configured, servers }: Draft,
  flavor: Flavor,
): [MachineSubject, ClusterSubject] {
  const cluster: ClusterConfig = {
    ...configured,
    instances: new Map(servers.map(({ instance }) => [instance.id, instance])),
  };
  const instances: InstanceSubject[] = [];
  const subject: ClusterSubject = { cluster, positions: engines[cluster.engine].positions, instances, now };
  for (const one of servers) {
    const { instance, failure, resolved, later, observation, settings, variables, origins } = one;
    const facts =
      flavor === 'postgres'
        ? { ...one.postgres, observation, settings }
        : { ...one.mysql, observation, variables, origins };
    instances.push({
      of: subject,
      instance,
      resolved,
      later,
      survey: failure === null ? { kind: 'answered', facts } : { kind: 'failed', failure },
    });
  }
  return [machine, subject];
}
