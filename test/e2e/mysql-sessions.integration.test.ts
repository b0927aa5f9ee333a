import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect as openConnection } from 'node:net';
import { Readable } from 'node:stream';
import { after, before, describe, it, type TestContext } from 'node:test';
import * as mariadb from 'mariadb';
import mysql from 'mysql2/promise';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { makeWritable } from '../../src/demo/mysql-replication.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { type Driver, mysqlDrivers, socketOf } from '../support/drivers.ts';
import { enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually, within } from '../support/eventually.ts';
import { showCertificate } from '../support/mysql-certificate.ts';
import { programMissing, runProgram } from '../support/programs.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';

const password = 'a "secret" with spaces';
const megabyte = 1024 * 1024;

for (const engine of (await enginesUnderTest()).filter(({ cluster }) => cluster === 'mysql')) {
  describe(`${engine.name}: sessions`, { skip: engine.skip, timeout: 180_000 }, () => {
    const scope = scopeOf({ after });
    const canEncrypt = certificateMissing();
    let cluster: EmbeddedCluster;
    let aurelay: InProcessAurelay;
    let certificate: Certificate | null = null;
    let reader = 0;
    let writer = 0;
    before(async () => {
      cluster = await engine.start(scope, { replicas: 2 });
      if (canEncrypt === false) {
        certificate = await makeCertificate(scope);
        for (const instance of cluster.instances) await encrypt(instance, certificate);
      }
      const admin = await connect(null, cluster.instances[0]?.port ?? 0, { user: mysqlMonitorUser });
      await admin.query('CREATE DATABASE app');
      for (const [user, required] of [
        ['guarded', ''],
        ['encrypted', ' REQUIRE SSL'],
      ]) {
        await admin.query(`CREATE USER '${user}'@'127.0.0.1' IDENTIFIED BY '${password}'${required}`);
        await admin.query(`GRANT ALL ON app.* TO '${user}'@'127.0.0.1'`);
      }
      await admin.end();
      aurelay = await startAurelay(scope, { cluster });
      writer = aurelay.port('writer');
      reader = aurelay.port('reader');
      await eventually('the accounts are on the replicas', async () => {
        const found = await Promise.all(
          cluster.instances.slice(1).map(async ({ port }) => {
            const client = await connect(null, port, { user: mysqlMonitorUser });
            const [rows] = await client.query<mysql.RowDataPacket[]>(
              "SELECT 1 FROM mysql.user WHERE user = 'encrypted'",
            );
            await client.end();
            return rows.length > 0;
          }),
        );
        return found.every(Boolean);
      });
    });

    async function encrypt(instance: EmbeddedInstance, tls: Certificate): Promise<void> {
      await showCertificate(instance, tls);
      if (instance.id === 'mysql-1') {
        await makeWritable(engine.name === 'MariaDB' ? 'mariadb' : 'mysql', instance.port);
      }
    }

    async function connect(
      t: TestContext | null,
      port: number,
      options: mysql.ConnectionOptions = {},
    ): Promise<mysql.Connection> {
      const client = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root', ...options });
      client.on('error', () => {});
      t?.after(() => client.end().catch(() => client.destroy()));
      return client;
    }

    async function connectMariadb(
      t: TestContext,
      port: number,
      options: mariadb.ConnectionConfig = {},
    ): Promise<mariadb.Connection> {
      const client = await mariadb.createConnection({
        ...{ host: '127.0.0.1', port, user: 'root', allowPublicKeyRetrieval: true },
        ...options,
      });
      client.on('error', () => {});
      t.after(() => client.end().catch(() => client.destroy()));
      return client;
    }

    const rowsOf = async (client: mysql.Connection, sql: string): Promise<mysql.RowDataPacket[]> =>
      (await client.query<mysql.RowDataPacket[]>(sql))[0];

    const instanceOf = async (client: mysql.Connection): Promise<EmbeddedInstance> => {
      const [row] = await rowsOf(client, 'SELECT @@port AS port');
      const instance = cluster.instances.find(({ port }) => port === Number(row?.port));
      assert(instance !== undefined);
      return instance;
    };

    /** On the server itself, past Aurelay. */
    const direct = (t: TestContext, { port }: EmbeddedInstance): Promise<mysql.Connection> =>
      connect(t, port, { user: mysqlMonitorUser });

    const program = (t: TestContext, name: string, port: number, args: readonly string[], input = '') =>
      runProgram(
        t,
        name,
        ['--no-defaults', '--protocol=TCP', '--host=127.0.0.1', `--port=${port}`, ...args],
        { input },
      );

    for (const driver of mysqlDrivers) {
      it(`${driver.name}: logins by password pass through, wrong passwords are refused by the server`, async (t) => {
        for (const port of [writer, reader]) {
          const client = await driver.connect({ port, user: 'guarded', password, database: 'app' });
          t.after(() => client.close());
          const [row] = await client.query('SELECT USER() AS me, DATABASE() AS db');
          assert.deepEqual({ ...row }, { me: 'guarded@127.0.0.1', db: 'app' });
          await client.close();
          await assert.rejects(
            driver.connect({ port, user: 'guarded', password: 'wrong' }),
            (error: Error & { errno: number }) => error.errno === 1045 && /guarded/.test(error.message),
          );
        }
      });

      it(`${driver.name}: TLS ends at the server, whose certificate the client checks`, {
        skip: canEncrypt,
      }, async (t) => {
        assert(certificate !== null);
        for (const port of [writer, reader]) {
          const client = await driver.connect({
            ...{ port, user: 'encrypted', password, ca: certificate.certificate },
          });
          t.after(() => client.close());
          const [row] = await client.query("SHOW STATUS LIKE 'Ssl_version'");
          assert.match(String(row?.Value), /^TLSv1\.[23]$/);
          await client.close();
        }
        await assert.rejects(driver.connect({ port: writer, user: 'encrypted', password }), { errno: 1045 });
      });

      it(`${driver.name}: prepared statements`, async (t) => {
        await repeatPrepared(t, driver);
      });
    }

    async function repeatPrepared(t: TestContext, driver: Driver): Promise<void> {
      if (driver.name === 'mysql2') {
        const client = await connect(t, reader);
        for (const n of [1, 2, 3]) {
          const [rows] = await client.execute<mysql.RowDataPacket[]>('SELECT ? * 2 AS n', [n]);
          assert.equal(Number(rows[0]?.n), 2 * n);
        }
        return;
      }
      const client = await connectMariadb(t, reader);
      const statement = await client.prepare('SELECT ? * 2 AS n');
      for (const n of [1, 2, 3]) {
        const rows = (await statement.execute([n])) as { n: number }[];
        assert.equal(Number(rows[0]?.n), 2 * n);
      }
      await statement.close();
    }

    if (engine.name === 'MySQL') {
      it('caching_sha2_password: the full exchange, without TLS too', async (t) => {
        for (const [driver, user] of mysqlDrivers.map((driver) => [driver, `sha_${driver.name}`] as const)) {
          const admin = await connect(t, writer);
          await admin.query(
            `CREATE USER ${user}@127.0.0.1 IDENTIFIED WITH caching_sha2_password BY '${password}'`,
          );
          // Nothing is cached for a new user, so that its first login is the long one.
          for (const turn of ['first', 'cached']) {
            const client = await driver.connect({ port: writer, user, password });
            const [row] = await client.query('SELECT USER() AS me');
            await client.close();
            assert.equal(row?.me, `${user}@127.0.0.1`, turn);
          }
        }
      });
    }

    it('the command-line client reads and writes', { skip: programMissing('mysql') }, async (t) => {
      const wrote = await program(t, 'mysql', writer, [
        '--user=root',
        '-e',
        'CREATE TABLE app.cli AS SELECT 7 AS n',
      ]);
      assert.equal(wrote.status, 0, wrote.stderr);
      const read = await program(
        t,
        'mysql',
        writer,
        ['--user=root', '-N', 'app'],
        'SELECT n, @@port FROM cli;',
      );
      assert.equal(read.stdout, `7\t${cluster.instances[0]?.port}\n`, read.stderr);
      const refused = await program(t, 'mysql', reader, ['--user=root', '-e', 'CREATE TABLE app.no (n int)']);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, /read-only/);
    });

    it('a query is killed on the server that runs it', async (t) => {
      const sleeping = await connect(t, reader);
      const instance = await instanceOf(sleeping);
      const [row] = await rowsOf(sleeping, 'SELECT CONNECTION_ID() AS id');
      const failed = sleeping.query('SELECT COUNT(*), SLEEP(60) FROM information_schema.tables').then(
        () => null,
        (error: { errno: number }) => error.errno,
      );
      const killer = await direct(t, instance);
      await eventually('the query runs', async () => {
        const rows = await rowsOf(killer, 'SHOW PROCESSLIST');
        return rows.some(({ Id, Command }) => Id === row?.id && Command === 'Query');
      });
      await killer.query(`KILL QUERY ${row?.id}`);
      // SLEEP() that is interrupted gives 1 in some versions, and an error in others.
      assert.ok([null, 1317].includes(await within('the query ends', 10_000, failed)));
      assert.equal((await rowsOf(sleeping, 'SELECT 1 AS one'))[0]?.one, 1);
    });

    it('values and packets of more than 16 MB go both ways', async (t) => {
      // Over 16 MB - 1, a packet is sent in parts (manual, "MySQL Packets").
      const text = 'abcdefghijklmnop'.repeat(megabyte + 4096);
      const hash = createHash('sha256').update(text).digest('hex');
      const client = await connect(t, writer);
      const [row] = await rowsOf(
        client,
        `SELECT '${text}' AS text, SHA2('${text.slice(0, 16)}', 256) AS hash`,
      );
      assert.ok(row?.text === text, 'it came back as it went');
      await client.query('CREATE TABLE app.big (id int PRIMARY KEY, text longtext)');
      await client.execute('INSERT INTO app.big VALUES (1, ?)', [text]);
      assert.equal((await rowsOf(client, 'SELECT SHA2(text, 256) AS hash FROM app.big'))[0]?.hash, hash);
      const other = await connectMariadb(t, writer, { maxAllowedPacket: 64 * megabyte });
      const rows = (await other.query('SELECT text FROM app.big')) as { text: string }[];
      assert.ok(rows[0]?.text === text, 'it came back as it went');
      await other.query('INSERT INTO app.big VALUES (2, ?)', [text]);
      assert.equal(
        (await rowsOf(client, 'SELECT COUNT(DISTINCT SHA2(text, 256)) AS n FROM app.big'))[0]?.n,
        1,
      );
    });

    it('big results, streams and several statements at once', async (t) => {
      const sequence =
        'SELECT a.n * 1000 + b.n AS n, SHA2(a.n * 1000 + b.n, 256) AS t FROM ' +
        '(WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 99) SELECT n FROM s) a, ' +
        '(WITH RECURSIVE s AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM s WHERE n < 999) SELECT n FROM s) b';
      const client = await connect(t, reader, { multipleStatements: true });
      await client.query('SET SESSION cte_max_recursion_depth = 2000').catch(() => {});
      const rows = await rowsOf(client, sequence);
      assert.equal(rows.length, 100_000);
      assert.equal(new Set(rows.map(({ n }) => n)).size, 100_000);
      for (const { n, t: hash } of rows.slice(0, 500)) {
        assert.equal(hash, createHash('sha256').update(String(n)).digest('hex'));
      }
      const several = await rowsOf(client, 'SELECT 1 AS a; SELECT 2 AS a; SELECT 3 AS a');
      assert.deepEqual(
        several.map((result) => (result as mysql.RowDataPacket[])[0]?.a),
        [1, 2, 3],
      );

      const other = await connectMariadb(t, reader);
      let seen = 0;
      for await (const _ of other.queryStream(sequence)) seen += 1;
      assert.equal(seen, 100_000);
    });

    it('LOAD DATA LOCAL of 100,000 rows', async (t) => {
      const client = await connect(t, writer);
      await client.query('SET GLOBAL local_infile = ON').catch(() => {});
      await client.query('CREATE TABLE app.loaded (id int PRIMARY KEY, text varchar(100))');
      const lines = Array.from({ length: 100_000 }, (_, id) => `${id}\trow ${id}\n`).join('');
      await client.query({
        sql: "LOAD DATA LOCAL INFILE 'rows' INTO TABLE app.loaded",
        infileStreamFactory: () => Readable.from([Buffer.from(lines)]),
      });
      const [row] = await rowsOf(
        client,
        'SELECT COUNT(*) AS n, SUM(text = CONCAT("row ", id)) AS same FROM app.loaded',
      );
      assert.deepEqual([Number(row?.n), Number(row?.same)], [100_000, 100_000]);
    });

    it('a client that has ended its side still gets its answer', async (t) => {
      const client = await connect(t, reader);
      const answer = rowsOf(client, "SELECT 'the answer' AS it, SLEEP(0.5)");
      await new Promise((resolve) => setTimeout(resolve, 50));
      socketOf(client).end();
      assert.equal((await within('the answer', 10_000, answer))[0]?.it, 'the answer');
    });

    it('a client that stops reading holds the server up, not memory', async (t) => {
      const other = await connect(t, reader);
      const stalled = await connect(t, reader);
      const monitor = await direct(t, await instanceOf(stalled));
      const [{ id } = { id: 0 }] = await rowsOf(stalled, 'SELECT CONNECTION_ID() AS id');
      const isOpen = async (): Promise<boolean> =>
        (await rowsOf(monitor, 'SHOW PROCESSLIST')).some(({ Id }) => Id === id);
      const before = process.memoryUsage();
      stalled.query("SELECT REPEAT('x', 1000000) FROM app.loaded").catch(() => {});
      socketOf(stalled).pause();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      assert.equal(await isOpen(), true, 'the server still sends');
      const growth = (process.memoryUsage().rss - before.rss) / megabyte;
      t.diagnostic(`memory grew by ${growth.toFixed(1)} MB over a result of 100 GB`);
      assert.ok(growth < 100, `memory grew by ${growth} MB`);
      assert.equal((await rowsOf(other, 'SELECT 1 AS one'))[0]?.one, 1, 'others go on');
      socketOf(stalled).destroy();
      await eventually('the server is let go', async () => !(await isOpen()));
    });

    it('bare connects, more than max_connect_errors of them, leave no session behind and shut nobody out', async (t) => {
      const monitor = await direct(t, cluster.instances[0] as EmbeddedInstance);
      const limits = await rowsOf(monitor, 'SELECT @@max_connect_errors AS most');
      for (let scan = 0; scan < Number(limits[0]?.most ?? 100) + 5; scan++) {
        await new Promise<void>((resolve, reject) => {
          const socket = openConnection({ host: '127.0.0.1', port: writer }, () => {
            socket.destroy();
            resolve();
          });
          socket.once('error', reject);
        });
      }
      const client = await connect(t, writer);
      assert.equal((await instanceOf(client)).id, 'mysql-1');
      await eventually('no session of a scan is left', async () => {
        const { endpoints } = await aurelay.status();
        return endpoints.some(({ name, sessions }) => name === 'writer' && sessions === 1);
      });
    });

    it('dumps are byte for byte the same', { skip: programMissing('mysqldump') }, async (t) => {
      const client = await connect(t, writer);
      await client.query('CREATE DATABASE dumped');
      await client.query('CREATE TABLE dumped.rows_of_it (id int PRIMARY KEY, text longtext)');
      await client.query(
        `INSERT INTO dumped.rows_of_it SELECT id, REPEAT(SHA2(id, 256), 4) FROM app.loaded WHERE id < 20000`,
      );
      const replica = cluster.instances[1];
      assert(replica !== undefined);
      for (const instance of cluster.instances.slice(1)) {
        const there = await direct(t, instance);
        await eventually('the replica has it', async () => {
          const rows = await rowsOf(there, 'SELECT COUNT(*) AS n FROM dumped.rows_of_it').catch(() => []);
          return Number(rows[0]?.n) === 20_000;
        });
      }
      const args = ['--user=root', '--skip-comments', '--skip-dump-date', '--single-transaction', 'dumped'];
      const through = await program(t, 'mysqldump', reader, args);
      assert.equal(through.status, 0, through.stderr);
      const directly = await program(t, 'mysqldump', replica.port, args);
      assert.ok(through.stdout.length > 2 * megabyte);
      assert.ok(through.stdout === directly.stdout, 'byte for byte');
      const restored = await program(t, 'mysql', writer, ['--user=root', 'app'], through.stdout);
      assert.equal(restored.status, 0, restored.stderr);
      assert.equal((await rowsOf(client, 'SELECT COUNT(*) AS n FROM app.rows_of_it'))[0]?.n, 20_000);
    });

    it('sysbench reads and writes', { skip: programMissing('sysbench') }, async (t) => {
      const client = await connect(t, writer);
      await client.query('CREATE DATABASE sbtest');
      for (const command of ['prepare', 'run', 'cleanup']) {
        const { status, stdout, stderr } = await runProgram(t, 'sysbench', [
          ...['oltp_read_write', '--db-driver=mysql', '--mysql-host=127.0.0.1', `--mysql-port=${writer}`],
          ...['--mysql-user=root', '--tables=2', '--table-size=500'],
          ...['--threads=2', '--events=50', '--time=0', command],
        ]);
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
      const outcomes = clients.map((client, index) =>
        servers[index] === victim
          ? rowsOf(client, "SELECT REPEAT('x', 100000), SLEEP(0.01) FROM app.loaded").then(
              () => null,
              (error: Error) => error,
            )
          : rowsOf(client, "SELECT 'undisturbed' AS it, SLEEP(2)").then((rows) => rows[0]?.it),
      );
      await new Promise((resolve) => setTimeout(resolve, 500));
      victim.kill('SIGKILL');
      const settled = await within('every client hears of it', 15_000, Promise.all(outcomes));
      for (const [index, outcome] of settled.entries()) {
        if (servers[index] === victim) assert.match(String(outcome), /lost|ECONNRESET|closed/i);
        else assert.equal(outcome, 'undisturbed');
      }
      const next = await connect(t, reader);
      assert.notEqual((await instanceOf(next)).id, victim.id);
      assert.equal((await aurelay.status()).epoch, 1);
    });
  });
}
