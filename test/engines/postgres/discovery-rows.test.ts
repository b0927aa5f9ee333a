import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readDiscovery } from '../../../src/engines/postgres/discovery-rows.ts';
import type { StatusRow } from '../../../src/engines/postgres/status.ts';

const status: StatusRow = {
  in_recovery: 'false',
  read_only: 'false',
  identity: '7301',
  version: '18.4',
  started_at: '2026-11-23 03:00:00+00',
  lsn: '0/3000000',
  wal_timeline: '00000001',
  cluster_name: 'orders-1',
  standby_names: '',
  synchronous_commit: 'on',
  streaming_names: '[]',
};
const replica: StatusRow = {
  ...status,
  in_recovery: 'true',
  wal_timeline: null,
  control_timeline: '1',
  receiver_pid: '12',
  source_host: 'db1',
  source_port: '5432',
  primary_conninfo: "host=db1 user=replicator password='hush hush' application_name=Orders-2",
};
const extra: StatusRow = {
  role: 'aurelay',
  version_number: '180004',
  started_at: '1763866800.123456',
  port: '5432',
  data_directory: '/data',
  delay_ms: '0',
  superuser: 'false',
  may_monitor: 'true',
  may_signal: 'true',
  may_promote: 'true',
  may_alter: 'true',
  replicas: null,
};

const read = (more: StatusRow = {}, of = status) => readDiscovery(of, { ...extra, ...more }, 0);

test('a replica is called what it replicates as, and no password comes along', () => {
  const found = read({}, replica);
  assert.deepEqual(found.names, ['Orders-2', 'orders-1']);
  assert.deepEqual(found.marks, ['orders-2']);
  assert.deepEqual(found.sources, [{ host: 'db1', port: 5432 }]);
  assert.equal(found.replicationUser, 'replicator');
  assert.ok(!JSON.stringify(found).includes('hush'));
});

test('a writer sees its replicas by where they come from, through a socket file too', () => {
  const rows = [
    ['Orders-2', '10.0.0.2', 'sync'],
    ['orders-3', 'fd00::3', 'async'],
    ['walreceiver', null, 'quorum'],
    [null, null, null],
  ];
  assert.deepEqual(read({ replicas: JSON.stringify(rows) }).replicas, [
    { hosts: ['10.0.0.2'], port: null, mark: 'orders-2', name: 'Orders-2', synchronous: true },
    { hosts: ['fd00::3'], port: null, mark: 'orders-3', name: 'orders-3', synchronous: false },
    { hosts: ['localhost'], port: null, mark: 'walreceiver', name: 'walreceiver', synchronous: true },
    { hosts: ['localhost'], port: null, mark: null, name: null, synchronous: false },
  ]);
});

test('servers of one cluster that were started at different times are different servers', () => {
  const one = read();
  assert.equal(read().identity, one.identity);
  for (const change of [
    { started_at: '1763866800.123457' },
    { port: '5433' },
    { data_directory: '/other' },
  ]) {
    assert.notEqual(read(change).identity, one.identity);
    assert.equal(read(change).lineage, one.lineage);
  }
});

test('whoever else promotes is named', () => {
  const keeper = (more: StatusRow) => read(more).keeper;
  assert.equal(keeper({}), null);
  assert.equal(keeper({ keeper: 'Patroni heartbeat' }), 'Patroni');
  assert.equal(keeper({ keeper: 'repmgrd' }), 'repmgrd');
  assert.equal(keeper({ keeper: 'cnpg_metrics_exporter' }), 'CloudNativePG');
  assert.equal(keeper({ keeper: 'pgautofailover_monitor' }), 'pg_auto_failover');
  assert.equal(keeper({ service: 'rds_superuser', keeper: 'Patroni' }), 'Amazon RDS or Aurora');
});

test('what a role lacks is said in the words of the docs', () => {
  const sql = (more: StatusRow) => read(more).missing.map((grant) => `${grant.for}: ${grant.sql}`);
  assert.deepEqual(sql({}), []);
  assert.deepEqual(sql({ may_monitor: 'false', superuser: 'true' }), []);
  assert.deepEqual(
    sql({
      may_monitor: 'false',
      may_signal: 'false',
      may_promote: 'false',
      may_alter: 'false',
      role: 'Aurelay',
    }),
    [
      'observe: GRANT pg_monitor TO "Aurelay";',
      'automatic: GRANT pg_signal_backend TO "Aurelay";',
      'automatic: GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer), pg_reload_conf() TO "Aurelay";',
      'automatic: GRANT ALTER SYSTEM ON PARAMETER primary_conninfo, default_transaction_read_only TO "Aurelay";',
    ],
  );
  assert.deepEqual(sql({ version_number: '140012' }), ['automatic: ALTER ROLE aurelay SUPERUSER;']);
});

test('a replica that replays late on purpose says by how much; slots that nobody uses are told of', () => {
  assert.equal(read({ delay_ms: '3600000' }, replica).delaySeconds, 3600);
  assert.equal(read({ delay_ms: '3600000' }).delaySeconds, 0, 'a writer replays nothing');
  assert.match(read({ idle_slots: '["a","b"]' }).remarks.join(), /slots a, b/);
});
