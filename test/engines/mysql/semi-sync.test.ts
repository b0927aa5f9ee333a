import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acknowledgementOf, readSemiSync, waitForSql } from '../../../src/engines/mysql/semi-sync.ts';

const rows = (values: Record<string, string>) =>
  Object.entries(values).map(([Variable_name, Value]) => ({ Variable_name, Value }));

const forever = '4294967295';
const mysqlVariables = {
  rpl_semi_sync_replica_enabled: 'OFF',
  rpl_semi_sync_source_enabled: 'ON',
  rpl_semi_sync_source_timeout: forever,
  rpl_semi_sync_source_wait_for_replica_count: '2',
  rpl_semi_sync_source_wait_no_replica: 'ON',
  rpl_semi_sync_source_wait_point: 'AFTER_SYNC',
};
const mysqlStatus = {
  Rpl_semi_sync_source_clients: '3',
  Rpl_semi_sync_source_status: 'ON',
  Rpl_semi_sync_source_wait_sessions: '4',
  Rpl_semi_sync_replica_status: 'OFF',
};
const mysql = (variables: Partial<typeof mysqlVariables> = {}, status: Partial<typeof mysqlStatus> = {}) =>
  readSemiSync(rows({ ...mysqlVariables, ...variables }), rows({ ...mysqlStatus, ...status }));

const mariadb = readSemiSync(
  rows({
    rpl_semi_sync_master_enabled: 'OFF',
    rpl_semi_sync_master_timeout: '10000',
    rpl_semi_sync_master_wait_no_slave: 'ON',
    rpl_semi_sync_master_wait_point: 'AFTER_COMMIT',
    rpl_semi_sync_slave_enabled: 'ON',
  }),
  rows({
    Rpl_semi_sync_master_clients: '0',
    Rpl_semi_sync_master_status: 'OFF',
    Rpl_semi_sync_slave_status: 'ON',
  }),
);

const sql = (semiSync: ReturnType<typeof readSemiSync>, count: number): readonly string[] => {
  assert.ok(semiSync.source !== null);
  return waitForSql(semiSync.source, count);
};

test('a server without the plugins waits for nobody and acknowledges nothing', () => {
  const none = readSemiSync([], []);
  assert.deepEqual(none, { source: null, replica: null });
  assert.equal(acknowledgementOf(none), null);
});

test('the new names, and the old ones, which MariaDB keeps', () => {
  assert.deepEqual(acknowledgementOf(mysql()), { count: 2, from: null, connected: 3, most: null });
  assert.equal(mysql().source?.waiting, 4);
  assert.equal(mysql().replica?.enabledName, 'rpl_semi_sync_replica_enabled');
  assert.deepEqual(acknowledgementOf(mariadb), { count: 0, from: null, connected: 0, most: 1 });
  assert.deepEqual(mariadb.replica, {
    enabledName: 'rpl_semi_sync_slave_enabled',
    enabled: true,
    acknowledges: true,
  });
});

test('what is so already is not set', () => {
  assert.deepEqual(sql(mysql(), 2), []);
  assert.deepEqual(sql(mysql({ rpl_semi_sync_source_enabled: 'OFF' }), 0), []);
});

test('it is enabled last, with everything else set', () => {
  assert.deepEqual(sql(mariadb, 2), [
    `SET GLOBAL rpl_semi_sync_master_timeout = ${forever}`,
    "SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC'",
    'SET GLOBAL rpl_semi_sync_master_wait_no_slave = ON',
    'SET GLOBAL rpl_semi_sync_master_enabled = ON',
  ]);
  const other = sql(mysql(), 3);
  assert.ok(other.includes('SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = 3'));
  assert.ok(!other.some((statement) => statement.endsWith('OFF')), 'it never stops waiting meanwhile');
  assert.equal(other.at(-1), 'SET GLOBAL rpl_semi_sync_source_enabled = ON');
  for (const loose of [
    { rpl_semi_sync_source_timeout: '10000' },
    { rpl_semi_sync_source_wait_no_replica: 'OFF' },
    { rpl_semi_sync_source_wait_point: 'AFTER_COMMIT' },
  ]) {
    assert.equal(sql(mysql(loose), 2).length, 5, JSON.stringify(loose));
  }
});

test('a source that gave up waiting is switched off and on', () => {
  const gaveUp = mysql({}, { Rpl_semi_sync_source_status: 'OFF' });
  assert.equal(acknowledgementOf(gaveUp)?.count, 0);
  assert.deepEqual(sql(gaveUp, 2).slice(-2), [
    'SET GLOBAL rpl_semi_sync_source_enabled = OFF',
    'SET GLOBAL rpl_semi_sync_source_enabled = ON',
  ]);
});
