import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import mysql, { type RowDataPacket } from 'mysql2/promise';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { type MysqlOptions, startMysqlCluster } from '../../src/demo/mysql-cluster.ts';
import { processesIn } from '../../src/demo/running-server.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { requireMariadb, withMysqlCluster } from '../support/servers.ts';
import { runScript } from './child.ts';
import { eventually } from './wait.ts';

const skip = await requireMariadb();

async function run(instance: EmbeddedInstance, sql: string, user = 'root'): Promise<unknown> {
  const connection = await mysql.createConnection({ host: '127.0.0.1', port: instance.port, user });
  try {
    const [rows] = await connection.query<RowDataPacket[]>({ sql, rowsAsArray: true });
    return Array.isArray(rows) ? rows[0]?.[0] : null;
  } finally {
    connection.destroy();
  }
}

const rowsOf = (instance: EmbeddedInstance): Promise<unknown> =>
  run(instance, 'SELECT count(*) FROM test.t').catch(() => null);
const isReadOnly = async (instance: EmbeddedInstance): Promise<boolean> =>
  !['0', 'OFF'].includes(String(await run(instance, 'SELECT @@global.read_only')));

async function folderFor(t: TestContext): Promise<string> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  return folder.path;
}

async function start(t: TestContext, options: MysqlOptions): Promise<EmbeddedCluster> {
  const cluster = await startMysqlCluster(options);
  t.after(() => cluster.stop());
  return cluster;
}

const at = (cluster: EmbeddedCluster, index: number): EmbeddedInstance => {
  const instance = cluster.instances[index];
  assert.ok(instance !== undefined);
  return instance;
};

async function makeTable(instance: EmbeddedInstance): Promise<void> {
  await run(instance, 'CREATE DATABASE IF NOT EXISTS test');
  await run(instance, 'CREATE TABLE test.t (n INT PRIMARY KEY)');
  await run(instance, 'INSERT INTO test.t VALUES (1)');
}

describe('an embedded MySQL cluster', { skip, timeout: 300_000 }, () => {
  test('replicates from mysql-1, the only one that is not read-only', async (t) => {
    const cluster = await withMysqlCluster(t, { replicas: 2 });
    assert.deepEqual(
      cluster.instances.map(({ id }) => id),
      ['mysql-1', 'mysql-2', 'mysql-3'],
    );
    await makeTable(at(cluster, 0));
    for (const replica of cluster.instances.slice(1)) {
      await eventually(`${replica.id} has the row`, async () => (await rowsOf(replica)) === 1);
      assert.equal(await isReadOnly(replica), true);
    }
    assert.equal(await isReadOnly(at(cluster, 0)), false);
  });

  test('refuses writes of root on a replica where it is asked to', async (t) => {
    const cluster = await withMysqlCluster(t, { replicas: 1, rootHonoursReadOnly: true });
    await makeTable(at(cluster, 0));
    await eventually('the replica has the row', async () => (await rowsOf(at(cluster, 1))) === 1);
    await assert.rejects(run(at(cluster, 1), 'INSERT INTO test.t VALUES (2)'), /read-only/);
    await run(at(cluster, 1), 'SET GLOBAL read_only = ON', 'aurelay');
  });

  test('keeps what was committed over kill -9; a writer comes back read-only, a replica replicating', async (t) => {
    const lines: string[] = [];
    const cluster = await withMysqlCluster(t, { replicas: 1, onProgress: (line) => lines.push(line) });
    const [writer, replica] = [at(cluster, 0), at(cluster, 1)];
    await makeTable(writer);
    await eventually('the replica has the row', async () => (await rowsOf(replica)) === 1);
    for (const instance of [replica, writer]) {
      instance.kill('SIGKILL');
      await eventually('it is gone', () => instance.pid() === null);
      await eventually('it is reported', () =>
        lines.includes(`${instance.id} has ended (killed by SIGKILL)`),
      );
      await instance.start();
      assert.equal(await rowsOf(instance), 1);
    }
    assert.equal(await isReadOnly(writer), true);
    await run(writer, 'SET GLOBAL read_only = OFF');
    await run(writer, 'INSERT INTO test.t VALUES (2)');
    await eventually('the replica follows again', async () => (await rowsOf(replica)) === 2);
  });

  test('stops a frozen server, and leaves no process of any', async (t) => {
    const cluster = await withMysqlCluster(t, { replicas: 1 });
    at(cluster, 0).kill('SIGSTOP');
    await cluster.stop();
    for (const { directory, id } of cluster.instances)
      assert.deepEqual(processesIn(join(directory, 'data')), [], id);
  });

  test('on kept data, makes the promoted replica writable and not the old writer', async (t) => {
    const directory = await folderFor(t);
    const first = await start(t, { directory, replicas: 2 });
    await makeTable(at(first, 0));
    await eventually('mysql-2 has the row', async () => (await rowsOf(at(first, 1))) === 1);
    // What nobody replicated: the old writer is ahead by its GTID, and still must not be chosen.
    await Promise.all([at(first, 1), at(first, 2)].map((replica) => run(replica, 'STOP SLAVE')));
    for (const n of [11, 12, 13]) await run(at(first, 0), `INSERT INTO test.t VALUES (${n})`);
    await at(first, 0).stop();
    await run(at(first, 1), 'RESET SLAVE ALL');
    await run(at(first, 2), `CHANGE MASTER TO MASTER_PORT = ${at(first, 1).port}`);
    await run(at(first, 2), 'START SLAVE');
    await first.stop();

    const squatter = createServer().listen(at(first, 1).port, '127.0.0.1');
    t.after(async () => void squatter.close());
    await once(squatter, 'listening');
    const second = await start(t, { directory, replicas: 3 });
    assert.notEqual(at(second, 1).port, at(first, 1).port);
    assert.deepEqual(await Promise.all(second.instances.map(isReadOnly)), [true, false, true, true]);
    await run(at(second, 1), 'INSERT INTO test.t VALUES (2)');
    await eventually('mysql-3 follows', async () => (await rowsOf(at(second, 2))) === 2);
    await eventually('the new mysql-4 has it all', async () => (await rowsOf(at(second, 3))) === 2);

    // The old writer cannot follow any more; with its folder gone it is made again, and has what it once wrote.
    await second.stop();
    await rm(at(second, 0).directory, { recursive: true });
    const third = await start(t, { directory, replicas: 2 });
    await eventually('the new mysql-1 has it all', async () => (await rowsOf(at(third, 0))) === 2);
    assert.equal(await isReadOnly(at(third, 0)), true);
  });

  test('makes again what an interrupted first start left half made', async (t) => {
    const directory = await folderFor(t);
    const child = runScript(t, 'cluster-process.ts', ['mysql', directory, '1'], { tempFolder: directory });
    await child.until('making');
    await eventually('it is half made', () => processesIn(join(directory, 'mysql-1', 'data')).length > 0);
    child.process.kill('SIGKILL');
    await child.ended;
    const cluster = await start(t, { directory, replicas: 1 });
    await makeTable(at(cluster, 0));
    await eventually('the replica has the row', async () => (await rowsOf(at(cluster, 1))) === 1);
  });

  test('lets nothing run on after kill -9 of its own process', async (t) => {
    const directory = await folderFor(t);
    const child = runScript(t, 'cluster-process.ts', ['mysql', directory, '1'], { tempFolder: directory });
    await child.until('ready');
    const folders = ['mysql-1', 'mysql-2'].map((id) => join(directory, id, 'data'));
    for (const folder of folders) assert.notDeepEqual(processesIn(folder), []);
    child.process.kill('SIGKILL');
    await eventually('all are gone', () => folders.every((folder) => processesIn(folder).length === 0));
  });

  test('says how to install a server where the one it is given does not exist', async (t) => {
    const directory = await folderFor(t);
    await mkdir(join(directory, 'empty'));
    const binaries = join(directory, 'empty');
    await assert.rejects(
      startMysqlCluster({ directory, replicas: 0, binaries }),
      /apt-get install mariadb-server-core/,
    );
    await writeFile(join(binaries, 'mariadbd'), '#!/bin/sh\necho broken >&2\nexit 3\n');
    await chmod(join(binaries, 'mariadbd'), 0o755);
    await assert.rejects(startMysqlCluster({ directory, replicas: 0, binaries }), /does not run: broken/);
  });

  const isRoot = process.getuid?.() === 0;
  test('runs below a folder that only root can enter', { skip: !isRoot && 'not root' }, async (t) => {
    const directory = await folderFor(t);
    await chmod(directory, 0o700);
    const cluster = await start(t, { directory: join(directory, 'below'), replicas: 1 });
    await makeTable(at(cluster, 0));
    await eventually('the replica has the row', async () => (await rowsOf(at(cluster, 1))) === 1);
  });
});
