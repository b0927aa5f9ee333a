import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { configFile } from '../../src/commands/config-file.ts';
import { examine } from '../../src/commands/doctor/examine.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { mysqlMonitorUser, mysqlReplicationUser } from '../../src/demo/mysql-settings.ts';
import type { Finding } from '../../src/diagnosis/diagnose.ts';
import { documentedStatements } from '../engines/documented-statements.ts';
import type { SqlClient } from '../support/drivers.ts';
import { type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { scopeOf } from '../support/scope.ts';
import { type Cleanup, requireMariadb, withMysqlCluster, withPostgresCluster } from '../support/servers.ts';

/** Real servers set up as docs/servers.md says, broken in many places, and mended by its words. */

const password = 'm0nitor';
const user = 'aurelay_monitor';

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function aurelay(...args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args]);
  const read = async (stream: NodeJS.ReadableStream): Promise<string> => {
    let text = '';
    for await (const chunk of stream) text += chunk;
    return text;
  };
  const [stdout, stderr, [code]] = await Promise.all([
    read(child.stdout),
    read(child.stderr),
    once(child, 'exit'),
  ]);
  return { code: code as number | null, stdout, stderr };
}

interface Told {
  readonly findings: readonly Finding[];
  readonly passed: readonly { readonly rule: string }[];
}

/** As the command does, without the start of a process. */
async function diagnosed(file: string): Promise<Told> {
  const loaded = configFile(file).load();
  assert.ok(loaded.ok);
  const clusters = [...loaded.config.clusters.keys()];
  return (await examine(loaded.config, { file, clusters, timeoutMs: 30_000 })).diagnosis;
}

const isWell = ({ findings }: Told): boolean => findings.every(({ severity }) => severity !== 'error');

/** What was there before, and is about the machine that runs the test, is nothing new. */
const rulesOf = (findings: readonly Finding[], besides: readonly Finding[] = []): string[] =>
  [...new Set(findings.map(({ rule }) => rule))]
    .filter((id) => !besides.some(({ rule }) => rule === id))
    .sort();

async function configured(
  scope: Cleanup,
  of: EngineUnderTest,
  cluster: EmbeddedCluster,
  changes: object = {},
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-doctor-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  const [admin, writer, reader] = [await freePort(), await freePort(), await freePort()];
  const file = join(folder, 'aurelay.yaml');
  const config = {
    admin: { listen: `127.0.0.1:${admin}` },
    state_dir: join(folder, 'state'),
    clusters: {
      orders: {
        engine: of.cluster === 'pg' ? 'postgres' : 'mysql',
        monitor: { user, password },
        replication: { user: of.cluster === 'pg' ? 'postgres' : mysqlReplicationUser },
        failover: { mode: 'automatic' },
        instances: Object.fromEntries(
          cluster.instances.map(({ id, port }) => [id, { address: `127.0.0.1:${port}`, max_sessions: 100 }]),
        ),
        endpoints: {
          writer: { type: 'writer', listen: `127.0.0.1:${writer}`, max_sessions: 50 },
          reader: { type: 'reader', listen: `127.0.0.1:${reader}`, max_sessions: 50 },
        },
        ...changes,
      },
    },
  };
  await writeFile(file, stringify(config));
  return file;
}

async function asRoot<Value>(
  of: EngineUnderTest,
  { port }: EmbeddedInstance,
  use: (client: SqlClient) => Promise<Value>,
): Promise<Value> {
  const [driver] = of.drivers;
  assert.ok(driver !== undefined);
  const client = await driver.connect({ port, user: of.cluster === 'pg' ? 'postgres' : mysqlMonitorUser });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

const run = (
  of: EngineUnderTest,
  instance: EmbeddedInstance,
  ...statements: readonly string[]
): Promise<void> =>
  asRoot(of, instance, async (client) => {
    for (const statement of statements) await client.query(statement.replace(/;$/, ''));
  });

/** Word for word, in the order in which they are told: all statements, then all files, and each server is restarted once. */
async function carryOut(
  of: EngineUnderTest,
  cluster: EmbeddedCluster,
  findings: readonly Finding[],
): Promise<void> {
  const at = (id: string): EmbeddedInstance => {
    const instance = cluster.instances.find((one) => one.id === id);
    assert.ok(instance !== undefined, `no instance is called ${id}`);
    return instance;
  };
  const steps = findings.flatMap(({ fix }) => fix);
  const toRestart = new Set<string>();
  for (const step of steps) {
    if (step.do === 'sql') await run(of, at(step.on), ...step.lines);
    if (step.do === 'edit' && step.on !== null) {
      assert.deepEqual([step.file, step.under], ['my.cnf', '[mysqld]']);
      await appendFile(join(at(step.on).directory, 'my.cnf'), `${step.lines.join('\n')}\n`);
    }
    if (step.do === 'restart') toRestart.add(step.on);
  }
  for (const id of toRestart) await restart(at(id));
}

async function restart(instance: EmbeddedInstance): Promise<void> {
  await instance.stop();
  await instance.start();
}

interface Break {
  /** By the rule that finds it. */
  readonly [rule: string]: readonly [where: 'writer' | 'replica', ...statements: string[]];
}

const breaks: Readonly<Record<EngineUnderTest['name'], Break>> = {
  PostgreSQL: {
    'pg-monitor': ['writer', `REVOKE pg_monitor FROM ${user}`],
    'pg-promote': ['writer', `REVOKE EXECUTE ON FUNCTION pg_promote(boolean, integer) FROM ${user}`],
    'pg-reload-conf': ['writer', `REVOKE EXECUTE ON FUNCTION pg_reload_conf() FROM ${user}`],
    'pg-signal-backend': ['writer', `REVOKE pg_signal_backend FROM ${user}`],
    'pg-alter-system': ['writer', `REVOKE ALTER SYSTEM ON PARAMETER primary_conninfo FROM ${user}`],
    'pg-connection-limit': ['writer', `ALTER ROLE ${user} CONNECTION LIMIT 2`],
    'pg-full-page-writes': ['writer', 'ALTER SYSTEM SET full_page_writes = off', 'SELECT pg_reload_conf()'],
    'pg-silence-unnoticed': [
      'replica',
      'ALTER SYSTEM SET wal_receiver_timeout = 60000',
      'SELECT pg_reload_conf()',
    ],
    'pg-missing-slot': ['replica', "ALTER SYSTEM SET primary_slot_name = 's'", 'SELECT pg_reload_conf()'],
    'pg-recovery-target-timeline': ['replica', "ALTER SYSTEM SET recovery_target_timeline = 'current'"],
  },
  MariaDB: {
    'my-privileges-to-act': ['writer', `REVOKE READ_ONLY ADMIN, RELOAD ON *.* FROM ${user}@'%'`],
    'my-connection-limit': ['writer', `ALTER USER ${user}@'%' WITH MAX_USER_CONNECTIONS 2`],
    'my-gtid-strict': ['replica', 'SET GLOBAL gtid_strict_mode = OFF'],
    'my-silence-unnoticed': ['replica', 'SET GLOBAL slave_net_timeout = 60'],
    'my-heartbeats-seldom': [
      'replica',
      'STOP SLAVE',
      'CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 5',
      'START SLAVE',
    ],
    'my-sync-binlog': ['writer', 'SET GLOBAL sync_binlog = 0'],
    'my-binlog-format': ['writer', 'SET GLOBAL binlog_format = STATEMENT'],
    'my-events-differ': ['replica', 'SET GLOBAL event_scheduler = ON'],
  },
  MySQL: {
    'my-privileges-to-act': ['writer', `REVOKE REPLICATION_SLAVE_ADMIN, RELOAD ON *.* FROM ${user}@'%'`],
    'my-connection-limit': ['writer', `ALTER USER ${user}@'%' WITH MAX_USER_CONNECTIONS 2`],
    'my-super-read-only': ['replica', 'SET GLOBAL super_read_only = OFF'],
    'my-silence-unnoticed': ['replica', 'SET GLOBAL replica_net_timeout = 60'],
    'my-heartbeats-seldom': [
      'replica',
      'STOP REPLICA IO_THREAD',
      'CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = 5',
      'START REPLICA IO_THREAD',
    ],
    'my-flush-log': ['writer', 'SET GLOBAL innodb_flush_log_at_trx_commit = 2'],
    'my-log-kept-briefly': ['writer', 'SET GLOBAL binlog_expire_logs_seconds = 3600'],
    'my-events-differ': ['replica', 'SET GLOBAL event_scheduler = OFF'],
  },
};

/** Documented beside the statements: settings, which need a restart, and what a KILL across servers needs. */
const setUp: Readonly<
  Record<EngineUnderTest['name'], { grants: readonly string[]; settings: readonly string[] }>
> = {
  PostgreSQL: { grants: [], settings: ['ALTER SYSTEM SET reserved_connections = 8'] },
  MariaDB: { grants: [], settings: [] },
  MySQL: { grants: [`GRANT SELECT ON performance_schema.* TO ${user}@'%'`], settings: [] },
};

for (const of of await enginesUnderTest()) {
  test(`${of.name}: as documented nothing is wrong; each break is found, and mended by its fix`, {
    skip: of.skip,
    timeout: 240_000,
  }, async (t) => {
    const scope = scopeOf(t);
    const cluster = await started(scope, of);
    const [writer, replica] = cluster.instances;
    assert.ok(writer !== undefined && replica !== undefined);
    const statements = await documentedStatements(of.name, password);
    await run(of, writer, ...statements.map((text) => text.replaceAll(/\baurelay\b/g, user)));
    const { grants, settings } = setUp[of.name];
    await run(of, writer, ...grants);
    for (const instance of settings.length > 0 ? [writer, replica] : []) {
      await run(of, instance, ...settings);
      await restart(instance);
    }
    const file = await configured(scope, of, cluster);

    const well = await eventuallyWell(file);
    assert.ok(isWell(well), JSON.stringify(well.findings));
    t.diagnostic(`found nevertheless: ${rulesOf(well.findings).join(', ')}`);
    assert.deepEqual(
      well.findings.filter(({ severity, cluster: id }) => severity !== 'advice' && id !== null),
      [],
      'no more than advice, where docs/servers.md was followed',
    );
    assert.ok(well.passed.length > 40);

    const broken = breaks[of.name];
    for (const [where, ...statements] of Object.values(broken)) {
      await run(of, where === 'writer' ? writer : replica, ...statements);
    }
    if (of.cluster === 'pg') await restart(replica);
    const ill = await untilTold(
      file,
      ({ findings }) => rulesOf(findings, well.findings).length >= Object.keys(broken).length,
    );
    assert.deepEqual(withoutConsequences(rulesOf(ill.findings, well.findings)), Object.keys(broken).sort());

    await carryOut(
      of,
      cluster,
      ill.findings.filter(({ rule }) => rule in broken),
    );
    const mended = await untilTold(file, ({ findings }) => rulesOf(findings, well.findings).length === 0);
    assert.deepEqual(rulesOf(mended.findings, well.findings), []);

    await replica.stop();
    const alone = await diagnosed(file);
    const errors = alone.findings.filter(({ severity }) => severity === 'error');
    assert.deepEqual(rulesOf(errors), ['no-successor', 'unreachable'], JSON.stringify(errors));
    assert.ok(errors.some(({ instance, found }) => instance === replica.id && /ECONNREFUSED/.test(found)));
    assert.ok(alone.passed.some(({ rule }) => rule.startsWith(of.cluster === 'pg' ? 'pg-' : 'my-')));
  });
}

/** A replica that lacks its slot does not receive. */
const withoutConsequences = (rules: readonly string[]): string[] =>
  rules.filter((rule) => rule !== 'not-replicating');

/** Durable, as only the demo is not. */
async function started(scope: Cleanup, of: EngineUnderTest): Promise<EmbeddedCluster> {
  if (of.cluster === 'pg') return withPostgresCluster(scope, { replicas: 1, durable: true });
  await requireMariadb();
  const binaries = of.name === 'MySQL' ? process.env.AURELAY_TEST_MYSQLD : undefined;
  return withMysqlCluster(scope, {
    replicas: 1,
    durable: true,
    ...(binaries === undefined ? {} : { binaries }),
  });
}

/** What was just granted has to reach the replica, and what was restarted to replicate again. */
const eventuallyWell = (file: string): Promise<Told> => untilTold(file, isWell);

async function untilTold(file: string, isSo: (told: Told) => boolean): Promise<Told> {
  let told: Told | null = null;
  for (let look = 0; look < 40; look++) {
    told = await diagnosed(file);
    if (isSo(told)) break;
    await sleep(250);
  }
  assert.ok(told !== null);
  return told;
}

test('the command: a wrong login and a wrong port are one finding each; exit 3, and 0 with JSON where all is well', {
  timeout: 120_000,
}, async (t) => {
  const scope = scopeOf(t);
  const [postgres] = await enginesUnderTest();
  assert.ok(postgres !== undefined);
  const cluster = await withPostgresCluster(scope, { replicas: 0 });
  const [writer] = cluster.instances;
  assert.ok(writer !== undefined);
  const nobody = await freePort();
  const file = await configured(scope, postgres, cluster, {
    monitor: { user: 'stranger', password: 'n0-such-passw0rd' },
    instances: {
      [writer.id]: { address: `127.0.0.1:${writer.port}` },
      gone: { address: `127.0.0.1:${nobody}` },
    },
  });
  const { code, stdout } = await aurelay('doctor', '-c', file);
  assert.equal(code, 3, stdout);
  assert.ok(!stdout.includes('\u001b'), 'no colours where there is no terminal');
  assert.match(stdout, /role "stranger" does not exist/);
  assert.match(stdout, /ECONNREFUSED/);
  assert.ok(!stdout.includes('n0-such-passw0rd'));
  assert.match(stdout, /0 of 2 servers answered\.$/m);
  const right = await configured(scope, postgres, cluster, {
    monitor: { user: 'postgres' },
    failover: { mode: 'observe' },
  });
  await run(postgres, writer, 'ALTER SYSTEM SET fsync = on', 'SELECT pg_reload_conf()');
  const well = await aurelay('doctor', '-c', right, '--json', '--cluster', 'orders');
  assert.equal(well.code, 0, well.stdout + well.stderr);
  const told = JSON.parse(well.stdout) as { ok: boolean; servers: unknown; not_checked: unknown };
  assert.deepEqual([told.ok, told.servers], [true, { servers: 1, answered: 1 }]);
  assert.ok(Array.isArray(told.not_checked));
});

test('the command line: another cluster, a configuration that cannot be used, a wrong option', {
  timeout: 120_000,
}, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-doctor-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'aurelay.yaml');
  const cluster = {
    engine: 'postgres',
    monitor: { user: 'aurelay' },
    failover: { mode: 'observe' },
    instances: { a: { address: '127.0.0.1:1' } },
    endpoints: { writer: { type: 'writer', listen: '127.0.0.1:6432' } },
  };
  await writeFile(file, stringify({ clusters: { orders: cluster } }));
  const other = await aurelay('doctor', '-c', file, '--cluster', 'invoices');
  assert.equal(other.code, 2);
  assert.match(other.stderr, /there is no cluster invoices in .*, but orders/);
  const option = await aurelay('doctor', '-c', file, '--timeout', 'soon');
  assert.equal(option.code, 2);
  await writeFile(file, 'clusters: {}');
  const unusable = await aurelay('doctor', '-c', file);
  assert.equal(unusable.code, 1);
  assert.match(unusable.stderr, /cannot be used/);
});
