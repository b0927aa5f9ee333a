import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGrants } from '../../../src/engines/mysql/grants.ts';

test('MySQL: static and dynamic privileges, of active roles too', () => {
  const { global, readsPerformanceSchema } = readGrants([
    'GRANT RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO `aurelay`@`%`',
    'GRANT CONNECTION_ADMIN,REPLICATION_SLAVE_ADMIN ON *.* TO `aurelay`@`%`',
    'GRANT SELECT ON `performance_schema`.* TO `aurelay`@`%`',
    'GRANT `watcher`@`%` TO `aurelay`@`%`',
  ]);
  assert.deepEqual([...global].sort(), [
    'CONNECTION ADMIN',
    'PROCESS',
    'RELOAD',
    'REPLICATION CLIENT',
    'REPLICATION SLAVE ADMIN',
  ]);
  assert.equal(readsPerformanceSchema, true);
});

test('MariaDB: its own spellings', () => {
  const { global } = readGrants([
    "GRANT RELOAD, BINLOG MONITOR, REPLICA MONITOR, READ_ONLY ADMIN, REPLICATION REPLICA ADMIN ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*F' WITH MAX_USER_CONNECTIONS 8",
  ]);
  assert.deepEqual([...global].sort(), [
    'READ ONLY ADMIN',
    'RELOAD',
    'REPLICATION CLIENT',
    'REPLICATION SLAVE ADMIN',
    'SLAVE MONITOR',
  ]);
});

test('what is granted on a schema, a table or columns is not global', () => {
  const { global, readsPerformanceSchema } = readGrants([
    'GRANT USAGE ON *.* TO `a`@`%`',
    'GRANT ALL PRIVILEGES ON `app`.* TO `a`@`%`',
    'GRANT SELECT (`id`, `name`), INSERT ON `app`.`t` TO `a`@`%`',
  ]);
  assert.deepEqual([...global], ['USAGE']);
  assert.equal(readsPerformanceSchema, false);
});

test('a partial revoke takes performance_schema out of a global grant', () => {
  const lines = ['GRANT SELECT ON *.* TO `a`@`%`', 'REVOKE SELECT ON `performance_schema`.* FROM `a`@`%`'];
  assert.equal(readGrants(lines.slice(0, 1)).readsPerformanceSchema, true);
  assert.equal(readGrants(lines).readsPerformanceSchema, false);
});
