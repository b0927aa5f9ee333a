import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, Dialect, Row } from '../../../../src/engines/mysql/dialects/dialect.ts';
import { mysqlDialect } from '../../../../src/engines/mysql/dialects/mysql.ts';
import { formatPosition } from '../../../../src/engines/mysql/position.ts';
import { parseServerVersion } from '../../../../src/engines/mysql/server-version.ts';

const dialectOf = (text: string): Dialect => {
  const version = parseServerVersion(text);
  assert.ok(version !== null);
  return mysqlDialect(version);
};
const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const variables: Row = {
  read_only: '1',
  super_read_only: '1',
  server_uuid: uuid,
  gtid_mode: 'ON',
  gtid_executed: `${uuid}:1-5`,
};
const channel: Row = {
  Channel_Name: '',
  Source_Host: 'db1',
  Source_Port: '3306',
  Source_User: 'repl',
  Replica_IO_Running: 'Yes',
  Replica_SQL_Running: 'Yes',
  Seconds_Behind_Source: '3',
  Last_IO_Errno: '0',
  Last_SQL_Errno: '0',
  Auto_Position: '1',
  Retrieved_Gtid_Set: `${uuid}:1-7`,
};
const status = (row: Row, ...channels: readonly Row[]) => dialectOf('8.4.3').readStatus([[row], channels]);

test('new servers get the new words', () => {
  const dialect = dialectOf('8.4.3');
  const channelOf = { name: '' } as Channel;
  assert.match(dialect.statusSql, /; SHOW REPLICA STATUS;/);
  assert.equal(dialect.stopReceivingSql(channelOf), 'STOP REPLICA IO_THREAD');
  assert.equal(dialect.forgetSourceSql(channelOf), 'RESET REPLICA ALL');
  const change = dialect.changeSource(
    '',
    { host: 'db2', port: 3307 },
    { user: 'repl', password: 'secret' },
    false,
  );
  assert.match(
    change.sql,
    /^CHANGE REPLICATION SOURCE TO SOURCE_HOST = \?, SOURCE_PORT = \?, SOURCE_AUTO_POSITION = 1/,
  );
  assert.match(change.sql, /GET_SOURCE_PUBLIC_KEY = 1, SOURCE_USER = \?, SOURCE_PASSWORD = \?$/);
  assert.deepEqual(change.values, ['db2', 3307, 'repl', 'secret']);
  assert.doesNotMatch(change.sql, /SSL/);
  const inTls = dialect.changeSource('', { host: 'db2', port: 3307 }, null, true);
  assert.match(inTls.sql, /, SOURCE_SSL = 1, /);
});

test('servers before 8.0.22 get the old words, and 8.0.22 some of both', () => {
  const old = dialectOf('8.0.21');
  assert.match(old.statusSql, /; SHOW SLAVE STATUS;/);
  assert.equal(old.startReplicatingSql(''), 'START SLAVE');
  const between = dialectOf('8.0.22');
  assert.equal(between.startReplicatingSql(''), 'START REPLICA');
  for (const dialect of [old, between]) {
    const { sql } = dialect.changeSource('', { host: 'db2', port: 3306 }, null, true);
    assert.match(sql, /, MASTER_SSL = 1, /);
    assert.match(sql, /^CHANGE MASTER TO MASTER_HOST = \?, MASTER_PORT = \?, MASTER_AUTO_POSITION = 1/);
    assert.match(sql, /GET_MASTER_PUBLIC_KEY = 1$/);
    assert.doesNotMatch(sql, /SOURCE_/);
  }
});

test('a channel with a name is named, and its name ends no string', () => {
  const dialect = dialectOf('8.4.3');
  assert.equal(dialect.startReplicatingSql('dc1'), "START REPLICA FOR CHANNEL 'dc1'");
  assert.equal(dialect.startReplicatingSql("a'b\\"), "START REPLICA FOR CHANNEL 'a''b\\\\'");
  assert.match(dialect.changeSource('dc1', { host: 'a', port: 1 }, null, false).sql, / FOR CHANNEL 'dc1'$/);
});

test('a replica holds what it received, and has executed what it applied', () => {
  const read = status(variables, channel);
  assert.equal(formatPosition(read.executed), `${uuid}:1-5`);
  assert.equal(formatPosition(read.held), `${uuid}:1-7`);
  assert.equal(read.writable, false);
  assert.deepEqual(read.channels, [
    {
      name: '',
      source: { host: 'db1', port: 3306 },
      user: 'repl',
      receiving: 'running',
      receiveError: null,
      applying: true,
      applyError: null,
      secondsBehind: 3,
      usesGtid: true,
      usesTls: false,
      signsOfLife: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-7||||',
      caughtUp: false,
    },
  ]);
  const applied = { ...variables, gtid_executed: `${uuid}:1-7` };
  assert.equal(status(applied, channel).channels[0]?.caughtUp, true);
});

test('without GTIDs the position is unknown, and files and offsets say what is applied', () => {
  const off = { ...variables, gtid_mode: 'OFF', gtid_executed: '' };
  const spot = {
    ...channel,
    Auto_Position: '0',
    Retrieved_Gtid_Set: '',
    Source_Log_File: 'bin.2',
    Read_Source_Log_Pos: '400',
    Relay_Source_Log_File: 'bin.2',
    Exec_Source_Log_Pos: '400',
  };
  const read = status(off, spot);
  assert.equal(formatPosition(read.held), 'unknown');
  assert.equal(read.channels[0]?.caughtUp, true);
  assert.equal(status(off, { ...spot, Exec_Source_Log_Pos: '300' }).channels[0]?.caughtUp, false);
  assert.equal(status(off, { ...spot, Relay_Source_Log_File: 'bin.1' }).channels[0]?.caughtUp, false);
});

test('the columns of old servers are read too', () => {
  const renamed = Object.fromEntries(
    Object.entries(channel).map(([name, value]) => [
      name.replace('Source', 'Master').replace('Replica', 'Slave'),
      value,
    ]),
  );
  assert.deepEqual(
    dialectOf('8.0.18').readStatus([[variables], [renamed]]).channels,
    status(variables, channel).channels,
  );
});

test('a row without a source, and channels of Group Replication, are no sources', () => {
  const forgotten = { ...channel, Source_Host: '' };
  const group = { ...channel, Channel_Name: 'group_replication_recovery' };
  assert.deepEqual(status(variables, forgotten, group).channels, []);
});

test('a server is writable only where neither switch is on', () => {
  const writable = (read_only: string, super_read_only: string) =>
    status({ ...variables, read_only, super_read_only }).writable;
  assert.deepEqual([writable('0', '0'), writable('1', '0'), writable('1', '1')], [true, false, false]);
});

test('a server that does not say whether it is read-only is not taken for one that can be written to', () => {
  const { read_only: _, ...silent } = variables;
  for (const results of [[], [[]], [[silent]], [[{ ...variables, read_only: null }]]]) {
    assert.throws(
      () => dialectOf('8.4.3').readStatus(results as Row[][]),
      /did not say whether it is read-only/,
    );
  }
});
