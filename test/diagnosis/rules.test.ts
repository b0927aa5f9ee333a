import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Position } from '../../src/cluster/position.ts';
import { diagnose } from '../../src/diagnosis/diagnose.ts';
import { rules } from '../../src/diagnosis/table.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import {
  type Draft,
  type DraftServer,
  days,
  endpoints,
  type Flavor,
  healthy,
  pgSetting,
  readerEndpoint,
  subjectOf,
  writerEndpoint,
} from './healthy.ts';

/** One break of a healthy cluster, and what the table makes of it. */
interface Case {
  readonly flavor: Flavor;
  /** What is broken besides the rule's own matter, because it cannot be otherwise. */
  readonly also?: readonly string[];
  readonly break: (draft: Draft) => void;
  /** What the finding says, and what to do about it. */
  readonly says: RegExp;
}

const pg = (says: RegExp, change: (draft: Draft) => void, also: readonly string[] = []): Case => ({
  flavor: 'postgres',
  break: change,
  says,
  also,
});
const my = (says: RegExp, change: (draft: Draft) => void, also: readonly string[] = []): Case => ({
  ...pg(says, change, also),
  flavor: 'mysql',
});
const maria = (says: RegExp, change: (draft: Draft) => void, also: readonly string[] = []): Case => ({
  ...pg(says, change, also),
  flavor: 'mariadb',
});

const set =
  (name: string, value: string, which: 0 | 1 | 2 = 1, more = {}) =>
  ({ servers }: Draft): void => {
    const { settings } = servers[which];
    settings.set(name, { ...(settings.get(name) ?? pgSetting('')), ...more, value });
  };
const variable =
  (name: string, value: string, which: 0 | 1 | 2 = 1) =>
  ({ servers }: Draft): void => {
    servers[which].variables.set(name, value);
  };
const rights =
  (change: Partial<DraftServer['postgres']['rights']>) =>
  ({ servers: [, one] }: Draft): void => {
    one.postgres.rights = { ...one.postgres.rights, ...change };
  };
const without =
  (...names: readonly string[]) =>
  ({ servers: [, one] }: Draft): void => {
    const left = [...one.mysql.rights.privileges].filter((name) => !names.includes(name));
    one.mysql.rights = { ...one.mysql.rights, privileges: new Set(left) };
  };
const quorum = (draft: Draft): void => {
  draft.cluster.durability = { copies: 3, writeQuorum: 2, onLostQuorum: 'stall', degradeAfterMs: 10_000 };
  for (const { variables } of draft.servers) {
    variables.set('sync_relay_log', '1');
    variables.set('relay_log_recovery', 'OFF');
  }
};
const both =
  (...changes: readonly ((draft: Draft) => void)[]) =>
  (draft: Draft): void => {
    for (const change of changes) change(draft);
  };
const down = (one: DraftServer): void => {
  one.failure = { reason: 'refused', detail: 'connect ECONNREFUSED 10.0.0.2:5432' };
};
const replication = (one: DraftServer, change: object): void => {
  one.observation = {
    ...one.observation,
    replication: {
      ...(one.observation.replication as NonNullable<typeof one.observation.replication>),
      ...change,
    },
  };
};
const channel = (one: DraftServer, change: object): void => {
  one.mysql.channels = one.mysql.channels.map((old) => ({ ...old, ...change }));
};
const listener = (state: Draft['machine']['listeners'][number]['state']) => (draft: Draft) => {
  draft.machine.listeners = draft.machine.listeners.map((one) => ({ ...one, state }));
};
const stateDir = (change: object) => (draft: Draft) => {
  const { stateDir } = draft.machine;
  if (stateDir !== null) draft.machine.stateDir = { ...stateDir, ...change };
};
const certificate = (expiresAt: number) => (draft: Draft) => {
  draft.machine.certificates = draft.machine.certificates.map((one) => ({ ...one, expiresAt }));
};
const shown = (expiresAt: number) => (draft: Draft) => {
  const one = draft.servers[1].postgres;
  if (one.tls !== null) one.tls = { ...one.tls, expiresAt };
};
const slot = (change: object) => (draft: Draft) => {
  const one = {
    name: 'old',
    kind: 'physical',
    active: false,
    walStatus: 'reserved',
    temporary: false,
    failover: false,
  };
  draft.servers[0].postgres.slots = [
    { ...one, ...change } as (typeof draft.servers)[0]['postgres']['slots'][number],
  ];
};

const cases: Readonly<Record<string, Case>> = {
  unreachable: pg(/ECONNREFUSED.*start the server/, ({ servers }) => down(servers[1]), ['one-successor']),
  'several-addresses': pg(/10\.0\.0\.8, 10\.0\.0\.9/, ({ servers }) => {
    servers[1].resolved = ['10.0.0.8', '10.0.0.9'];
  }),
  'answers-too-late': pg(/after 1\.2s.*timeout: 5s/, ({ servers }) => {
    servers[1].postgres.latencyMs = 1_200;
  }),
  'answers-late': pg(/after 700ms.*timeout: 3s/, ({ servers }) => {
    servers[1].postgres.latencyMs = 700;
  }),
  unencrypted: pg(/offers no TLS/, ({ servers }) => {
    servers[1].postgres.tls = null;
  }),
  unverified: pg(/is `prefer`/, ({ cluster }) => {
    cluster.serverTls = { ...cluster.serverTls, mode: 'prefer', ca: null };
  }),
  'several-writers': pg(/orders-1, orders-2 all take writes/, ({ servers: [writer, one] }) => {
    one.observation = { ...writer.observation };
    one.later = writer.observation;
    one.postgres.inRecovery = false;
  }),
  'no-writer': pg(/no server that answered takes writes; orders-1/, ({ servers }) => down(servers[0]), [
    'unreachable',
  ]),
  'different-data': pg(
    /orders-2 is no copy of orders-1.*pg_basebackup -D DATA -h 10\.0\.0\.1/,
    ({ servers }) => {
      servers[1].observation.identity = '7001';
    },
  ),
  'versions-differ': my(
    /orders-2 is MySQL 8\.0\.40; the writer is MySQL 8\.4\.3/,
    ({ servers }) => {
      servers[1].mysql.versionNumber = { major: 8, minor: 0, patch: 40 };
      servers[1].observation.version = 'MySQL 8.0.40';
    },
    ['versions-mixed'],
  ),
  'versions-mixed': pg(/PostgreSQL 18\.3, PostgreSQL 18\.4/, ({ servers }) => {
    servers[1].observation.version = 'PostgreSQL 18.3';
  }),
  'quorum-out-of-reach': pg(
    /1 of 3 copies answer; a commit needs 2, a failover 2/,
    both(quorum, ({ servers }) => {
      down(servers[1]);
      down(servers[2]);
    }),
    ['unreachable', 'no-successor'],
  ),
  'no-successor': pg(
    /no replica that answers/,
    ({ servers }) => {
      down(servers[1]);
      down(servers[2]);
    },
    ['unreachable'],
  ),
  'one-successor': pg(/orders-3 is the only one/, ({ servers }) => down(servers[1]), ['unreachable']),
  'one-zone': pg(/every instance is in zone a/, ({ servers }) => {
    for (const { instance } of servers) instance.zone = 'a';
  }),
  'max-lag-too-fine': my(
    /max_lag of endpoint reader is 500ms.*reader: \{ …, max_lag: 2s \}/,
    ({ cluster }) => {
      cluster.endpoints = endpoints(writerEndpoint, { ...readerEndpoint, maxLagMs: 500 } as Endpoint);
    },
  ),
  'writable-replica': my(/takes writes all the same.*super_read_only = ON/, ({ servers }) => {
    servers[1].observation.writable = true;
  }),
  'foreign-source': pg(/from 10\.9\.9\.9:5432, which is the address of no instance/, ({ servers }) =>
    replication(servers[1], { source: { host: '10.9.9.9', port: 5432 } }),
  ),
  'cascading-replica': pg(/replicates from orders-3, and the writer is orders-1/, ({ servers }) =>
    replication(servers[1], { source: { host: '10.0.0.3', port: 5432 } }),
  ),
  'not-replicating': my(/does not receive from its source: Duplicate entry/, ({ servers }) =>
    replication(servers[1], { streaming: false, error: 'Duplicate entry' }),
  ),
  'ahead-of-writer': my(/has 2 transactions that orders-1 lacks/, ({ servers }) => {
    servers[1].observation.position =
      'aaaaaaaa-0000-0000-0000-000000000001:1-100,bbbbbbbb-0000-0000-0000-000000000001:1-2' as Position;
  }),
  'candidate-behind': pg(/is 5m behind/, ({ servers }) => {
    servers[1].observation.lagSeconds = 300;
  }),

  'pg-monitor': pg(
    /no member of pg_monitor.*orders-1.*GRANT pg_monitor TO aurelay;/,
    rights({ monitor: false }),
  ),
  'pg-promote': pg(
    /GRANT EXECUTE ON FUNCTION pg_promote\(boolean, integer\) TO aurelay;/,
    rights({ promote: false }),
  ),
  'pg-reload-conf': pg(/GRANT EXECUTE ON FUNCTION pg_reload_conf\(\) TO aurelay;/, rights({ reload: false })),
  'pg-signal-backend': pg(/GRANT pg_signal_backend TO aurelay;/, rights({ signalBackend: false })),
  'pg-alter-system': pg(
    /GRANT ALTER SYSTEM ON PARAMETER default_transaction_read_only TO aurelay;/,
    rights({ alterSystem: new Map([['primary_conninfo', true]]) }),
  ),
  'pg-reserved-connections': pg(
    /reserved_connections is 0.*SET reserved_connections = 8;.*restart/,
    set('reserved_connections', '0'),
  ),
  'pg-connection-limit': pg(/may have 1 connection\W.*CONNECTION LIMIT 8/, rights({ connectionLimit: 1 })),
  'pg-superuser-sessions': pg(/app is a superuser.*ALTER ROLE app NOSUPERUSER;/, ({ servers }) => {
    servers[0].postgres.superuserSessions = ['app'];
  }),

  'pg-hot-standby': pg(/hot_standby is off.*SET hot_standby = on;.*restart/, set('hot_standby', 'off', 0)),
  'pg-wal-level': pg(/wal_level is minimal/, set('wal_level', 'minimal', 0)),
  'pg-recovery-target-timeline': pg(
    /is current.*SET recovery_target_timeline = 'latest';.*restart/,
    set('recovery_target_timeline', 'current'),
  ),
  'pg-recovery-target': pg(/RESET recovery_target_time;/, set('recovery_target_time', '2026-01-01')),
  'pg-max-wal-senders': pg(/is 1, and 2 other/, ({ servers }) => {
    for (const one of servers) set('max_wal_senders', '1')({ servers: [one, one, one] } as unknown as Draft);
  }),
  'pg-missing-slot': pg(
    /primary_slot_name is s2, which orders-1, orders-3 have not.*pg_create_physical_replication_slot\('s2'\)/,
    set('primary_slot_name', 's2'),
  ),
  'pg-smaller-than-writer': pg(
    /max_worker_processes is 4, and 8 on the writer.*SET max_worker_processes = 8;/,
    set('max_worker_processes', '4'),
  ),
  'pg-read-only-default': pg(
    /is on \(configuration file\).*SET default_transaction_read_only = off;/,
    set('default_transaction_read_only', 'on'),
  ),
  'pg-overridden': pg(
    /primary_conninfo comes from: command line/,
    set('primary_conninfo', '…', 1, { source: 'command line' }),
  ),
  'pg-rewind-impossible': pg(/are off.*SET wal_log_hints = on;.*restart/, set('wal_log_hints', 'off')),
  'pg-nothing-kept': pg(/wal_keep_size is 0.*SET wal_keep_size = '1GB';/, set('wal_keep_size', '0', 0)),
  'pg-slot-lost': pg(/slot old has lost.*pg_drop_replication_slot\('old'\)/, slot({ walStatus: 'lost' })),
  'pg-slot-unused': pg(/nobody uses slot old.*max_slot_wal_keep_size/, slot({})),
  'pg-logical-slot': pg(/logical slot old is on this server only/, slot({ kind: 'logical', active: true })),
  'pg-replay-paused': pg(/SELECT pg_wal_replay_resume\(\);/, ({ servers }) => {
    servers[1].postgres.replayPaused = true;
  }),
  'pg-apply-delay': pg(
    /is 600 s.*orders-2: \{ …, promotion_tier: 15 \}/,
    set('recovery_min_apply_delay', '600000'),
  ),

  'pg-hba-replication': pg(
    /no line that lets replicator replicate from orders-2 \(10\.0\.0\.2\).*host replication replicator 10\.0\.0\.2\/32/,
    ({ servers: [writer] }) => {
      const [line] = writer.postgres.hba ?? [];
      if (line !== undefined)
        writer.postgres.hba = [{ ...line, address: '10.0.0.3', netmask: '255.255.255.255' }];
    },
  ),
  'pg-replication-login': pg(/replication: \{ user: replicator/, ({ cluster, servers }) => {
    cluster.replication = null;
    const { conninfo } = servers[1].postgres;
    if (conninfo !== null) servers[1].postgres.conninfo = { ...conninfo, hasCredential: false };
  }),
  'pg-silence-unnoticed': pg(
    /is 6s, and Aurelay gives a silent writer up after 3s.*SET wal_receiver_timeout = '4s';/,
    set('wal_receiver_timeout', '6000'),
  ),
  'pg-dead-replica-unnoticed': pg(
    /is 0 \(never\).*SET wal_sender_timeout = '10s';/,
    set('wal_sender_timeout', '0'),
  ),
  'pg-uncounted-replica': pg(
    /replicates as walreceiver/,
    both(quorum, ({ servers }) => {
      const { conninfo } = servers[1].postgres;
      if (conninfo !== null) servers[1].postgres.conninfo = { ...conninfo, applicationName: 'walreceiver' };
    }),
  ),
  'pg-feedback': pg(/SET hot_standby_feedback = on;/, set('hot_standby_feedback', 'off')),
  'pg-pending-restart': pg(
    /max_connections: changed/,
    set('max_connections', '200', 1, { pendingRestart: true }),
  ),

  'pg-fsync': pg(/fsync is off.*SET fsync = on;.*pg_reload_conf/, set('fsync', 'off')),
  'pg-full-page-writes': pg(/full_page_writes is off/, set('full_page_writes', 'off')),
  'pg-quorum-without-wait': pg(
    /synchronous_commit is local/,
    both(quorum, set('synchronous_commit', 'local')),
  ),
  'pg-quorum-remote-write': pg(/is remote_write/, both(quorum, set('synchronous_commit', 'remote_write'))),
  'pg-commits-unwritten': pg(/synchronous_commit is off/, set('synchronous_commit', 'off')),
  'pg-quorum-left-out': pg(
    /for batch in orders.*ALTER ROLE batch IN DATABASE orders RESET synchronous_commit;/,
    both(quorum, ({ servers }) => {
      servers[0].postgres.overrides = [
        { role: 'batch', database: 'orders', setting: 'synchronous_commit', value: 'off' },
      ];
    }),
  ),
  'pg-waits-for-absent': pg(
    /a commit waits for 1, and 0 of those named are connected/,
    both(set('synchronous_standby_names', 'x', 0), ({ servers }) => {
      servers[0].observation.acknowledgement = { count: 1, from: null, connected: 0, most: null };
    }),
    ['pg-waits-by-itself'],
  ),
  'pg-waits-by-itself': pg(
    /durability: \{ copies: 3, write_quorum: 2 \}/,
    set('synchronous_standby_names', 'x'),
  ),
  'pg-archive-differs': pg(/orders-1 archives its log/, ({ servers }) => {
    for (const at of [0, 2] as const) {
      set('archive_mode', 'on', at)({ servers } as Draft);
      set('archive_command', 'cp %p /a/%f', at)({ servers } as Draft);
    }
  }),

  'my-privileges-to-look': my(
    /lacks REPLICATION CLIENT.*GRANT REPLICATION CLIENT ON \*\.\* TO 'aurelay'@'%';/,
    without('REPLICATION CLIENT'),
  ),
  'my-privileges-to-act': maria(
    /GRANT READ_ONLY ADMIN, RELOAD ON \*\.\* TO 'aurelay'@'%';/,
    without('READ ONLY ADMIN', 'RELOAD'),
  ),
  'my-privileges-for-quorum': maria(
    /GRANT REPLICATION MASTER ADMIN ON/,
    both(quorum, without('REPLICATION MASTER ADMIN')),
  ),
  'my-privileges-to-kill': my(/GRANT SELECT ON performance_schema\.\* TO/, ({ servers }) => {
    servers[1].mysql.rights = { ...servers[1].mysql.rights, performanceSchema: false };
  }),
  'my-connection-limit': my(/may have 2 connections.*MAX_USER_CONNECTIONS 8;/, ({ servers }) => {
    servers[1].mysql.rights = { ...servers[1].mysql.rights, connectionLimit: 2 };
  }),
  'my-replication-login': my(/replication: \{ user: replicator/, ({ cluster }) => {
    cluster.replication = null;
  }),

  'my-gtid-mode': my(/gtid_mode is OFF_PERMISSIVE/, variable('gtid_mode', 'OFF_PERMISSIVE')),
  'my-gtid-consistency': my(
    /SET GLOBAL enforce_gtid_consistency = ON;/,
    variable('enforce_gtid_consistency', 'WARN'),
  ),
  'my-gtid-strict': maria(/SET GLOBAL gtid_strict_mode = ON;/, variable('gtid_strict_mode', 'OFF')),
  'my-gtid-domains': maria(/gtid_domain_id is 7, and 0 on orders-1/, variable('gtid_domain_id', '7')),
  'my-log-bin': my(/log_bin is OFF.*log_bin = binlog.*restart/, variable('log_bin', 'OFF')),
  'my-log-updates': maria(/log_slave_updates = ON.*restart/, variable('log_slave_updates', 'OFF')),
  'my-server-id': my(/server_id is 1, as on orders-1.*server_id = 4/, variable('server_id', '1')),
  'my-server-uuid': my(/server_uuid is uuid-1, as on orders-1.*auto\.cnf/, variable('server_uuid', 'uuid-1')),
  'my-read-only-at-start': my(
    /by default: after a restart it takes writes.*super_read_only = ON/,
    ({ servers }) => {
      servers[1].origins?.set('super_read_only', 'default');
    },
  ),
  'my-super-read-only': my(/SET GLOBAL super_read_only = ON;/, variable('super_read_only', 'OFF'), [
    'my-read-only-at-start',
  ]),
  'my-several-sources': my(/replicates from 2 sources/, ({ servers }) => {
    const [one] = servers[1].mysql.channels;
    if (one !== undefined) servers[1].mysql.channels = [one, { ...one, name: 'other' }];
  }),
  'my-replication-filters': my(/Replicate_Do_DB = a.*take these out/, ({ servers }) =>
    channel(servers[1], { filters: ['Replicate_Do_DB = a'] }),
  ),
  'my-positions': maria(/MASTER_USE_GTID = slave_pos/, ({ servers }) =>
    channel(servers[1], { usesGtid: false }),
  ),
  'my-public-key': my(/GET_SOURCE_PUBLIC_KEY = 1;/, ({ servers }) => channel(servers[1], { usesTls: false })),
  'my-apply-delay': my(/delayed by 600 s/, ({ servers }) => channel(servers[1], { delaySeconds: 600 })),
  'my-no-start': my(/skip_replica_start is ON/, variable('skip_replica_start', 'ON')),
  'my-silence-unnoticed': my(
    /is 1m.*SET GLOBAL replica_net_timeout = 10;/,
    variable('replica_net_timeout', '60'),
  ),
  'my-heartbeats-seldom': maria(
    /come every 5s, and Aurelay gives a silent writer up after 3s.*STOP SLAVE;.*CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 1;/,
    ({ servers }) => channel(servers[1], { heartbeatSeconds: 5 }),
  ),
  'my-heartbeats-unseen': my(
    /GRANT SELECT ON performance_schema\.replication_connection_status TO/,
    ({ servers }) => {
      servers[1].mysql.unread = new Map([['heartbeats', 'refused']]);
    },
  ),
  'my-table-names': my(/is 1, and 0 on orders-1/, variable('lower_case_table_names', '1')),
  'my-events-differ': my(/event_scheduler is ON, and OFF on orders-1/, variable('event_scheduler', 'ON')),

  'my-sync-binlog': my(/SET GLOBAL sync_binlog = 1;/, variable('sync_binlog', '0')),
  'my-flush-log': my(/is 2\W/, variable('innodb_flush_log_at_trx_commit', '2')),
  'my-semi-sync-missing': my(
    /plugin_load_add = semisync_replica\.so.*restart/,
    both(quorum, ({ servers }) => {
      servers[1].mysql.semiSync = { source: true, replica: false };
    }),
  ),
  'my-semi-sync-configured': maria(
    /rpl_semi_sync_slave_enabled is ON in its files/,
    both(quorum, variable('rpl_semi_sync_slave_enabled', 'ON'), ({ servers }) => {
      servers[1].origins?.set('rpl_semi_sync_slave_enabled', 'lasting');
    }),
  ),
  'my-sync-relay-log': my(/sync_relay_log = 1/, both(quorum, variable('sync_relay_log', '10000'))),
  'my-relay-log-recovery-loses': my(
    /relay_log_recovery = OFF.*restart/,
    both(quorum, variable('relay_log_recovery', 'ON')),
  ),
  'my-relay-log-recovery': my(/relay_log_recovery = ON.*restart/, variable('relay_log_recovery', 'OFF')),
  'my-log-kept-briefly': my(/is 3600.*604800/, variable('binlog_expire_logs_seconds', '3600')),
  'my-binlog-format': maria(/binlog_format is STATEMENT/, variable('binlog_format', 'STATEMENT')),
  'my-commit-order': my(
    /replica_preserve_commit_order = ON/,
    variable('replica_preserve_commit_order', 'OFF'),
  ),
  'my-host-blocked': my(/max_connect_errors is 100/, variable('skip_name_resolve', 'OFF'), [
    'my-name-resolve',
  ]),
  'my-name-resolve': my(
    /skip_name_resolve = ON/,
    both(variable('skip_name_resolve', 'OFF'), variable('max_connect_errors', '1000000')),
  ),

  'max-sessions-too-many': pg(
    /max_sessions is 200.*has 189 connections.*orders-2: \{ …, max_sessions: 187 \}/,
    ({ cluster, servers }) => {
      cluster.serverLimits = new Map([[servers[1].instance.id, { maxSessions: 200, maxConnecting: 64 }]]);
    },
  ),
  'max-sessions-unset': my(
    /may bring 1040 sessions, and the server has 200.*max_sessions: 198/,
    ({ cluster }) => {
      cluster.endpoints = endpoints({ ...writerEndpoint, maxSessions: 1_000 }, readerEndpoint);
    },
  ),
  'settings-differ': my(/sql_mode is empty, and TRADITIONAL on orders-1/, variable('sql_mode', '')),

  'clock-skew': pg(/is 4s ahead of this machine's \(± 2ms\)/, ({ servers }) => {
    for (const one of servers) one.postgres.clock = { aheadMs: 4_000, uncertaintyMs: 2 };
  }),
  'server-certificate-expired': pg(/expired 3 days ago/, shown(days(-3))),
  'server-certificate-expires-soon': pg(/expires in 3 days/, shown(days(3))),
  'clocks-differ': pg(/the clock of orders-2 is 1\.6s ahead of that of orders-1/, ({ servers }) => {
    for (const one of servers) one.postgres.clock = { aheadMs: -800, uncertaintyMs: 2 };
    servers[1].postgres.clock = { aheadMs: 800, uncertaintyMs: 2 };
  }),

  'listen-taken': pg(
    /another program listens where the admin API \(127\.0\.0\.1:8080\).*sport = :8080/,
    listener('taken'),
  ),
  'listen-not-here': pg(/is on no address of this machine/, listener('not-here')),
  'listen-not-allowed': pg(/CAP_NET_BIND_SERVICE/, listener('not-allowed')),
  'state-dir-unwritable': pg(/may not be written.*chown/, stateDir({ trouble: 'may not be written to' })),
  'state-dir-passing': pg(/is on tmpfs/, stateDir({ passing: 'tmpfs' })),
  'state-dir-full': pg(/has 1 MB left/, stateDir({ freeBytes: 1_048_576 })),
  'open-files-low': pg(/may open 256 files; 672.*LimitNOFILE=672/, ({ machine }) => {
    machine.openFiles = { allowed: 256, needed: 672 };
  }),
  'certificate-expired': pg(/\/ca\.pem.*expired 1 day ago/, certificate(days(-1))),
  'certificate-expires-soon': pg(/expires in 13 days/, certificate(days(13))),
  'certificate-expires': pg(/expires in 20 days/, certificate(days(20))),
};

const ids = (list: readonly { rule: string }[]): string[] =>
  [...new Set(list.map(({ rule }) => rule))].sort();

for (const flavor of ['postgres', 'mysql', 'mariadb'] as const) {
  test(`${flavor}: nothing is found in a healthy cluster, with a write quorum or without`, () => {
    for (const change of [() => {}, quorum]) {
      const draft = healthy(flavor);
      change(draft);
      const [machine, cluster] = subjectOf(draft, flavor);
      const { findings, passed } = diagnose(machine, [cluster]);
      assert.deepEqual(findings, []);
      assert.ok(passed.length > 50, `${passed.length} checks passed`);
    }
  });
}

test('every rule has a case here, by the name that it has for good', () => {
  assert.deepEqual(
    rules.map(({ id }) => id).filter((id) => !(id in cases)),
    [],
  );
  assert.equal(new Set(rules.map(({ id }) => id)).size, rules.length, 'an id stands twice');
});

for (const [id, { flavor, break: change, says, also = [] }] of Object.entries(cases)) {
  test(`${id} is found where it is so, and nothing else is`, () => {
    const draft = healthy(flavor);
    change(draft);
    const [machine, cluster] = subjectOf(draft, flavor);
    const { findings } = diagnose(machine, [cluster]);
    assert.deepEqual(ids(findings), [id, ...also].sort());
    const own = findings.filter(({ rule }) => rule === id);
    for (const { fix } of own) assert.ok(fix.length > 0, 'it says what to do');
    const text = own.map(({ found, fix }) => `${found} ${JSON.stringify(fix)}`).join(' ');
    assert.match(text.replaceAll('\\"', '"'), says);
  });
}

test('errors are told before warnings, and those before advice', () => {
  const draft = healthy('postgres');
  for (const name of ['pg-feedback', 'pg-fsync', 'pg-rewind-impossible']) cases[name]?.break(draft);
  const [machine, cluster] = subjectOf(draft, 'postgres');
  assert.deepEqual(
    diagnose(machine, [cluster]).findings.map(({ severity }) => severity),
    ['error', 'warning', 'advice'],
  );
});

test('`observe` needs no more than a look', () => {
  const draft = healthy('mysql');
  draft.cluster.failover = { ...draft.cluster.failover, mode: 'observe' };
  draft.cluster.replication = null;
  for (const one of draft.servers) {
    one.mysql.rights = {
      ...one.mysql.rights,
      privileges: new Set(['REPLICATION CLIENT', 'CONNECTION ADMIN']),
    };
    one.origins = null;
  }
  const [machine, cluster] = subjectOf(draft, 'mysql');
  assert.deepEqual(diagnose(machine, [cluster]).findings, []);
});

test('what a server does not show is not checked, and no finding', () => {
  const draft = healthy('postgres');
  for (const one of draft.servers) {
    one.postgres.hba = null;
    one.postgres.unread = new Map([
      ['hba', 'permission denied'],
      ['sessions', 'permission denied'],
    ]);
  }
  const [machine, cluster] = subjectOf(draft, 'postgres');
  const { findings, notChecked } = diagnose(machine, [cluster]);
  assert.deepEqual(findings, []);
  assert.deepEqual(ids(notChecked), ['pg-hba-replication', 'pg-superuser-sessions']);
});
