import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { stringify } from 'yaml';
import { AdminClient } from '../../src/admin/client.ts';
import { sendRequest } from '../../src/admin/client-request.ts';
import { loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { inspectTlsFiles } from '../../src/tls/inspect-files.ts';
import { certificateMissing, makeCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { scopeOf } from '../support/scope.ts';
import { prependServerFile } from '../support/server-files.ts';
import {
  type Cleanup,
  freePort,
  requireMariadb,
  withMysqlCluster,
  withPostgresCluster,
} from '../support/servers.ts';

/** Whatever must never be seen holds this. */
const mark = 's3cr3t';
const secrets = {
  pgMonitor: `${mark}-postgres-monitor-1`,
  pgReplication: `${mark}-postgres-replication-2`,
  myMonitor: `${mark}-mysql-monitor-3`,
  myReplication: `${mark}-mysql-replication-4`,
  wrong: `${mark}-wrong-password-5`,
  token: `${mark}-admin-token-0123456789`,
};

const root = fileURLToPath(new URL('../..', import.meta.url));

/** All that anybody could read of Aurelay, by where it was read. */
class Seen {
  readonly #texts: [string, string][] = [];

  add(where: string, text: string): void {
    this.#texts.push([where, text]);
  }

  /** The places that hold a secret or a line of `key`, which has to be none. */
  leaks(key: string): string[] {
    const lines = key.split('\n').filter((line) => line.length > 40);
    return this.#texts.flatMap(([where, text]) => {
      const found = [mark, ...lines].find((secret) => text.includes(secret));
      if (found === undefined) return [];
      const at = text.indexOf(found);
      return [`${where}: …${text.slice(Math.max(0, at - 120), at + 60)}…`];
    });
  }

  get size(): number {
    return this.#texts.reduce((sum, [, text]) => sum + text.length, 0);
  }
}

interface Run {
  readonly child: ChildProcess;
  output(): string;
  readonly code: Promise<number | null>;
}

function aurelay(t: Cleanup, args: readonly string[], env: Readonly<Record<string, string>>): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args], {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const code = once(child, 'close').then(([status]) => status as number | null);
  t.after(async () => {
    child.kill('SIGKILL');
    await code;
  });
  return { child, output: () => output, code };
}

/** Passwords are asked for, from this machine too. */
async function lockPostgres({ instances }: EmbeddedCluster): Promise<void> {
  const as = async (port: number, statements: readonly string[]): Promise<void> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  const [writer] = instances;
  assert.ok(writer !== undefined);
  await as(writer.port, [
    `CREATE ROLE monitor LOGIN SUPERUSER PASSWORD '${secrets.pgMonitor}'`,
    `CREATE ROLE copier LOGIN REPLICATION PASSWORD '${secrets.pgReplication}'`,
  ]);
  for (const { directory, port } of instances) {
    await prependServerFile(join(directory, 'pg_hba.conf'), [
      'host all monitor 127.0.0.1/32 scram-sha-256',
      'host replication copier 127.0.0.1/32 scram-sha-256',
    ]);
    await as(port, ['SELECT pg_reload_conf()']);
  }
}

async function lockMysql({ instances }: EmbeddedCluster): Promise<void> {
  const [writer] = instances;
  assert.ok(writer !== undefined);
  const connection = await mysql.createConnection({
    host: '127.0.0.1',
    port: writer.port,
    user: mysqlMonitorUser,
  });
  for (const statement of [
    `CREATE USER monitor@'127.0.0.1' IDENTIFIED BY '${secrets.myMonitor}'`,
    "GRANT ALL PRIVILEGES ON *.* TO monitor@'127.0.0.1'",
    `CREATE USER copier@'127.0.0.1' IDENTIFIED BY '${secrets.myReplication}'`,
    "GRANT REPLICATION SLAVE ON *.* TO copier@'127.0.0.1'",
  ]) {
    await connection.query(statement);
  }
  await connection.end();
}

interface House {
  readonly folder: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly key: string;
  readonly client: AdminClient;
  readonly base: string;
  readonly trust: { readonly by: 'certificate'; readonly pem: string };
  readonly clusters: readonly string[];
}

/** A configuration with a secret wherever one can be: from the environment, from files, and written out. */
async function furnish(
  t: Cleanup,
  postgres: EmbeddedCluster,
  mariadb: EmbeddedCluster | null,
): Promise<House> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  await mkdir(join(folder.path, 'state'));
  const { certificate, key } = await makeCertificate(t);
  await writeFile(join(folder.path, 'admin.crt'), certificate);
  await writeFile(join(folder.path, 'admin.key'), key);
  await writeFile(join(folder.path, 'mysql-password'), `${secrets.myMonitor}\n`);
  await writeFile(join(folder.path, 'token'), `${secrets.token}\n`);
  const admin = await freePort();
  const cluster = async (of: EmbeddedCluster, rest: object): Promise<object> => ({
    engine: of.engine,
    failover: { mode: 'automatic', min_interval: '0s' },
    instances: Object.fromEntries(of.instances.map(({ id, port }) => [id, { address: `127.0.0.1:${port}` }])),
    endpoints: { writer: { type: 'writer', listen: `127.0.0.1:${await freePort()}` } },
    ...rest,
  });
  const clusters: Record<string, object> = {
    pg: await cluster(postgres, {
      monitor: { user: 'monitor', password: `\${PG_PASSWORD}` },
      replication: { user: 'copier', password: secrets.pgReplication },
    }),
    locked: await cluster(postgres, {
      monitor: { user: 'monitor', password: secrets.wrong },
      failover: { mode: 'observe' },
    }),
  };
  if (mariadb !== null) {
    clusters.mysql = await cluster(mariadb, {
      monitor: { user: 'monitor', password_file: 'mysql-password' },
      replication: { user: 'copier', password: secrets.myReplication },
    });
  }
  const config = {
    admin: {
      listen: `127.0.0.1:${admin}`,
      tls: { certificate: 'admin.crt', key: 'admin.key' },
      token_file: 'token',
    },
    state_dir: join(folder.path, 'state'),
    log: { level: 'debug' },
    shutdown: { drain_timeout: '500ms' },
    clusters,
  };
  const file = join(folder.path, 'aurelay.yaml');
  await writeFile(file, stringify(config));
  const trust = { by: 'certificate', pem: certificate } as const;
  const base = `https://127.0.0.1:${admin}`;
  return {
    folder: folder.path,
    file,
    env: { PG_PASSWORD: secrets.pgMonitor },
    key,
    client: new AdminClient({ address: base, token: secrets.token, trust }),
    base,
    trust,
    clusters: Object.keys(clusters),
  };
}

/** Of a stream that has no end: its first picture of the clusters. */
async function beginningOf({ body }: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (/^event: clusters\n.*\n\n/m.test(text)) break;
  }
  return text;
}

/** Every route, as anybody may ask, as one who guesses, and as one who may. */
async function askEverything({ base, trust, clusters }: House, seen: Seen): Promise<void> {
  const ask = async (method: string, path: string, headers: Record<string, string>, body: string | null) => {
    const signal = AbortSignal.timeout(60_000);
    const answer = await sendRequest(new URL(base + path), { method, headers, body, signal, trust });
    const head = JSON.stringify([...answer.headers]);
    const text = path.endsWith('/live') ? await beginningOf(answer) : await answer.text();
    seen.add(`${method} ${path}`, `${answer.status} ${head} ${text}`);
    return answer.status;
  };
  const index = await sendRequest(new URL(base), {
    ...{ method: 'GET', headers: {}, body: null, trust },
    signal: AbortSignal.timeout(60_000),
  });
  const { urls } = (await index.json()) as { urls: Record<string, string> };
  const routes = Object.keys(urls).map((route) => route.split(' ') as [string, string]);
  assert.ok(routes.length >= 10, 'the index lists the routes');
  const logins: (string | null)[] = [null, `Bearer ${secrets.token}x`, `Bearer ${secrets.token}`];
  for (const cluster of [...clusters, 'nobody']) {
    for (const [method, route] of routes) {
      const path = route.replace('{cluster}', cluster).replace('{instance}', `${cluster}-2`);
      const query = path.endsWith('/events') ? '?follow=false' : '';
      for (const login of logins) {
        const headers = login === null ? {} : { authorization: login };
        const json = { ...headers, 'content-type': 'application/json' };
        if (method !== 'POST') await ask(method, path + query, headers, null);
        else if (login !== logins[2]) assert.equal(await ask(method, path, headers, null), 401, path);
        // What it would do is done in its own place; here only how it refuses.
        else
          for (const body of ['{', '[]', '{"x": 1}'])
            assert.notEqual(await ask(method, path, json, body), 200);
      }
    }
  }
  await ask('POST', '/nothing', { authorization: `Bearer ${secrets.token}` }, null);
  await ask('GET', '/', { host: 'evil.example', authorization: `Bearer ${secrets.token}` }, null);
}

/** Mistakes that people make with secrets: each has to be told of, without the secret. */
const mistaken = (key: string): readonly string[] => {
  const whole = (cluster: string, admin = '{}') =>
    `admin: ${admin}\nstate_dir: /tmp\nclusters:\n  a:\n    engine: postgres\n    failover: { mode: observe }\n${cluster}\n    instances: { x: { address: db } }\n    endpoints: { w: { type: writer, listen: 127.0.0.1:6432 } }\n`;
  const inLine = key.trim().replaceAll('\n', ' ');
  return [
    whole(`    monitor: { user: a, password: [${secrets.pgMonitor}] }`),
    whole(`    monitor: { user: a, passwort: ${secrets.pgMonitor} }`),
    whole(`    monitor: { user: a, password: ${secrets.pgMonitor}`),
    whole(`    monitor: { user: a, password: { is: ${secrets.pgMonitor} } }`),
    whole(
      `    monitor:\n      user: a\n      password: |\n        ${secrets.pgMonitor}\n        ${secrets.pgMonitor}`,
    ),
    whole('    monitor: { user: a, databse: $' + '{PG_PASSWORD} }'),
    whole('    monitor: { user: a }\n    health: { fall: $' + '{PG_PASSWORD} }'),
    whole('    monitor: { user: a }', `{ token: ${secrets.token} ${secrets.token} }`),
    whole('    monitor: { user: a }', `{ token: [${secrets.token}] }`),
    whole('    monitor: { user: a }', `{ tokens: ${secrets.token} }`),
    whole(
      '    monitor: { user: a }',
      `{ listen: 127.0.0.1:8080, tls: { certificate: c, key: "${inLine}" } }`,
    ),
    whole(
      '    monitor: { user: a }',
      `\n  tls:\n    certificate: c\n    key: |\n${key.replaceAll(/^/gm, '      ')}`,
    ),
    whole('    monitor: { user: a }', `\n  tls:\n    certificate: c\n    key: |\n${key}`),
  ];
};

test('no secret is logged, shown or put into an error', {
  timeout: 300_000,
  skip: certificateMissing(),
}, async (t) => {
  const scope = scopeOf(t);
  const seen = new Seen();
  const postgres = await withPostgresCluster(scope, { replicas: 1 });
  const mariadb = (await requireMariadb()) === false ? await withMysqlCluster(scope, { replicas: 1 }) : null;
  await lockPostgres(postgres);
  if (mariadb !== null) await lockMysql(mariadb);
  const house = await furnish(scope, postgres, mariadb);
  const { client, folder, file, env, key } = house;
  const run = aurelay(scope, ['start', '-c', file], env);
  const writers = async (): Promise<string> => {
    const all = await client.clusters().catch(() => []);
    return all.map(({ name, writer }) => `${name}=${writer}`).join(' ');
  };
  const expected = `pg=pg-1 locked=null${mariadb === null ? '' : ' mysql=mysql-1'}`;
  await eventually('the writers are known, and one is locked out', async () => {
    assert.equal(run.child.exitCode, null, run.output());
    if ((await writers()) !== expected) return false;
    const [locked] = await client.status('locked');
    return locked?.instances.every(({ last_failure: last }) => last?.reason === 'denied') ?? false;
  });

  const { pid } = run.child;
  for (const name of ['cmdline', 'comm']) seen.add(name, readFileSync(`/proc/${pid}/${name}`, 'utf8'));
  await askEverything(house, seen);
  const commands: [readonly string[], Record<string, string>, number][] = [
    [['switchover', 'pg', '--to', 'pg-2', '-c', file], env, 0],
    [['status', '-c', file], env, 0],
    [['failovers', 'pg', '-c', file, '--json'], env, 0],
    [['drain', 'pg-1', '--cluster', 'pg', '-c', file], { ...env, AURELAY_TOKEN: `${secrets.token}x` }, 1],
    [['drain', 'pg-1', '--cluster', 'pg', '-c', file], { ...env, AURELAY_TOKEN: `${mark} no token` }, 1],
    [['drain', 'pg-1', '--cluster', 'pg', '--admin', house.base], { AURELAY_TOKEN: secrets.token }, 1],
    [
      [
        ...['drain', 'pg-1', '--cluster', 'pg', '--admin', house.base],
        ...['--ca', join(folder, 'admin.crt'), '--token-file', join(folder, 'token')],
      ],
      {},
      0,
    ],
    [['check', '-c', file], env, 0],
    [['start', '-c', file], env, 1],
  ];
  for (const [args, environment, status] of commands) {
    const command = aurelay(scope, args, environment);
    assert.equal(await command.code, status, `${args.join(' ')}\n${command.output()}`);
    seen.add(args.join(' '), command.output());
  }
  if (mariadb !== null) await client.switchover('mysql', 'mysql-2');
  assert.equal((await client.status('pg'))[0]?.writer, 'pg-2');
  await askEverything(house, seen);

  // A server that forgets the password, and one that is gone.
  const server = new pg.Client({
    host: '127.0.0.1',
    port: postgres.instances[1]?.port ?? 0,
    user: 'postgres',
    database: 'postgres',
  });
  server.on('error', () => {});
  await server.connect();
  await server.query(`ALTER ROLE monitor PASSWORD 'another'`);
  await server.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'aurelay%'",
  );
  await server.end();
  await mariadb?.instances[0]?.kill('SIGKILL');
  await eventually('the changed password is noticed', async () => {
    const [pgCluster] = await client.status('pg');
    return pgCluster?.instances.some(({ last_failure: last }) => last?.reason === 'denied') ?? false;
  });
  await askEverything(house, seen);

  run.child.kill('SIGTERM');
  assert.equal(await run.code, 0, run.output());
  seen.add('the log', run.output());
  for (const name of readdirSync(join(folder, 'state'))) {
    seen.add(`state/${name}`, readFileSync(join(folder, 'state', name), 'utf8'));
  }
  // Not through the command line: a process for each would take a minute. What it prints is this report.
  for (const [index, text] of mistaken(key).entries()) {
    const result = loadConfig({
      ...{ text, file: 'mistaken.yaml', env },
      readFile: (path) => readFileSync(join(folder, path), 'utf8'),
      inspectTlsFiles: (files) => inspectTlsFiles(files, (path) => join(folder, path), Date.now()),
    });
    assert.ok(!result.ok, `mistake ${index} is one`);
    for (const json of [true, false]) seen.add(`mistake ${index}`, checkReport(result, { json }));
  }
  assert.ok(seen.size > 100_000, `only ${seen.size} characters were looked at`);
  assert.deepEqual(seen.leaks(key), []);
});
