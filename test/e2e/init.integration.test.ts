import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AdminClient } from '../../src/admin/client.ts';
import { instanceId } from '../../src/base/brand.ts';
import { loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import { withPostgres } from '../../src/demo/postgres-query.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { explore } from '../../src/discovery/explore.ts';
import { topologyJson } from '../../src/discovery/report.ts';
import { type Topology, topologyOf } from '../../src/discovery/topology.ts';
import { beginWalk, type WalkOptions } from '../../src/discovery/walk.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { engines } from '../../src/engines/engines.ts';
import { documentedStatements } from '../engines/documented-statements.ts';
import { defaultTls } from '../support/default-tls.ts';
import { postgresDrivers, type SqlClient } from '../support/drivers.ts';
import { type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type ProgramResult, programMissing, runProgram, startProgram } from '../support/programs.ts';
import { scopeOf } from '../support/scope.ts';
import { type Cleanup, freePort, withPostgresCluster } from '../support/servers.ts';

const cli = ['--import', 'tsx', new URL('../../src/cli.ts', import.meta.url).pathname];
const password = 'm0nit0r-p4ss';
const monitor = 'aurelay_monitor';
const env = { AURELAY_MONITOR_PASSWORD: password };

const aurelay = (t: Cleanup, ...args: string[]): Promise<ProgramResult> =>
  runProgram(t, process.execPath, [...cli, ...args], { env });

/** What `init` finds, without a process for each look. */
async function look(
  engine: Engine,
  port: number,
  named: readonly WalkOptions['named'][number][] = [],
  user = monitor,
): Promise<Topology> {
  const start = { host: '127.0.0.1', port };
  const options = { start, named, defaultPort: engine.defaultPort, maxServers: 100, maxVisits: 400 };
  const walk = await explore(beginWalk(options), {
    ask: (address) =>
      engine.discover(
        {
          ...{ instance: instanceId('init'), address, user, password, database: 'postgres' },
          tls: defaultTls,
        },
        20_000,
      ),
    now: () => 0,
    mostMs: 1,
    onVisit: () => {},
  });
  const topology = topologyOf(walk, engine.name, null);
  assert.ok(!JSON.stringify(topologyJson(topology)).includes(password));
  return topology;
}

const at = (port: number, name: string | null = null) => ({ address: { host: '127.0.0.1', port }, name });

const missing = ({ servers }: Topology): string[] => [
  ...new Set(servers.flatMap(({ discovery }) => discovery.missing.map(({ sql }) => sql))),
];

const portOf = ({ instances }: EmbeddedCluster, number: number): number => {
  const instance = instances[number - 1];
  assert.ok(instance !== undefined);
  return instance.port;
};

/** `name role source`, in order. */
const shape = ({ servers }: Topology): string[] =>
  servers.map(
    ({ name, discovery, source }) =>
      `${name} ${discovery.observation.role}${source === null ? '' : ` of ${source}`}`,
  );

async function withCascade(t: Cleanup): Promise<EmbeddedCluster> {
  const cluster = await withPostgresCluster(t, { replicas: 3 });
  const documented = await documentedStatements('PostgreSQL', password);
  await withPostgres(portOf(cluster, 1), async (client) => {
    for (const statement of documented) await client.query(statement.replaceAll(/\baurelay\b/g, monitor));
    await client.query(`CREATE ROLE blind LOGIN; CREATE ROLE observer LOGIN; GRANT pg_monitor TO observer`);
  });
  const source = `host=127.0.0.1 port=${portOf(cluster, 2)} user=postgres application_name=pg-4`;
  await withPostgres(portOf(cluster, 4), async (client) => {
    await client.query(`ALTER SYSTEM SET primary_conninfo = '${source}'`);
    await client.query('SELECT pg_reload_conf()');
    await eventually('pg-4 hangs on pg-2', async () => {
      const { rows } = await client.query('SELECT sender_port FROM pg_stat_wal_receiver');
      const { rows: users } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = 'observer'");
      return rows[0]?.sender_port === portOf(cluster, 2) && users.length === 1;
    });
  });
  return cluster;
}

test('PostgreSQL: from one server to a cluster that was switched over through the file', {
  timeout: 240_000,
}, async (t) => {
  const scope = scopeOf(t);
  const cluster = await withCascade(scope);
  const port = (number: number) => portOf(cluster, number);

  await t.test('a replica of a replica knows the way up, and a person knows the rest', async () => {
    const found = await look(engines.postgres, port(4), [at(port(3))]);
    assert.deepEqual(shape(found), [
      'pg-1 writer',
      'pg-2 replica of pg-1',
      'pg-3 replica of pg-1',
      'pg-4 replica of pg-2',
    ]);
    assert.deepEqual(found.unseen, []);
    assert.deepEqual(missing(found), [], 'the documented grants are enough');
  });

  await t.test('the writer does not know the ports of its replicas, and says so', async () => {
    const found = await look(engines.postgres, port(1));
    assert.deepEqual(shape(found), ['pg-1 writer']);
    const unseen = found.unseen.map(({ teller, sighting }) => `${teller} ${sighting.name}`);
    assert.deepEqual(unseen.sort(), ['pg-1 pg-2', 'pg-1 pg-3']);
  });

  await t.test('a login that may see less says what it lacks, and goes on', async () => {
    const observer = await look(engines.postgres, port(4), [], 'observer');
    assert.equal(observer.servers.length, 3);
    const text = (await readFile('docs/servers.md', 'utf8')).replaceAll(/\baurelay;/g, 'observer;');
    assert.equal(missing(observer).length, 3);
    for (const sql of missing(observer)) assert.ok(text.includes(sql), `docs/servers.md has it: ${sql}`);
    const blind = await look(engines.postgres, port(2), [], 'blind');
    assert.equal(blind.servers.length, 1);
    assert.ok(missing(blind).includes('GRANT pg_monitor TO blind;'));
  });

  const folder = await makeTempFolder();
  scope.after(() => folder.remove());
  const file = join(folder.path, 'aurelay.yaml');

  await t.test('asked on a terminal', { skip: programMissing('script') }, async () => {
    const [listen, admin] = [await freePort(), await freePort()];
    const words = ['init', '--output', file, '--listen-port', listen, '--admin-port', admin];
    const command = [process.execPath, ...cli, ...words].map((word) => `'${word}'`).join(' ');
    const { process: child, result } = startProgram(
      scope,
      'script',
      ['-qefc', `exec ${command}`, '/dev/null'],
      {
        keepInput: true,
        env: { TERM: 'xterm' },
      },
    );
    let output = '';
    child.stdout?.on('data', (text: string) => {
      output += text;
    });
    const answer = async (question: string, text: string) => {
      await eventually(`it asks: ${question}`, () => output.includes(question));
      output = '';
      child.stdin?.write(`${text}\r`);
    };
    await answer('Address of one of the servers', `127.0.0.1:${port(1)}`);
    await answer('User that Aurelay logs in as [aurelay]', monitor);
    await answer(`Password of ${monitor}`, password);
    const asked = new Set<string>();
    for (let n = 0; n < 3; n += 1) {
      const name = await eventually(
        'it asks for a replica',
        () => /A replica called (pg-\d) .*leave it out/s.exec(output)?.[1] ?? null,
      );
      asked.add(name);
      await answer('empty: leave it out', `127.0.0.1:${port(Number(name.slice(3)))}`);
    }
    assert.deepEqual([...asked].sort(), ['pg-2', 'pg-3', 'pg-4']);
    await answer('What to call the cluster [pg]', 'orders');
    await answer('Mode [observe]', 'automatic');
    const { status, stdout } = await result;
    assert.equal(status, 0, stdout);
    assert.ok(!stdout.includes(password), 'the password is not shown');
    assert.match(stdout, /pg-4 +replica of pg-2/);
    assert.match(stdout, /export AURELAY_MONITOR_PASSWORD/);
  });

  await t.test('by flags, over an earlier file', async () => {
    const rest = ['2', '3', '4'].flatMap((n) => ['--instance', `pg-${n}=127.0.0.1:${port(Number(n))}`]);
    const ports = ['--listen-port', `${await freePort()}`, '--admin-port', `${await freePort()}`];
    const { status, stderr, stdout } = await aurelay(
      scope,
      ...['init', '--address', `127.0.0.1:${port(1)}`, '--user', monitor, ...rest, ...ports],
      ...['--cluster', 'orders', '--mode', 'automatic', '--output', file, '--force', '--json'],
    );
    assert.equal(status, 0, stderr);
    assert.match(stderr, /aurelay doctor -c .*aurelay\.yaml/);
    const json = JSON.parse(stdout) as { readonly servers: readonly { readonly name: string }[] };
    assert.deepEqual(
      json.servers.map(({ name }) => name),
      ['pg-1', 'pg-2', 'pg-3', 'pg-4'],
    );
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const text = await readFile(file, 'utf8');
    assert.ok(!text.includes(password));
    assert.match(text, /mode: automatic/);
    const checked = await aurelay(scope, 'check', '-c', file);
    assert.equal(checked.status, 0, checked.stdout);
    assert.match(checked.stdout, /^The configuration is good: 1 cluster, 4 instances, 2 endpoints\.$/m);
  });

  await t.test('started with it, the cluster is switched over', async () => {
    const text = await readFile(file, 'utf8');
    const listen = (key: string) =>
      Number(new RegExp(`${key}:[^]*?listen: 127\\.0\\.0\\.1:(\\d+)`).exec(text)?.[1]);
    startProgram(scope, process.execPath, [...cli, 'start', '-c', file], { env, timeoutMs: 120_000 });
    const admin = new AdminClient({ address: `127.0.0.1:${listen('admin')}` });
    await eventually('Aurelay knows all four', async () => {
      const [orders] = await admin.status('orders').catch(() => []);
      return orders?.writer === 'pg-1' && orders.instances.every(({ health }) => health === 'healthy');
    });
    const done = await aurelay(scope, 'switchover', 'orders', '--to', 'pg-2', '-c', file);
    assert.equal(done.status, 0, done.stderr);
    const client = await (postgresDrivers[0] ?? assert.fail()).connect({ port: listen('writer') });
    assert.equal((await client.query('SHOW cluster_name'))[0]?.cluster_name, 'pg-2');
    await client.query('CREATE TABLE newcomer (id int)');
    await client.close();
  });
});

const asRoot = (of: EngineUnderTest, port: number): Promise<SqlClient> =>
  (of.drivers[0] ?? assert.fail()).connect({ port, user: mysqlMonitorUser });

for (const of of (await enginesUnderTest()).filter(({ cluster }) => cluster === 'mysql')) {
  test(`${of.name}: from the writer, and from a replica`, { skip: of.skip, timeout: 240_000 }, async (t) => {
    const scope = scopeOf(t);
    const cluster = await of.start(scope, { replicas: 2 });
    const port = (number: number) => portOf(cluster, number);
    const documented = await documentedStatements(of.name, password);
    const root = await asRoot(of, port(1));
    scope.after(() => root.close());
    const run = async (statement: string): Promise<void> => {
      const name = `mark_${Date.now()}`;
      for (const sql of [statement, ...of.createTable(name)]) await root.query(sql);
      for (const number of [2, 3]) {
        const replica = await asRoot(of, port(number));
        await eventually('the replica has it', () =>
          replica.query(`SELECT 1 FROM ${of.table(name)}`).then(
            () => true,
            () => false,
          ),
        );
        await replica.close();
      }
    };
    for (const statement of documented) await root.query(statement.replaceAll(/\baurelay\b/g, monitor));
    if (of.name === 'MariaDB') await root.query(`REVOKE REPLICATION MASTER ADMIN ON *.* FROM ${monitor}@'%'`);
    await run('SELECT 1');

    const alone = await look(engines.mysql, port(1));
    assert.equal(alone.servers.length, 1);
    assert.equal(alone.unseen.length, 2, 'the binary log is read by two, of whom no port is known');
    const [sql = '', ...more] = missing(alone);
    assert.deepEqual(more, []);
    assert.ok((await readFile('docs/init.md', 'utf8')).includes(sql.replace(`${monitor}@`, 'aurelay@')), sql);

    const up = await look(engines.mysql, port(2), [at(port(3), 'third')]);
    const [writer, ...replicas] = up.servers;
    assert.equal(writer?.discovery.observation.role, 'writer');
    assert.deepEqual(
      replicas.map(({ source }) => source),
      [writer?.name, writer?.name],
    );
    assert.ok(replicas.some(({ name }) => name === 'third'));

    await run(sql);
    const folder = await makeTempFolder();
    scope.after(() => folder.remove());
    const file = join(folder.path, 'aurelay.yaml');
    const listen = ['--listen-port', `${await freePort()}`, '--admin-port', `${await freePort()}`];
    const address = ['--address', `127.0.0.1:${port(1)}`, '--user', monitor, '--mode', 'automatic'];
    const { status, stdout, stderr } = await aurelay(scope, 'init', ...address, ...listen, '--output', file);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /The cluster main: 3 servers\./);
    const text = await readFile(file, 'utf8');
    const loaded = loadConfig({ text, file, env, readFile: assert.fail });
    assert.ok(loaded.ok, checkReport(loaded, { color: false, json: false }));
    const [config] = [...loaded.config.clusters.values()];
    assert.equal(config?.engine, 'mysql');
    assert.equal(config?.failover.mode, 'automatic');
    assert.equal(config?.instances.size, 3);
  });
}
