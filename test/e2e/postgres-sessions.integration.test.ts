import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, connect as openConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it, type TestContext } from 'node:test';
import pg from 'pg';
import postgres from 'postgres';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { processesIn } from '../../src/demo/running-server.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { postgresDrivers } from '../support/drivers.ts';
import { eventually, within } from '../support/eventually.ts';
import { WireClient } from '../support/postgres-wire.ts';
import { programMissing, runProgram, startProgram } from '../support/programs.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { prependServerFile, writeServerFile } from '../support/server-files.ts';
import { type Cleanup, withPostgresCluster } from '../support/servers.ts';

const password = 'a "secret" with spaces';
const megabyte = 1024 * 1024;
const serverMajor = 18;

describe('PostgreSQL: sessions', { timeout: 180_000 }, () => {
  const scope = scopeOf({ after });
  const canEncrypt = certificateMissing();
  let cluster: EmbeddedCluster;
  let aurelay: InProcessAurelay;
  let certificate: Certificate | null = null;
  let reader = 0;
  let writer = 0;
  before(async () => {
    cluster = await withPostgresCluster(scope, { replicas: 2 });
    if (canEncrypt === false) certificate = await makeCertificate(scope);
    await Promise.all(cluster.instances.map((instance) => prepare(instance, certificate)));
    aurelay = await startAurelay(scope, { cluster });
    writer = aurelay.port('writer');
    reader = aurelay.port('reader');
  });

  /** Logins by password, and TLS, on an instance of the shared cluster. */
  async function prepare(instance: EmbeddedInstance, tls: Certificate | null): Promise<void> {
    await prependServerFile(join(instance.directory, 'pg_hba.conf'), [
      'host all guarded 127.0.0.1/32 scram-sha-256',
      'hostssl all encrypted 127.0.0.1/32 scram-sha-256',
      'host all encrypted 127.0.0.1/32 reject',
    ]);
    if (tls !== null) {
      await writeServerFile(join(instance.directory, 'server.key'), tls.key);
      await writeServerFile(join(instance.directory, 'server.crt'), tls.certificate);
    }
    const client = await direct(instance);
    if (instance.id === 'pg-1') {
      await client.query("SET password_encryption = 'scram-sha-256'");
      for (const user of ['guarded', 'encrypted']) {
        await client.query(`CREATE ROLE ${user} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
      }
    }
    if (tls !== null) await client.query('ALTER SYSTEM SET ssl = on');
    await client.query('SELECT pg_reload_conf()');
    await client.end();
  }

  async function direct({ port }: { readonly port: number }): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  async function connect(t: TestContext, port: number, config: pg.ClientConfig = {}): Promise<pg.Client> {
    const client = new pg.Client({
      ...{ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' },
      ...config,
    });
    client.on('error', () => {});
    await client.connect();
    t.after(() => client.end().catch(() => {}));
    return client;
  }

  function connectPostgres(t: TestContext, port: number, options: object = {}) {
    const sql = postgres({
      ...{ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', password: '', max: 1 },
      ...options,
    });
    t.after(() => sql.end({ timeout: 1 }));
    return sql;
  }

  const instanceOf = async (client: pg.Client): Promise<EmbeddedInstance> => {
    const { rows } = await client.query('SHOW cluster_name');
    const instance = cluster.instances.find(({ id }) => id === rows[0]?.cluster_name);
    assert(instance !== undefined);
    return instance;
  };

  const psql = (t: TestContext, port: number, args: readonly string[], env: Record<string, string> = {}) =>
    runProgram(t, 'psql', ['-X', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...args], {
      env: { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'postgres', PGDATABASE: 'postgres', ...env },
    });

  for (const driver of postgresDrivers) {
    it(`${driver.name}: SCRAM logins pass through, wrong passwords are refused in the server's words`, async (t) => {
      for (const port of [writer, reader]) {
        const client = await driver.connect({ port, user: 'guarded', password });
        t.after(() => client.close());
        assert.deepEqual(await client.query('SELECT current_user AS me'), [{ me: 'guarded' }]);
        await client.close();
        await assert.rejects(driver.connect({ port, user: 'guarded', password: 'wrong' }), {
          code: '28P01',
          message: 'password authentication failed for user "guarded"',
        });
      }
    });

    it(`${driver.name}: TLS ends at the server, whose certificate the client checks`, {
      skip: canEncrypt,
    }, async (t) => {
      assert(certificate !== null);
      for (const port of [writer, reader]) {
        const client = await driver.connect({
          port,
          user: 'encrypted',
          password,
          ca: certificate.certificate,
        });
        t.after(() => client.close());
        const [row] = await client.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
        assert.equal(row?.ssl, true);
        assert.match(String(row?.version), /^TLSv1\.[23]$/);
        await client.close();
      }
      await assert.rejects(driver.connect({ port: writer, user: 'encrypted', password }), { code: '28000' });
    });
  }

  it('channel binding, which fails on anything between client and server, holds', {
    skip: canEncrypt,
  }, async (t) => {
    const client = await connect(t, writer, {
      ...{ user: 'encrypted', password, enableChannelBinding: true },
      ssl: { ca: certificate?.certificate ?? '' },
    });
    const { rows } = await client.query('SELECT current_user AS me');
    assert.deepEqual(rows, [{ me: 'encrypted' }]);
  });

  it('direct TLS, without a request before it', { skip: canEncrypt }, async (t) => {
    const client = await connect(t, reader, {
      ...{ user: 'encrypted', password, sslnegotiation: 'direct' },
      ssl: { ca: certificate?.certificate ?? '' },
    } as pg.ClientConfig);
    const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
    assert.deepEqual(rows, [{ ssl: true }]);
  });

  it('psql: every sslmode', { skip: programMissing('psql') || canEncrypt }, async (t) => {
    const env = { PGPASSWORD: password, PGUSER: 'guarded' };
    const sql = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    for (const [mode, encrypted] of [
      ['disable', 'f'],
      ['prefer', 't'],
      ['require', 't'],
    ]) {
      const { status, stdout, stderr } = await psql(t, writer, ['-c', sql], {
        ...env,
        PGSSLMODE: mode ?? '',
      });
      assert.deepEqual({ status, stdout }, { status: 0, stdout: `${encrypted}\n` }, `${mode}: ${stderr}`);
    }
  });

  it('pg: a cancel reaches the replica that runs the query, and nothing else', async (t) => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => connect(t, reader)));
    const servers = await Promise.all(clients.map(instanceOf));
    assert.equal(new Set(servers).size, 2, 'the sessions are on both replicas');
    const others = clients.slice(1).map((client) => client.query("SELECT 'done' AS it FROM pg_sleep(1.5)"));
    const sleeping = new pg.Query('SELECT pg_sleep(60)');
    const failed = once(sleeping, 'error');
    clients[0]?.query(sleeping);
    await runs(servers[0], 'SELECT pg_sleep(60)', 1);
    const canceller = new pg.Client({ host: '127.0.0.1', port: reader }) as pg.Client & {
      cancel(client: pg.Client, query: pg.Query): void;
    };
    canceller.cancel(clients[0] as pg.Client, sleeping);
    const [error] = (await within('the query is cancelled', 10_000, failed)) as [pg.DatabaseError];
    assert.equal(error.code, '57014');
    for (const { rows } of await Promise.all(others)) assert.deepEqual(rows, [{ it: 'done' }]);
    assert.deepEqual((await clients[0]?.query('SELECT 1 AS one'))?.rows, [{ one: 1 }]);
  });

  /** Resolves when `count` backends of an instance run a query. */
  async function runs(instance: EmbeddedInstance | undefined, query: string, count: number): Promise<void> {
    assert(instance !== undefined);
    const client = await direct(instance);
    await eventually(`${query} runs`, async () => {
      const { rows } = await client.query(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query = $1 AND state = 'active'",
        [query],
      );
      return rows[0]?.n === count;
    }).finally(() => client.end());
  }

  it('postgres: query.cancel()', async (t) => {
    const sql = connectPostgres(t, reader);
    await sql`SELECT 1`;
    const query = sql`SELECT pg_sleep(60)`;
    const failed = assert.rejects(query, { code: '57014' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    query.cancel();
    await within('the query is cancelled', 10_000, failed);
    assert.deepEqual([...(await sql`SELECT 1 AS one`)], [{ one: 1 }]);
  });

  it('psql: Ctrl-C', { skip: programMissing('psql') }, async (t) => {
    const env = { PGHOST: '127.0.0.1', PGPORT: String(reader), PGUSER: 'postgres' };
    const { process, result } = startProgram(t, 'psql', ['-X', '-c', 'SELECT pg_sleep(61)'], { env });
    const sessions = await Promise.all(cluster.instances.slice(1).map(direct));
    t.after(async () => {
      await Promise.all(sessions.map((session) => session.end()));
    });
    await eventually('the query runs', async () => {
      const found = await Promise.all(
        sessions.map((session) =>
          session.query(
            "SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(61)' AND state = 'active'",
          ),
        ),
      );
      return found.some(({ rows }) => rows.length > 0);
    });
    process.kill('SIGINT');
    const { status, stderr } = await within('psql ends', 10_000, result);
    assert.equal(status, 1);
    assert.match(stderr, /canceling statement due to user request/);
  });

  it('COPY of 100,000 rows in and out', async (t) => {
    const sql = connectPostgres(t, writer);
    await sql`CREATE TABLE copied (id int PRIMARY KEY, text text)`;
    const lines = Array.from({ length: 100_000 }, (_, id) => `${id}\trow ${id} with some text in it\n`);
    await pipeline(Readable.from(batches(lines)), await sql`COPY copied FROM STDIN`.writable());
    assert.equal((await sql`SELECT count(*)::int AS n FROM copied`)[0]?.n, 100_000);

    const replica = connectPostgres(t, reader);
    await eventually('the rows are on the replica', async () => {
      const rows = await replica`SELECT count(*)::int AS n FROM copied`.catch(() => []);
      return rows[0]?.n === 100_000;
    });
    const hash = createHash('sha256');
    await pipeline(
      await replica`COPY (SELECT * FROM copied ORDER BY id) TO STDOUT`.readable(),
      hashing(hash),
    );
    assert.equal(hash.digest('hex'), createHash('sha256').update(lines.join('')).digest('hex'));
  });

  it('psql: \\copy in and out', { skip: programMissing('psql') }, async (t) => {
    const rows = `${Array.from({ length: 20_000 }, (_, id) => `${id},"text, ${id}"`).join('\n')}\n`;
    const created = await psql(t, writer, ['-c', 'CREATE TABLE psql_copied (id int, text text)']);
    assert.equal(created.status, 0, created.stderr);
    const copied = await runProgram(t, 'psql', ['-X', '-c', '\\copy psql_copied from stdin csv'], {
      env: { PGHOST: '127.0.0.1', PGPORT: String(writer), PGUSER: 'postgres' },
      input: rows,
    });
    assert.deepEqual({ ...copied }, { status: 0, stdout: 'COPY 20000\n', stderr: '' });
    const out = await psql(t, writer, ['-c', '\\copy (SELECT * FROM psql_copied ORDER BY id) to stdout csv']);
    assert.equal(out.stdout, rows.replaceAll(/"text, (\d+)"/g, '"text, $1"'));
  });

  it('LISTEN and NOTIFY through the writer endpoint', async (t) => {
    const listener = await connect(t, writer);
    const heard: (string | undefined)[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload));
    await listener.query('LISTEN news');
    const sql = connectPostgres(t, writer);
    const other: string[] = [];
    await sql.listen('news', (payload) => other.push(payload));
    const speaker = await connect(t, writer);
    for (const word of ['one', 'two', 'three'])
      await speaker.query('SELECT pg_notify($1, $2)', ['news', word]);
    await eventually('both hear all of it', () => heard.length === 3 && other.length === 3);
    assert.deepEqual(
      [heard, other],
      [
        ['one', 'two', 'three'],
        ['one', 'two', 'three'],
      ],
    );
  });

  it('prepared statements, and many statements at once', async (t) => {
    const client = await connect(t, reader);
    for (const n of [1, 2, 3]) {
      const { rows } = await client.query({ name: 'double', text: 'SELECT $1::int * 2 AS n', values: [n] });
      assert.deepEqual(rows, [{ n: 2 * n }]);
    }
    const { rows } = await client.query(
      "SELECT count(*)::int AS n FROM pg_prepared_statements WHERE name = 'double'",
    );
    assert.deepEqual(rows, [{ n: 1 }]);
    const several = (await client.query(
      'SELECT 1 AS a; SELECT 2 AS a; SELECT 3 AS a',
    )) as unknown as pg.QueryResult[];
    assert.deepEqual(
      several.flatMap((result) => result.rows),
      [{ a: 1 }, { a: 2 }, { a: 3 }],
    );

    const sql = connectPostgres(t, reader);
    const pipelined = await Promise.all(Array.from({ length: 200 }, (_, n) => sql`SELECT ${n}::int AS n`));
    assert.deepEqual(
      pipelined.map((result) => result[0]?.n),
      Array.from({ length: 200 }, (_, n) => n),
    );
  });

  it('16 MB values go both ways', async (t) => {
    const text = 'abcdefghijklmnop'.repeat(megabyte);
    const client = await connect(t, writer);
    const { rows } = await client.query('SELECT $1::text AS text, md5($1::text) AS md5', [text]);
    assert.equal(rows[0].md5, createHash('md5').update(text).digest('hex'));
    assert.ok(rows[0].text === text, 'it came back as it went');
    const sql = connectPostgres(t, reader);
    const [row] = await sql`SELECT ${text}::text AS text`;
    assert.ok(row?.text === text, 'it came back as it went');
  });

  it('big results and server-side cursors', async (t) => {
    const client = await connect(t, reader);
    const { rows } = await client.query(
      'SELECT n, repeat(md5(n::text), 10) AS t FROM generate_series(1, 100000) AS n',
    );
    assert.equal(rows.length, 100_000);
    assert.equal(rows.at(-1).t, createHash('md5').update('100000').digest('hex').repeat(10));

    await client.query('BEGIN');
    await client.query('DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 1000) AS n');
    const counted: number[] = [];
    for (;;) {
      const { rows: part } = await client.query('FETCH 300 FROM c');
      counted.push(part.length);
      if (part.length === 0) break;
    }
    await client.query('COMMIT');
    assert.deepEqual(counted, [300, 300, 300, 100, 0]);

    const sql = connectPostgres(t, reader);
    let seen = 0;
    for await (const part of sql`SELECT n FROM generate_series(1, 1000) AS n`.cursor(256))
      seen += part.length;
    assert.equal(seen, 1000);
  });

  it('a client that has ended its side still gets its answer', async () => {
    const client = await WireClient.login(reader);
    client.query("SELECT 'the answer' FROM pg_sleep(0.5)");
    client.socket.end();
    assert.equal(await within('the server ends the session', 10_000, client.ended), null);
    assert.ok(client.messages.some(({ type, body }) => type === 'D' && body.includes('the answer')));
  });

  it('a client that stops reading holds the server up, not memory', async (t) => {
    const other = await connect(t, reader);
    const stalled = await connect(t, reader);
    const instance = await instanceOf(stalled);
    const { stream } = (stalled as unknown as { connection: { stream: Socket } }).connection;
    const before = process.memoryUsage();
    stalled.query("SELECT repeat('x', 1000000) FROM generate_series(1, 100000)").catch(() => {});
    stream.pause();
    const monitor = await direct(instance);
    t.after(() => monitor.end());
    await eventually('the server waits for the client', async () => {
      const { rows } = await monitor.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'ClientWrite'");
      return rows.length > 0;
    });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const growth = (process.memoryUsage().rss - before.rss) / megabyte;
    t.diagnostic(`memory grew by ${growth.toFixed(1)} MB over a result of 100 GB`);
    assert.ok(growth < 100, `memory grew by ${growth} MB`);
    assert.deepEqual((await other.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'others go on');
    stream.destroy();
    await eventually('the server is let go', async () => {
      const { rows } = await monitor.query(
        "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%repeat(''x'', 1000000)%' AND pid <> pg_backend_pid()",
      );
      return rows.length === 0;
    });
  });

  it('a client that reads in bits gets every byte of a result', async () => {
    const client = await WireClient.login(reader);
    client.query('SELECT repeat(md5(n::text), 1000) FROM generate_series(1, 1000) AS n');
    for (let turn = 0; turn < 10; turn++) {
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 20));
      client.socket.resume();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await within('the result is complete', 30_000, client.until('Z'));
    const rows = client.messages.filter(({ type }) => type === 'D');
    assert.equal(rows.length, 1000);
    for (const [index, { body }] of rows.entries()) {
      const expected = createHash('md5')
        .update(String(index + 1))
        .digest('hex');
      assert.ok(body.subarray(6).toString() === expected.repeat(1000), `row ${index + 1}`);
    }
    client.socket.destroy();
  });

  it('a port scan, a health check and garbage cost the server nothing', async (t) => {
    const [first] = cluster.instances;
    assert(first !== undefined);
    const own = scopeOf(t);
    const counted = await countConnections(own, first.port);
    const { port } = await startAurelay(own, {
      cluster,
      instances: { 'pg-1': { address: `127.0.0.1:${counted.port}` } },
      // It looks once, and leaves the counting to what comes through the endpoint.
      health: { interval: '1m' },
      failover: { mode: 'observe' },
      endpoints: { writer: { type: 'writer' } },
    });
    const before = counted.count();

    for (let scan = 0; scan < 5; scan++) {
      const client = await WireClient.open(port('writer'));
      client.socket.destroy();
    }
    const polite = await WireClient.open(port('writer'));
    polite.socket.end();
    await within('a bare connect is closed in turn', 10_000, polite.ended);

    const saysItsPiece = async (bytes: Buffer | string): Promise<WireClient> => {
      const client = await WireClient.open(port('writer'));
      client.socket.write(bytes);
      assert.equal(await within('it is refused', 10_000, client.ended), null, 'closed, not reset');
      client.socket.end();
      assert.equal(client.error()?.C, '08P01');
      assert.equal(client.error()?.S, 'FATAL');
      return client;
    };
    const http = await saysItsPiece('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    assert.match(http.error()?.M ?? '', /the client speaks HTTP/);
    await saysItsPiece(Buffer.alloc(64, 0xff));
    // A startup message that claims to be 1 GB long.
    await saysItsPiece(Buffer.from([0x40, 0, 0, 0, 0, 3, 0, 0, 0x75]));

    assert.equal(counted.count(), before, 'no connection to the server');
    const client = await connect(t, port('writer'));
    assert.equal((await instanceOf(client)).id, 'pg-1', 'and nobody else is disturbed');
    assert.equal(counted.count(), before + 1);
    await client.end();
  });

  it('pgbench does through the endpoints what it does directly', {
    skip: programMissing('pgbench'),
  }, async (t) => {
    const bench = (port: number, args: readonly string[]) =>
      runProgram(t, 'pgbench', [...args], {
        env: { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'postgres', PGDATABASE: 'postgres' },
      });
    const made = await bench(writer, ['-i', '-q', '-s', '1']);
    assert.equal(made.status, 0, made.stderr);
    const written = await bench(writer, ['-n', '-c', '4', '-t', '50']);
    assert.match(written.stdout, /transactions actually processed: 200\/200/, written.stderr);
    const check = await direct({ port: writer });
    const { rows } = await check.query(
      'SELECT (SELECT sum(delta) FROM pgbench_history) = (SELECT sum(abalance) FROM pgbench_accounts) AS sound, ' +
        '(SELECT count(*)::int FROM pgbench_history) AS n',
    );
    await check.end();
    assert.deepEqual(rows, [{ sound: true, n: 200 }]);
    await eventually('the replicas have it', async () => {
      const counts = await Promise.all(
        cluster.instances.slice(1).map(async (instance) => {
          const client = await direct(instance);
          const found = await client.query('SELECT count(*)::int AS n FROM pgbench_history');
          await client.end();
          return found.rows[0]?.n;
        }),
      );
      return counts.every((count) => count === 200);
    });
    for (const mode of ['simple', 'extended', 'prepared']) {
      const read = await bench(reader, ['-n', '-S', '-M', mode, '-c', '4', '-t', '100']);
      assert.match(read.stdout, /transactions actually processed: 400\/400/, `${mode}: ${read.stderr}`);
      assert.match(read.stdout, /number of failed transactions: 0/);
    }
    const reconnecting = await bench(reader, ['-n', '-S', '-C', '-c', '2', '-t', '20']);
    assert.match(reconnecting.stdout, /transactions actually processed: 40\/40/, reconnecting.stderr);
  });

  it('sysbench reads and writes', { skip: programMissing('sysbench') }, async (t) => {
    const bench = (command: string) =>
      runProgram(t, 'sysbench', [
        ...['oltp_read_write', '--db-driver=pgsql', '--pgsql-host=127.0.0.1', `--pgsql-port=${writer}`],
        ...['--pgsql-user=postgres', '--pgsql-db=postgres', '--tables=2', '--table-size=500'],
        ...['--threads=2', '--events=50', '--time=0', command],
      ]);
    for (const command of ['prepare', 'run', 'cleanup']) {
      const { status, stdout, stderr } = await bench(command);
      assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
      if (command === 'run') assert.match(stdout, /transactions: +50 /);
    }
  });

  // The last of this cluster: it costs a replica.
  it('a server that vanishes amid a result: its clients hear of it at once, others go on', async (t) => {
    const clients = await Promise.all([1, 2, 3, 4].map(() => connect(t, reader)));
    const servers = await Promise.all(clients.map(instanceOf));
    const victim = servers[0];
    assert(victim !== undefined);
    const wire = await WireClient.login(reader);
    t.after(() => void wire.socket.destroy());
    const endless = "SELECT repeat('x', 100000), pg_sleep(0.01) FROM generate_series(1, 100000)";
    const outcomes = clients.map((client, index) =>
      servers[index] === victim
        ? client.query(endless).then(
            () => null,
            (error: Error) => error,
          )
        : client.query("SELECT 'undisturbed' AS it FROM pg_sleep(2)").then(({ rows }) => rows[0]?.it),
    );
    await runs(victim, endless, servers.filter((server) => server === victim).length);
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const pid of processesIn(victim.directory)) process.kill(pid, 'SIGKILL');
    const settled = await within('every client hears of it', 15_000, Promise.all(outcomes));
    for (const [index, outcome] of settled.entries()) {
      if (servers[index] === victim) assert.match(String(outcome), /terminated|ECONNRESET|closed/);
      else assert.equal(outcome, 'undisturbed');
    }
    const next = await connect(t, reader);
    assert.notEqual((await instanceOf(next)).id, victim.id);
    assert.equal((await aurelay.status()).epoch, 1);
  });

  it('pg_dump gives through an endpoint what it gives directly', { skip: pgDumpMissing() }, async (t) => {
    const dumpScope = scopeOf(t);
    const binaries =
      pgDumpMajor() === serverMajor ? {} : { binaries: `/usr/lib/postgresql/${pgDumpMajor()}/bin` };
    const old = await withPostgresCluster(dumpScope, { replicas: 1, ...binaries });
    const front = await startAurelay(dumpScope, { cluster: old });
    const setup = await direct({ port: front.port('writer') });
    await setup.query(
      'CREATE TABLE dumped AS SELECT n AS id, repeat(md5(n::text), 5) AS text FROM generate_series(1, 20000) AS n',
    );
    await setup.end();
    const replica = old.instances[1];
    assert(replica !== undefined);
    await eventually('the replica has it', async () => {
      const client = await direct(replica);
      const found = await client.query('SELECT count(*)::int AS n FROM dumped').catch(() => null);
      await client.end();
      return found?.rows[0]?.n === 20_000;
    });
    const dump = (port: number) =>
      runProgram(t, 'pg_dump', [], {
        env: { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'postgres', PGDATABASE: 'postgres' },
      });
    const through = await dump(front.port('reader'));
    assert.equal(through.status, 0, through.stderr);
    const directly = await dump(replica.port);
    assert.ok(through.stdout.length > 3 * megabyte);
    // Newer versions write a random key around the dump.
    const plain = (text: string): string => text.replaceAll(/^\\(un)?restrict .*$/gm, '');
    assert.ok(plain(through.stdout) === plain(directly.stdout), 'byte for byte');
  });
});

/** pg_dump refuses a server that is newer than itself, so that a cluster of its own version is dumped. */
function pgDumpMajor(): number {
  return Number(/ (\d+)/.exec(execFileSync('pg_dump', ['--version'], { encoding: 'utf8' }))?.[1]);
}

function pgDumpMissing(): false | string {
  const missing = programMissing('pg_dump');
  if (missing !== false) return missing;
  const major = pgDumpMajor();
  if (major === serverMajor || existsSync(`/usr/lib/postgresql/${major}/bin/initdb`)) return false;
  return `pg_dump is of version ${major}, and there is no server of that version`;
}

/** A way to the server on `port` that counts who takes it. */
async function countConnections(t: Cleanup, port: number): Promise<{ port: number; count(): number }> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    count += 1;
    const onward = openConnection({ host: '127.0.0.1', port });
    for (const socket of [client, onward]) sockets.add(socket.on('error', () => {}));
    client.pipe(onward).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, count: () => count };
}

function* batches(lines: readonly string[]): Generator<string> {
  for (let at = 0; at < lines.length; at += 500) yield lines.slice(at, at + 500).join('');
}

const hashing = (hash: Hash): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done();
    },
  });
