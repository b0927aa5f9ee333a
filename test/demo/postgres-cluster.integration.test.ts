import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { startPostgresCluster } from '../../src/demo/postgres-cluster.ts';
import { withPostgres } from '../../src/demo/postgres-query.ts';
import { processesIn } from '../../src/demo/running-server.ts';
import { letThrough } from '../../src/demo/server-user.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { withPostgresCluster } from '../support/servers.ts';
import { runScript } from './child.ts';
import { eventually } from './wait.ts';

async function value(instance: EmbeddedInstance, sql: string): Promise<unknown> {
  const { rows } = await withPostgres(instance.port, (client) =>
    client.query({ text: sql, rowMode: 'array' }),
  );
  return rows[0]?.[0];
}

const run = (instance: EmbeddedInstance, sql: string): Promise<unknown> => value(instance, sql);
const rowsOf = (instance: EmbeddedInstance): Promise<unknown> =>
  value(instance, 'SELECT count(*)::int FROM t').catch(() => null);

async function folderFor(t: TestContext): Promise<string> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  return folder.path;
}

/** `stop` again is harmless, so a test may stop its cluster itself. */
async function start(t: TestContext, directory: string, replicas: number): Promise<EmbeddedCluster> {
  const cluster = await startPostgresCluster({ directory, replicas });
  t.after(() => cluster.stop());
  return cluster;
}

const at = (cluster: EmbeddedCluster, index: number): EmbeddedInstance => {
  const instance = cluster.instances[index];
  assert.ok(instance !== undefined);
  return instance;
};

describe('an embedded PostgreSQL cluster', { timeout: 180_000 }, () => {
  test('replicates from pg-1, and its replicas take no writes', async (t) => {
    const cluster = await withPostgresCluster(t, { replicas: 2 });
    assert.deepEqual(
      cluster.instances.map(({ id }) => id),
      ['pg-1', 'pg-2', 'pg-3'],
    );
    await run(at(cluster, 0), 'CREATE TABLE t AS SELECT 1 AS n');
    for (const replica of cluster.instances.slice(1)) {
      await eventually(`${replica.id} has the row`, async () => (await rowsOf(replica)) === 1);
      await assert.rejects(run(replica, 'INSERT INTO t VALUES (2)'), /read-only transaction/);
      assert.equal(await value(replica, 'SHOW cluster_name'), replica.id);
    }
    assert.equal(await value(at(cluster, 0), 'SHOW server_encoding'), 'UTF8');
  });

  test('keeps what was committed over kill -9, says how a server ended, and starts it on request only', async (t) => {
    const lines: string[] = [];
    const cluster = await withPostgresCluster(t, { replicas: 1, onProgress: (line) => lines.push(line) });
    const writer = at(cluster, 0);
    const file = join(writer.directory, 'postmaster.pid');
    assert.equal(Number.parseInt(await readFile(file, 'utf8'), 10), writer.pid());
    await run(writer, 'CREATE TABLE t AS SELECT generate_series(1, 100) AS n');

    writer.kill('SIGKILL');
    await eventually('it is gone', () => writer.pid() === null);
    await eventually('it is reported', () => lines.includes('pg-1 has ended (killed by SIGKILL)'));
    assert.throws(() => writer.kill('SIGTERM'), /pg-1 does not run/);
    await assert.rejects(run(writer, 'SELECT 1'));

    await writer.start();
    assert.equal(await rowsOf(writer), 100);
    await run(writer, 'INSERT INTO t VALUES (0)');
    await eventually('the replica is back', async () => (await rowsOf(at(cluster, 1))) === 101);
    await assert.rejects(writer.start(), /pg-1 runs already/);
  });

  test('stops a frozen server, and leaves no process of any', async (t) => {
    const cluster = await withPostgresCluster(t, { replicas: 1 });
    const frozen = at(cluster, 0);
    frozen.kill('SIGSTOP');
    await cluster.stop();
    assert.match(await readFile(`${frozen.directory}.log`, 'utf8'), /database system is shut down\n$/);
    for (const { directory, id } of cluster.instances) assert.deepEqual(processesIn(directory), [], id);
    await cluster.stop();
  });

  test('starts kept data as it is: a promoted replica stays the writer, on other ports if it must', async (t) => {
    const directory = await folderFor(t);
    const first = await start(t, directory, 2);
    await run(at(first, 0), 'CREATE TABLE t AS SELECT 1 AS n');
    await eventually('pg-2 has the row', async () => (await rowsOf(at(first, 1))) === 1);
    await at(first, 0).stop();
    await run(at(first, 1), 'SELECT pg_promote()');
    await run(
      at(first, 2),
      `ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=${at(first, 1).port} user=postgres'`,
    );
    await first.stop();

    const squatter = createServer().listen(at(first, 1).port, '127.0.0.1');
    t.after(async () => void squatter.close());
    await once(squatter, 'listening');
    const second = await start(t, directory, 3);
    assert.notEqual(at(second, 1).port, at(first, 1).port);
    assert.equal(at(second, 2).port, at(first, 2).port);
    await run(at(second, 1), 'INSERT INTO t VALUES (2)');
    await eventually('pg-3 follows', async () => (await rowsOf(at(second, 2))) === 2);
    await eventually('pg-4 is a clone of pg-2', async () => (await rowsOf(at(second, 3))) === 2);
    assert.equal(await rowsOf(at(second, 0)), 1);

    // The old writer cannot follow any more; with its folder gone it is cloned from the new one.
    await second.stop();
    await rm(at(second, 0).directory, { recursive: true });
    const third = await start(t, directory, 2);
    await eventually('pg-1 is a clone', async () => (await rowsOf(at(third, 0))) === 2);
    await assert.rejects(run(at(third, 0), 'INSERT INTO t VALUES (3)'), /read-only transaction/);
  });

  test('makes again what an interrupted first start left half made', async (t) => {
    const directory = await folderFor(t);
    const child = runScript(t, 'cluster-process.ts', ['postgres', directory, '1'], { tempFolder: directory });
    await child.until('cloning');
    await eventually('pg-2 is half made', () => existsSync(join(directory, 'pg-2', 'base', '1')));
    child.process.kill('SIGKILL');
    await child.ended;
    assert.ok(!existsSync(join(directory, 'pg-2', 'standby.signal')), 'it was too late to interrupt');
    const cluster = await start(t, directory, 1);
    assert.equal(await value(at(cluster, 0), 'SELECT count(*)::int FROM pg_stat_replication'), 1);
  });

  test('lets nothing run on after kill -9 of its own process', async (t) => {
    const directory = await folderFor(t);
    const child = runScript(t, 'cluster-process.ts', ['postgres', directory, '1'], { tempFolder: directory });
    await child.until('ready');
    assert.notDeepEqual(processesIn(join(directory, 'pg-1')), []);
    child.process.kill('SIGKILL');
    await eventually('all are gone', () =>
      ['pg-1', 'pg-2'].every((id) => processesIn(join(directory, id)).length === 0),
    );
  });

  test('lets nothing run on after an exception that nothing caught in its own process', async (t) => {
    const directory = await folderFor(t);
    const child = runScript(t, 'cluster-process.ts', ['postgres', directory, '1'], { tempFolder: directory });
    await child.until('ready');
    child.process.stdin?.write('throw\n');
    assert.equal(await child.ended, 1, child.output());
    assert.match(child.output(), /as asked/);
    await eventually('all are gone', () =>
      ['pg-1', 'pg-2'].every((id) => processesIn(join(directory, id)).length === 0),
    );
  });

  test('stops a server that still runs from before, and starts on its data', async (t) => {
    const directory = await folderFor(t);
    const first = await start(t, directory, 0);
    await run(at(first, 0), 'CREATE TABLE t AS SELECT 1 AS n');
    await first.stop();
    const shell = spawn('sh', ['-c', at(first, 0).startCommand], { stdio: 'ignore' });
    await once(shell, 'close');
    await eventually('it runs', async () => (await rowsOf(at(first, 0))) === 1);
    const before = at(first, 0).pid();

    const lines: string[] = [];
    const second = await startPostgresCluster({
      directory,
      replicas: 0,
      onProgress: (line) => lines.push(line),
    });
    t.after(() => second.stop());
    assert.ok(
      lines.includes(`pg-1 still runs from before (process ${before}): stopping it`),
      lines.join('\n'),
    );
    assert.equal(await rowsOf(at(second, 0)), 1);
  });

  test('never makes a server over a folder of someone else', async (t) => {
    const directory = await folderFor(t);
    await mkdir(join(directory, 'pg-2'));
    await writeFile(join(directory, 'pg-2', 'letter.txt'), 'dear');
    await assert.rejects(
      startPostgresCluster({ directory, replicas: 1 }),
      /pg-2 exists, and no demo made it/,
    );
    assert.equal(await readFile(join(directory, 'pg-2', 'letter.txt'), 'utf8'), 'dear');
  });

  test('refuses data that another process runs on', async (t) => {
    const directory = await folderFor(t);
    const cluster = await start(t, directory, 0);
    await assert.rejects(
      startPostgresCluster({ directory, replicas: 0 }),
      /runs a cluster on this data already/,
    );
    assert.equal(await value(at(cluster, 0), 'SELECT 1'), 1);
  });

  test('ends a start that is called off, and leaves nothing', async (t) => {
    const directory = await folderFor(t);
    const reason = new Error('called off');
    const stop = new AbortController();
    const onProgress = (line: string) => line.startsWith('cloning') && stop.abort(reason);
    const options = { directory, replicas: 1, onProgress, signal: stop.signal };
    await assert.rejects(startPostgresCluster(options), reason);
    assert.deepEqual(processesIn(join(directory, 'pg-1')), []);
    const cluster = await start(t, directory, 1);
    assert.equal(await value(at(cluster, 0), 'SELECT 1'), 1);
  });

  const isRoot = process.getuid?.() === 0;
  test('runs below a folder that only root can enter', { skip: !isRoot && 'not root' }, async (t) => {
    const directory = await folderFor(t);
    await chmod(directory, 0o700);
    const below = join(directory, 'below');
    const cluster = await start(t, below, 1);
    await letThrough(below);
    assert.equal(await value(at(cluster, 0), 'SELECT count(*)::int FROM pg_stat_replication'), 1);
    const uid = /^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${at(cluster, 0).pid()}/status`, 'utf8'))?.[1];
    assert.notEqual(uid, '0');
    at(cluster, 1).kill('SIGKILL');
    await eventually('it is gone', () => at(cluster, 1).pid() === null);
    await at(cluster, 1).start();
    await cluster.stop();
    await rm(below, { recursive: true });
  });
});
