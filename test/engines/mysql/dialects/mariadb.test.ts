import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from '../../../../src/engines/mysql/dialects/dialect.ts';
import { mariadbDialect as dialect } from '../../../../src/engines/mysql/dialects/mariadb.ts';
import { formatPosition } from '../../../../src/engines/mysql/position.ts';

const variables: Row = {
  read_only: '1',
  server_id: '2',
  binlog_state: '0-1-99,0-2-120',
  binlog_pos: '0-2-120',
  slave_pos: '0-1-121',
};
const channel: Row = {
  Connection_name: '',
  Master_Host: 'db1',
  Master_Port: '3306',
  Master_User: 'repl',
  Slave_IO_Running: 'Connecting',
  Slave_SQL_Running: 'Yes',
  Seconds_Behind_Master: null,
  Last_IO_Errno: '2003',
  Last_IO_Error: 'error connecting to master',
  Last_SQL_Errno: '0',
  Using_Gtid: 'Slave_Pos',
  Gtid_IO_Pos: '0-1-130',
};
const status = (row: Row, ...channels: readonly Row[]) => dialect.readStatus([[row], channels]);

test('a replica holds what it wrote, applied and received', () => {
  const read = status(variables, channel);
  assert.equal(formatPosition(read.executed), '0-2-120,0-1-121');
  assert.equal(formatPosition(read.held), '0-2-120,0-1-130');
  assert.deepEqual(read.channels, [
    {
      name: '',
      source: { host: 'db1', port: 3306 },
      user: 'repl',
      receiving: 'connecting',
      receiveError: { errno: 2003, message: 'error connecting to master' },
      applying: true,
      applyError: null,
      secondsBehind: null,
      usesGtid: true,
      usesTls: false,
      signsOfLife: '0-1-130|||',
      caughtUp: false,
    },
  ]);
  assert.equal(status({ ...variables, slave_pos: '0-1-130' }, channel).channels[0]?.caughtUp, true);
});

test('the degrees of read_only that came with version 12 are no permission to write', () => {
  const writable = (read_only: string) => status({ ...variables, read_only }).writable;
  assert.deepEqual(['0', 'OFF', '1', 'ON', 'NO_LOCK', 'NO_LOCK_NO_ADMIN'].map(writable), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('a former writer goes on from its own newest transaction', () => {
  assert.equal(
    dialect.adoptOwnHistorySql(status({ ...variables, slave_pos: '0-1-50,7-1-3' })),
    "SET GLOBAL gtid_slave_pos = '0-2-120,7-1-3'",
  );
});

test('a connection is always named, and without a password no certificate is verified', () => {
  assert.equal(dialect.startReplicatingSql(''), "START SLAVE ''");
  const keep = dialect.changeSource('dc1', { host: 'db2', port: 3307 }, null, false);
  assert.match(
    keep.sql,
    /^CHANGE MASTER 'dc1' TO MASTER_HOST = \?, MASTER_PORT = \?, MASTER_USE_GTID = slave_pos/,
  );
  assert.deepEqual(keep.values, ['db2', 3307]);
  const verify = (password: string | null) =>
    /MASTER_SSL_VERIFY_SERVER_CERT = 0/.test(
      dialect.changeSource('', { host: 'db2', port: 3307 }, { user: 'repl', password }, false).sql,
    );
  assert.deepEqual([verify(null), verify('secret')], [true, false]);
  assert.doesNotMatch(keep.sql, /SSL/);
  assert.match(dialect.changeSource('', { host: 'a', port: 1 }, null, true).sql, /, MASTER_SSL = 1$/);
});

test('a server that does not say whether it is read-only is not taken for one that can be written to', () => {
  for (const results of [[], [[]], [[{ server_id: '1' }]], [[{ read_only: null }]]]) {
    assert.throws(() => dialect.readStatus(results as Row[][]), /did not say whether it is read-only/);
  }
});
