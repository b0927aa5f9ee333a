import assert from 'node:assert/strict';
import { once } from 'node:events';
import { access, chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import type { DemoOptions } from '../../src/demo/demo.ts';
import type { DemoPorts } from '../../src/demo/demo-ports.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { withPostgres } from '../../src/demo/postgres-query.ts';
import { runCommand } from '../../src/demo/run-command.ts';
import { processesIn } from '../../src/demo/running-server.ts';
import { chooseServerUser, type ServerUser } from '../../src/demo/server-user.ts';
import { requireMariadb } from '../support/servers.ts';
import { type Child, leftIn, runScript } from './child.ts';
import { eventually } from './wait.ts';

const skipMysql = await requireMariadb();

async function freePorts(): Promise<DemoPorts> {
  const endpoints = async () => ({
    writer: await freePort(),
    reader: await freePort(),
    analytics: await freePort(),
  });
  return { admin: await freePort(), postgres: await endpoints(), mysql: await endpoints() };
}

/** A folder of its own for what is temporary, so that a test sees what is left of it. */
async function tempFolder(t: TestContext, owner: ServerUser | null = null): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-test-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  await chmod(folder, 0o755);
  if (owner !== null) await chown(folder, owner.uid, owner.gid);
  return folder;
}

function runDemo(
  t: TestContext,
  options: Partial<DemoOptions> & { ports: DemoPorts },
  where: { tempFolder: string; user?: ServerUser | null },
): Child {
  const all: DemoOptions = { engine: 'postgres', replicas: 1, data: null, ...options };
  return runScript(t, 'demo-process.ts', [JSON.stringify(all)], where);
}

/** The data directory, as the demo's guide says it. */
const dataOf = (child: Child): string =>
  /^ +data +(\S+)/m.exec(child.output())?.[1] ?? assert.fail(child.output());

function assertNoServers(data: string): void {
  for (const id of ['pg-1', 'pg-2', 'mysql-1/data', 'mysql-2/data']) {
    assert.deepEqual(processesIn(join(data, id)), [], id);
  }
}

async function assertEndedBy(child: Child, signal: NodeJS.Signals, temp: string): Promise<void> {
  await child.until('Ctrl-C');
  const data = dataOf(child);
  assert.notDeepEqual(processesIn(join(data, 'pg-1')), []);
  child.process.kill(signal);
  assert.equal(await child.ended, 0, child.output());
  assertNoServers(data);
  assert.deepEqual(await leftIn(temp), []);
}

describe('the demo', { timeout: 180_000 }, () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`leaves no process and no folder after ${signal}`, async (t) => {
      const temp = await tempFolder(t);
      const child = runDemo(t, { ports: await freePorts() }, { tempFolder: temp });
      await assertEndedBy(child, signal, temp);
    });
  }

  test('leaves no process and no folder after a Ctrl-C while it starts', async (t) => {
    const temp = await tempFolder(t);
    const child = runDemo(t, { ports: await freePorts() }, { tempFolder: temp });
    await child.until('making pg-1');
    child.process.kill('SIGINT');
    assert.equal(await child.ended, 0, child.output());
    assert.deepEqual(await leftIn(temp), []);
  });

  test('leaves no process and no folder after kill -9', async (t) => {
    const temp = await tempFolder(t);
    const child = runDemo(t, { ports: await freePorts() }, { tempFolder: temp });
    await child.until('Ctrl-C');
    child.process.kill('SIGKILL');
    await child.ended;
    await eventually('the folder is gone', async () => (await leftIn(temp)).length === 0);
    assertNoServers(dataOf(child));
  });

  test('runs both engines, and says where everything is', { skip: skipMysql }, async (t) => {
    const temp = await tempFolder(t);
    const ports = await freePorts();
    const child = runDemo(t, { engine: 'both', ports }, { tempFolder: temp });
    await child.until('Ctrl-C');
    const config = parse(await readFile(join(dataOf(child), 'aurelay.yaml'), 'utf8'));
    const [pg, mysql] = [config.clusters.pg, config.clusters.mysql];
    assert.deepEqual(Object.keys(pg.instances), ['pg-1', 'pg-2']);
    assert.deepEqual(Object.keys(mysql.instances), ['mysql-1', 'mysql-2']);
    for (const [engine, cluster] of [
      ['postgres', pg],
      ['mysql', mysql],
    ] as const) {
      for (const name of ['writer', 'reader', 'analytics'] as const) {
        const listen = `127.0.0.1:${ports[engine][name]}`;
        assert.equal(cluster.endpoints[name].listen, listen);
        assert.ok(child.output().includes(listen), listen);
      }
    }
    await assertEndedBy(child, 'SIGINT', temp);
  });

  test('keeps its data where it is told to, and a second demo finds it', async (t) => {
    const temp = await tempFolder(t);
    const data = join(temp, 'data');
    const first = runDemo(t, { ports: await freePorts(), data }, { tempFolder: temp });
    await first.until('Ctrl-C');
    const port = await writerPort(data);
    await withPostgres(port, (client) => client.query('CREATE TABLE t AS SELECT 42 AS n'));
    first.process.kill('SIGINT');
    assert.equal(await first.ended, 0);
    assertNoServers(data);

    const second = runDemo(t, { ports: await freePorts(), data }, { tempFolder: temp });
    await second.until('Ctrl-C');
    const { rows } = await withPostgres(await writerPort(data), (client) => client.query('SELECT n FROM t'));
    assert.deepEqual(rows, [{ n: 42 }]);
    second.process.kill('SIGINT');
    await second.ended;
    assert.deepEqual(await leftIn(temp), ['data']);
  });

  test('names the ports that are taken, and starts nothing', async (t) => {
    const temp = await tempFolder(t);
    const ports = await freePorts();
    const squatter = createServer().listen(ports.postgres.reader, '127.0.0.1');
    t.after(async () => void squatter.close());
    await once(squatter, 'listening');
    const child = runDemo(t, { ports }, { tempFolder: temp });
    assert.equal(await child.ended, 1);
    assert.match(child.output(), new RegExp(`${ports.postgres.reader} \\(postgres reader\\)`));
    assert.doesNotMatch(child.output(), /making/);
    assert.deepEqual(await leftIn(temp), []);
  });

  test('runs as a plain user too', async (t) => {
    const user = await chooseServerUser(null);
    if (user === null) return t.skip('the other tests ran as one');
    const checkout = fileURLToPath(new URL('../..', import.meta.url));
    const reads = await runCommand('test', ['-r', join(checkout, 'package.json')], { user, timeoutMs: 5000 });
    if (reads.status !== 0) return t.skip(`a plain user cannot read ${checkout}`);
    const temp = await tempFolder(t, user);
    const child = runDemo(t, { ports: await freePorts() }, { tempFolder: temp, user });
    await assertEndedBy(child, 'SIGINT', temp);
  });
});

async function writerPort(data: string): Promise<number> {
  await access(join(data, 'pg-1', 'postmaster.pid'));
  const config = parse(await readFile(join(data, 'aurelay.yaml'), 'utf8'));
  return Number(config.clusters.pg.instances['pg-1'].address.split(':')[1]);
}
