import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it, type TestContext } from 'node:test';
import * as mariadb from 'mariadb';
import mysql from 'mysql2/promise';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { makeWritable } from '../../src/demo/mysql-replication.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually, within } from '../support/eventually.ts';
import { showCertificate } from '../support/mysql-certificate.ts';
import { programMissing } from '../support/programs.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';

const password = 'secret';
const firstNumber = 0xc000_0000;
/** No KILL that works takes so long, and no test waits for it. */
const sleepS = 50;
const host = '127.0.0.1';

/** A session that sleeps in a statement. */
interface Sleeper {
  readonly client: mysql.Connection;
  readonly number: number;
  /** The server's own number for it. */
  readonly own: number;
  readonly server: EmbeddedInstance;
  /** How its statement ended: `slept`, `interrupted`, or `lost` its connection. */
  readonly end: Promise<'slept' | 'interrupted' | 'lost'>;
}

/** A program on a terminal of its own, where Ctrl-C means what it does to a person. */
function startTerminal(
  t: TestContext,
  command: readonly string[],
): { type(text: string): void; shown(): string } {
  const child = spawn('script', ['-qfec', `exec ${command.join(' ')}`, '/dev/null'], {
    env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', HOME: '/nonexistent', TERM: 'dumb' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  child.stdin.on('error', () => {});
  const ended = once(child, 'close').catch(() => {});
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { type: (text) => void child.stdin.write(text), shown: () => shown };
}

for (const engine of (await enginesUnderTest()).filter(({ cluster }) => cluster === 'mysql')) {
  describe(`${engine.name}: KILL`, { skip: engine.skip, timeout: 180_000 }, () => {
    const scope = scopeOf({ after });
    const canEncrypt = certificateMissing();
    let cluster: EmbeddedCluster;
    let aurelay: InProcessAurelay;
    let reader = 0;
    before(async () => {
      cluster = await engine.start(scope, { replicas: 2 });
      if (canEncrypt === false) {
        const certificate = await makeCertificate(scope);
        for (const instance of cluster.instances) await encrypt(instance, certificate);
      }
      const admin = await open(null, cluster.instances[0]?.port ?? 0, mysqlMonitorUser, '');
      for (const user of ['app', 'other']) {
        await admin.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${password}'`);
      }
      await admin.end();
      const balance = 'round-robin';
      aurelay = await startAurelay(scope, {
        cluster,
        endpoints: {
          writer: { type: 'writer' },
          reader: { type: 'reader', slow_start: '0s', balance },
          own: { type: 'reader', slow_start: '0s', balance, connection_ids: 'server' },
        },
      });
      reader = aurelay.port('reader');
      for (const { port } of cluster.instances) {
        await eventually('the accounts are there', () =>
          open(null, port, 'other').then(
            (client) => client.end().then(() => true),
            () => false,
          ),
        );
      }
    });

    async function encrypt(instance: EmbeddedInstance, tls: Certificate): Promise<void> {
      await showCertificate(instance, tls);
      if (instance.id === 'mysql-1') {
        await makeWritable(engine.name === 'MariaDB' ? 'mariadb' : 'mysql', instance.port);
      }
    }

    async function open(
      t: TestContext | null,
      port: number,
      user = 'app',
      secret = password,
      options: mysql.ConnectionOptions = {},
    ): Promise<mysql.Connection> {
      const client = await mysql.createConnection({ host, port, user, password: secret, ...options });
      client.on('error', () => {});
      t?.after(() => client.destroy());
      return client;
    }

    const numberOf = (client: mysql.Connection): number => client.threadId ?? 0;

    async function whereIs(client: mysql.Connection): Promise<{ own: number; server: EmbeddedInstance }> {
      const [rows] = await client.query<mysql.RowDataPacket[]>(
        'SELECT @@port AS port, CONNECTION_ID() AS own',
      );
      const server = cluster.instances.find(({ port }) => port === Number(rows[0]?.port));
      assert(server !== undefined);
      return { own: Number(rows[0]?.own), server };
    }

    const sleepingUsers = async (server: EmbeddedInstance): Promise<Map<number, string>> => {
      const client = await open(null, server.port, mysqlMonitorUser, '');
      const [rows] = await client.query<mysql.RowDataPacket[]>('SHOW FULL PROCESSLIST');
      await client.end();
      const sleeping = rows.filter(({ Info }) => /^SELECT SLEEP/.test(String(Info)));
      return new Map(sleeping.map(({ Id, User }) => [Number(Id), String(User)]));
    };

    async function sleeper(client: mysql.Connection): Promise<Sleeper> {
      const { own, server } = await whereIs(client);
      const end = client.query(`SELECT SLEEP(${sleepS}) AS rest`).then(
        // MySQL's SLEEP gives 1 when it is interrupted, MariaDB's an error.
        ([rows]) => ((rows as mysql.RowDataPacket[])[0]?.rest === 0 ? 'slept' : 'interrupted'),
        (error: { errno?: number }) => (error.errno === 1317 ? 'interrupted' : 'lost'),
      );
      await eventually('it sleeps', async () => (await sleepingUsers(server)).has(own));
      return { client, number: numberOf(client), own, server, end };
    }

    /** A new connection through the reader endpoint to, or not to, the server of `one`. */
    async function asker(
      t: TestContext,
      one: Sleeper,
      where: 'same' | 'other',
      user = 'app',
    ): Promise<mysql.Connection> {
      for (;;) {
        const client = await open(t, reader, user);
        if (((await whereIs(client)).server === one.server) === (where === 'same')) return client;
        client.destroy();
      }
    }

    const errnoOf = (run: Promise<unknown>): Promise<number | undefined> =>
      run.then(
        () => 0,
        (error: { errno?: number }) => error.errno,
      );

    for (const where of ['same', 'other'] as const) {
      it(`ends the statement, or the session, that it names: from the ${where} server`, async (t) => {
        const victim = await sleeper(await open(t, reader));
        const bystander = await sleeper(await open(t, victim.server.port));
        assert.ok(victim.number >= firstNumber);
        const client = await asker(t, victim, where);
        await client.query(`KILL QUERY ${victim.number}`);
        assert.equal(await within('the statement ends', 20_000, victim.end), 'interrupted');
        assert.equal((await victim.client.query<mysql.RowDataPacket[]>('SELECT 1 AS one'))[0][0]?.one, 1);

        const again = await sleeper(victim.client);
        await client.query(`kill ${again.number};`);
        assert.equal(await within('the session ends', 20_000, again.end), 'lost');
        // The number is nobody's from now on.
        await eventually(
          'it is forgotten',
          async () => (await errnoOf(client.query(`KILL ${again.number}`))) === 1094,
        );
        assert.ok((await sleepingUsers(victim.server)).has(bystander.own));
        assert.equal((await whereIs(client)).server === victim.server, where === 'same');
      });

      it(`leaves another user's session alone: from the ${where} server`, async (t) => {
        const victim = await sleeper(await open(t, reader));
        const client = await asker(t, victim, where, 'other');
        for (const kill of ['KILL QUERY', 'KILL']) {
          assert.equal(await errnoOf(client.query(`${kill} ${victim.number}`)), 1095);
        }
        assert.ok((await sleepingUsers(victim.server)).has(victim.own));
      });
    }

    it('never hits the session that has the number on another server', async (t) => {
      const [here, elsewhere] = cluster.instances.slice(1);
      assert(here !== undefined && elsewhere !== undefined);
      /** A session of the same user directly on `server`, the first whose number is `own` or larger. */
      const numbered = async (server: EmbeddedInstance, own: number): Promise<mysql.Connection> => {
        for (;;) {
          const client = await open(t, server.port);
          if (numberOf(client) >= own) return client;
          client.destroy();
        }
      };
      const pair = await eventually('two have the same number', async () => {
        await numbered(here, numberOf(await open(t, elsewhere.port)) + 1);
        let client = await open(t, reader);
        while ((await whereIs(client)).server !== here) client = await open(t, reader);
        const { own } = await whereIs(client);
        const twin = await numbered(elsewhere, own);
        return numberOf(twin) === own ? { client, twin } : null;
      });
      const [victim, twin] = [await sleeper(pair.client), await sleeper(pair.twin)];
      assert.equal(victim.own, twin.own);
      const client = await asker(t, victim, 'other');
      await client.query(`KILL QUERY ${victim.number}`);
      assert.equal(await within('the statement ends', 20_000, victim.end), 'interrupted');
      assert.ok((await sleepingUsers(elsewhere)).has(twin.own));
      // The server's own numbers mean what they always meant.
      const mine = await sleeper(await asker(t, victim, 'same'));
      const other = await asker(t, victim, 'same');
      await other.query(`KILL QUERY ${mine.own}`);
      assert.equal(await within('the statement ends', 20_000, mine.end), 'interrupted');
    });

    it("mariadb's own driver: its connections and their KILLs", async (t) => {
      const connect = async (): Promise<mariadb.Connection> => {
        const client = await mariadb.createConnection({
          ...{ host, port: reader, user: 'app', password, allowPublicKeyRetrieval: true },
        });
        client.on('error', () => {});
        t.after(() => client.destroy());
        return client;
      };
      for (let round = 0; round < 4; round += 1) {
        const victim = await connect();
        assert.ok((victim.threadId ?? 0) >= firstNumber);
        const sleep = victim.query(`SELECT SLEEP(${sleepS}) AS rest`).then(
          (rows: { rest: number }[]) => (Number(rows[0]?.rest) === 0 ? 'slept' : 'interrupted'),
          () => 'interrupted',
        );
        const client = await connect();
        await eventually('the statement is interrupted', async () => {
          await client.query(`KILL QUERY ${victim.threadId}`);
          return Promise.race([sleep, new Promise<null>((resolve) => setTimeout(resolve, 100, null))]);
        });
        assert.equal(await sleep, 'interrupted');
      }
    });

    // MySQL's own clients know none of MariaDB's ways to log in any more.
    const named = engine.name === 'MySQL' ? process.env.AURELAY_TEST_MYSQL_CLIENT : undefined;
    const clients = ['mariadb', 'mysql', ...(named?.split(':') ?? [])];
    for (const name of clients) {
      it(`${name}: Ctrl-C ends the statement, wherever its second connection goes`, {
        skip: programMissing('script') || (name.includes('/') ? false : programMissing(name)),
      }, async (t) => {
        const bystanders = await Promise.all(
          cluster.instances.slice(1).map(async ({ port }) => sleeper(await open(t, port))),
        );
        const sleeping = async (): Promise<number> =>
          (await Promise.all(cluster.instances.slice(1).map(sleepingUsers))).reduce(
            (sum, { size }) => sum + size,
            -bystanders.length,
          );
        const terminal = startTerminal(t, [
          ...[name, '--no-defaults', '--protocol=TCP', `--host=${host}`, `--port=${reader}`, '--user=app'],
          ...[`--password=${password}`, '--no-auto-rehash', '--pager=cat'],
          // MySQL's own would use TLS, and ask for the key that encrypts its password where it may not.
          ...(name.includes('/') ? ['--ssl-mode=DISABLED', '--get-server-public-key'] : ['--skip-ssl']),
        ]);
        for (let round = 0; round < 6; round += 1) {
          terminal.type(`SELECT SLEEP(${sleepS});\n`);
          await eventually('it sleeps', async () => (await sleeping()) === 1);
          // One between its two connections in every second round: both servers get to see a KILL.
          if (round % 2 === 1) (await open(t, reader)).destroy();
          terminal.type('\x03');
          await eventually('it sleeps no more', async () => (await sleeping()) === 0, 20_000);
          terminal.type(`SELECT CONCAT('still ', 'here ', ${round});\n`);
          await eventually('the session goes on', () => terminal.shown().includes(`still here ${round}`));
        }
        for (const { own, server } of bystanders) assert.ok((await sleepingUsers(server)).has(own));
      });
    }

    it('in TLS that passes through nobody is killed, and the error says so', {
      skip: canEncrypt,
    }, async (t) => {
      const victim = await sleeper(await open(t, reader));
      const bystander = await sleeper(await open(t, reader));
      for (let round = 0; round < 2; round += 1) {
        const ssl = { rejectUnauthorized: false };
        const client = await open(t, reader, 'app', password, { ssl });
        assert.equal(await errnoOf(client.query(`KILL QUERY ${victim.number}`)), 1094);
      }
      for (const one of [victim, bystander]) assert.ok((await sleepingUsers(one.server)).has(one.own));
    });

    it("`connection_ids: server` gives out the server's own", async (t) => {
      const client = await open(t, aurelay.port('own'));
      assert.equal(numberOf(client), (await whereIs(client)).own);
    });

    it('works on the writer endpoint', async (t) => {
      const port = aurelay.port('writer');
      const victim = await sleeper(await open(t, port));
      const client = await open(t, port);
      await client.query(`KILL QUERY ${victim.number}`);
      assert.equal(await within('the statement ends', 20_000, victim.end), 'interrupted');
    });
  });
}
