import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countTransactions } from '../../src/demo/mysql-replication.ts';
import { accountStatements, mysqlSettings, withMysqlPort } from '../../src/demo/mysql-settings.ts';
import {
  postgresSettings,
  replicaSettings,
  withPort,
  withSourcePorts,
} from '../../src/demo/postgres-settings.ts';

test('PostgreSQL settings get another port and nothing else', () => {
  const settings = postgresSettings({ id: 'pg-1', port: 5000, major: 18, durable: false });
  assert.equal(
    withPort(settings, 5001),
    postgresSettings({ id: 'pg-1', port: 5001, major: 18, durable: false }),
  );
});

test('only PostgreSQL 18 and newer are given a setting that older ones do not know', () => {
  const settings = (major: number) => postgresSettings({ id: 'pg-1', port: 5000, major, durable: false });
  assert.match(settings(18), /^io_method = /m);
  assert.doesNotMatch(settings(17), /io_method/);
});

test('a replica follows its source to the port that it moved to', () => {
  const moved = new Map([[5000, 6000]]);
  assert.equal(withSourcePorts(replicaSettings('pg-2', 5000), moved), replicaSettings('pg-2', 6000));
  assert.equal(withSourcePorts(replicaSettings('pg-2', 5001), moved), replicaSettings('pg-2', 5001));
  assert.equal(withSourcePorts('', moved), '');
});

test('MySQL settings get another port in both places', () => {
  const options = {
    flavour: 'mysql',
    serverId: 1,
    dataDirectory: '/d',
    tmpDirectory: '/t',
    pidFile: '/p',
    durable: true,
  } as const;
  assert.equal(
    withMysqlPort(mysqlSettings({ ...options, port: 1 }), 2),
    mysqlSettings({ ...options, port: 2 }),
  );
});

test('the right to write to a read-only server is taken from root alone, and where it exists alone', () => {
  const revokes = (flavour: 'mysql' | 'mariadb', rootHonoursReadOnly: boolean) =>
    accountStatements({ flavour, rootHonoursReadOnly }).filter((statement) => statement.startsWith('REVOKE'));
  assert.deepEqual(revokes('mariadb', true), [
    "REVOKE READ_ONLY ADMIN, SUPER ON *.* FROM 'root'@'127.0.0.1';",
  ]);
  assert.deepEqual(revokes('mariadb', false), []);
  assert.deepEqual(revokes('mysql', true), []);
});

test('GTIDs are counted in the form of either server', () => {
  assert.equal(countTransactions(''), 0);
  assert.equal(countTransactions('0-1-120'), 120);
  assert.equal(countTransactions('0-1-120,1-4-7'), 127);
  const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
  assert.equal(countTransactions(`${uuid}:1-120:122`), 121);
  assert.equal(countTransactions(`${uuid}:1-5,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1-7`), 12);
});
