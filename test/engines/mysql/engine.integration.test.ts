import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql2, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { instanceId } from '../../../src/base/brand.ts';
import type { Observation, Replication } from '../../../src/cluster/observation.ts';
import type { Position } from '../../../src/cluster/position.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../../src/demo/cluster.ts';
import { findMysql } from '../../../src/demo/mysql-binaries.ts';
import { OperationFailed, type Operations, type Probe } from '../../../src/engines/engine.ts';
import { mysql } from '../../../src/engines/mysql/engine.ts';
import { defaultTls } from '../../support/default-tls.ts';
import { requireMariadb, withMysqlCluster } from '../../support/servers.ts';

/**
 * The engine against real servers: MariaDB always, MySQL where AURELAY_TEST_MYSQLD names a server or `mysqld` on the
 * PATH is one. The monitor user has the privileges that the documentation asks for and no others.
 */
type Flavour = 'mariadb' | 'mysql';

const watcher = { user: 'watcher', password: "w4tch'er\\ of the cluster" };
const app = { user: 'app', password: 'app-password' };
const replicator = { user: 'replicator', password: null };
const patienceMs = 30_000;
const host = '127.0.0.1';

const watcherGrants: Record<Flavour, string> = {
  mysql:
    'REPLICATION CLIENT, REPLICATION SLAVE, REPLICATION_SLAVE_ADMIN, CONNECTION_ADMIN, SYSTEM_VARIABLES_ADMIN, ' +
    'PROCESS, RELOAD',
  mariadb:
    'SLAVE MONITOR, REPLICATION SLAVE, REPLICATION SLAVE ADMIN, CONNECTION ADMIN, READ ONLY ADMIN, ' +
    'PROCESS, RELOAD',
};

async function findOracleMysql(): Promise<{ binary: string } | { skip: string }> {
  const wanted = process.env.AURELAY_TEST_MYSQLD ?? 'mysqld';
  const named = wanted.includes('/')
    ? [wanted]
    : (process.env.PATH ?? '').split(':').map((dir) => `${dir}/${wanted}`);
  for (const binary of named) {
    const found = await findMysql(binary, null).catch(() => null);
    if (found?.flavour === 'mysql') return { binary };
  }
  return { skip: 'no MySQL server here: set AURELAY_TEST_MYSQLD to the path of a mysqld' };
}

const oracle = await findOracleMysql();
exercise('mariadb', await requireMariadb(), null);
exercise('mysql', 'skip' in oracle ? oracle.skip : false, 'binary' in oracle ? oracle.binary : null);

async function eventually<Value>(what: string, look: () => Promise<Value | false>): Promise<Value> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const value = await look();
    if (value !== false) return value;
    assert.ok(Date.now() < end, `still not so after ${patienceMs} ms: ${what}`);
    await sleep(25);
  }
}

async function withLogin<Value>(
  port: number,
  login: { user: string; password: string | null },
  work: (connection: Connection) => Promise<Value>,
): Promise<Value> {
  const { user, password } = login;
  const connection = await mysql2.createConnection({ host, port, user, password: password ?? '' });
  connection.on('error', () => {});
  try {
    return await work(connection);
  } finally {
    connection.destroy();
  }
}

const root = { user: 'root', password: null };
const asRoot = (port: number, ...statements: readonly string[]) =>
  withLogin(port, root, async (connection) => {
    for (const statement of statements) await connection.query(statement);
  });
const asApp = (port: number, statement: string) => withLogin(port, app, (c) => c.query(statement));

const oneValue = (port: number, sql: string): Promise<unknown> =>
  withLogin(port, root, async (connection) => {
    const [rows] = await connection.query<RowDataPacket[]>(sql);
    return Object.values(rows[0] ?? {})[0] ?? null;
  });
const countItems = async (port: number) => Number(await oneValue(port, 'SELECT COUNT(*) FROM shop.items'));

const targetOf = (port: number, login: { user: string; password: string | null } = watcher) => ({
  instance: instanceId('mysql'),
  address: { host, port },
  tls: defaultTls,
  ...login,
  database: '',
});
const operationsOn = (port: number): Operations => mysql.createOperations(targetOf(port));

async function observe(port: number): Promise<Observation> {
  const probe = mysql.createProbe(targetOf(port));
  const observation = await look(probe);
  probe.close();
  return observation;
}

async function look(probe: Probe): Promise<Observation> {
  const result = await probe.probe(10_000);
  assert.equal(result.kind, 'observed', JSON.stringify(result));
  return (result as Extract<typeof result, { kind: 'observed' }>).observation;
}

async function failureOf(probe: Probe, timeoutMs = 10_000) {
  const result = await probe.probe(timeoutMs);
  probe.close();
  assert.equal(result.kind, 'failed', JSON.stringify(result));
  return (result as Extract<typeof result, { kind: 'failed' }>).failure;
}

const samePlace = (a: Position, b: Position): boolean => mysql.positions.compare(a, b) === 'equal';

function exercise(flavour: Flavour, skip: string | false, binary: string | null): void {
  describe(`the engine on ${flavour}`, { skip, timeout: 240_000 }, () => {
    let cluster: EmbeddedCluster;
    /** By the role that each was started with. */
    let first: EmbeddedInstance;
    let second: EmbeddedInstance;
    const words =
      flavour === 'mysql'
        ? { stopApplying: 'STOP REPLICA SQL_THREAD', startApplying: 'START REPLICA SQL_THREAD' }
        : { stopApplying: 'STOP SLAVE SQL_THREAD', startApplying: 'START SLAVE SQL_THREAD' };

    const cleanups: (() => Promise<void>)[] = [];
    after(async () => {
      for (const clean of cleanups) await clean();
    });

    before(async () => {
      cluster = await withMysqlCluster(
        { after: (clean) => cleanups.push(clean) },
        { replicas: 1, ...(binary === null ? {} : { binaries: binary }) },
      );
      [first, second] = cluster.instances as [EmbeddedInstance, EmbeddedInstance];
      await withLogin(first.port, root, async (connection) => {
        for (const { user, password } of [watcher, app]) {
          await connection.query('CREATE USER ?@? IDENTIFIED BY ?', [user, host, password]);
        }
        await connection.query(`GRANT ${watcherGrants[flavour]} ON *.* TO ?@?`, [watcher.user, host]);
        await connection.query('CREATE DATABASE shop');
        await connection.query(
          'CREATE TABLE shop.items (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(20))',
        );
        await connection.query('GRANT ALL ON shop.* TO ?@?', [app.user, host]);
      });
      await eventually('the replica knows the users', () =>
        asApp(second.port, 'SELECT 1').then(
          () => true,
          () => false as const,
        ),
      );
    });

    test('a probe tells the writer from its replica', async () => {
      await asApp(first.port, "INSERT INTO shop.items (text) VALUES ('one')");
      const writer = await observe(first.port);
      assert.deepEqual(
        { ...writer, identity: '', position: '' },
        {
          role: 'writer',
          writable: true,
          identity: '',
          timeline: null,
          position: '',
          lagSeconds: 0,
          replication: null,
          acknowledgement: { count: 0, from: null, connected: 0, most: flavour === 'mysql' ? null : 1 },
          version: `${flavour === 'mysql' ? 'MySQL' : 'MariaDB'} ${cluster.version.replace(/-.*/, '')}`,
        },
      );
      const replica = await eventually('the replica has it all', async () => {
        const seen = await observe(second.port);
        return samePlace(seen.position, writer.position) && seen;
      });
      assert.notEqual(replica.identity, writer.identity);
      assert.equal(replica.role, 'replica');
      assert.equal(replica.writable, false);
      assert.equal(replica.lagSeconds, 0);
      const { heardSecondsAgo, ...replication } = replica.replication as Replication;
      assert.deepEqual(replication, {
        source: { host, port: first.port },
        streaming: true,
        error: null,
        stopped: false,
        acknowledges: false,
      });
      assert.ok(heardSecondsAgo === null || heardSecondsAgo < 60);
    });

    test('an idle replica bears witness that its source lives', async () => {
      const probe = mysql.createProbe(targetOf(second.port));
      const hears = async (by: Probe) => (await look(by)).replication?.heardSecondsAgo ?? null;
      if (flavour === 'mysql') {
        const until = Date.now() + 2_500;
        while (Date.now() < until) {
          assert.equal(await hears(probe), null, 'MySQL shows its heartbeats to nobody unasked');
          await sleep(100);
        }
        const table = 'performance_schema.replication_connection_status';
        await asRoot(first.port, `GRANT SELECT ON ${table} TO '${watcher.user}'@'${host}'`);
        const { position } = await observe(first.port);
        await eventually('the grant has arrived', async () =>
          samePlace((await observe(second.port)).position, position),
        );
      }
      const allowed = mysql.createProbe(targetOf(second.port));
      const ago = await eventually('a heartbeat came', async () => (await hears(allowed)) ?? false);
      assert.ok(ago < 1, `${ago} s`);
      probe.close();
      allowed.close();
    });

    test('a wrong password or a missing privilege is denied, and no secret told', async () => {
      const wrong = { user: watcher.user, password: 'wrong-password' };
      const failure = await failureOf(mysql.createProbe(targetOf(first.port, wrong)));
      assert.equal(failure.reason, 'denied');
      assert.match(failure.detail, /1045.*Access denied/);
      assert.doesNotMatch(failure.detail, /wrong-password/);
      assert.equal((await failureOf(mysql.createProbe(targetOf(first.port, app)))).reason, 'denied');
    });

    test('a server without a free connection is overloaded, not dead', async () => {
      const held: Connection[] = [];
      await withLogin(first.port, root, async (connection) => {
        const [rows] = await connection.query<RowDataPacket[]>('SELECT @@global.max_connections AS most');
        const most = Number(rows[0]?.most);
        try {
          await connection.query('SET GLOBAL max_connections = 10');
          const full = await eventually('the server is full', async () => {
            try {
              const one = await mysql2.createConnection({ host, port: first.port, ...app });
              one.on('error', () => {});
              held.push(one);
              return false;
            } catch {
              return failureOf(mysql.createProbe(targetOf(first.port, app)));
            }
          });
          assert.deepEqual(full, { reason: 'overloaded', detail: 'error 1040: Too many connections' });
        } finally {
          await connection.query(`SET GLOBAL max_connections = ${most}`);
          for (const one of held) one.destroy();
        }
      });
    });

    test('an idle probe connection that breaks is reported, and made again', async () => {
      const probe = mysql.createProbe(targetOf(first.port));
      await look(probe);
      const lost = new Promise<string>((resolve) => {
        probe.onLost = resolve;
      });
      const id = await oneValue(
        first.port,
        `SELECT id FROM information_schema.processlist WHERE user = '${watcher.user}'`,
      );
      await asRoot(first.port, `KILL ${Number(id)}`);
      assert.notEqual(await lost, '');
      assert.equal((await look(probe)).role, 'writer');
      probe.close();
    });

    test('a frozen server is silent, and answers again when it goes on', async () => {
      const probe = mysql.createProbe(targetOf(second.port));
      await look(probe);
      second.kill('SIGSTOP');
      try {
        // The signal takes a moment to reach every thread.
        const failure = await eventually('it is silent', async () => {
          const result = await probe.probe(300);
          return result.kind === 'failed' && result.failure;
        });
        assert.deepEqual(failure, { reason: 'timeout', detail: 'no answer within 300 ms' });
        await assert.rejects(
          operationsOn(second.port).promote(300, null),
          (thrown: unknown) =>
            thrown instanceof OperationFailed &&
            /failed while connecting: not done within 300 ms/.test(thrown.message),
        );
      } finally {
        second.kill('SIGCONT');
      }
      assert.equal((await look(probe)).role, 'replica');
      probe.close();
    });

    if (flavour === 'mysql') {
      test('caching_sha2_password lets the monitor in, with TLS and without', async () => {
        // Emptied, the server's cache of logins asks for the whole exchange: in TLS the password, otherwise RSA.
        const typeAfter = async (...statements: readonly string[]) => {
          await asRoot(first.port, ...statements, 'FLUSH PRIVILEGES');
          const ofWatcher = `FROM performance_schema.threads WHERE PROCESSLIST_USER = '${watcher.user}'`;
          await eventually('the former probe has left', async () => {
            return Number(await oneValue(first.port, `SELECT COUNT(*) ${ofWatcher}`)) === 0;
          });
          const probe = mysql.createProbe(targetOf(first.port));
          await look(probe);
          const type = await oneValue(first.port, `SELECT CONNECTION_TYPE ${ofWatcher}`);
          probe.close();
          return type;
        };
        assert.equal(
          await oneValue(first.port, `SELECT plugin FROM mysql.user WHERE user = '${watcher.user}'`),
          'caching_sha2_password',
        );
        assert.equal(await typeAfter(), 'SSL/TLS');
        const reload = 'ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR';
        try {
          assert.equal(await typeAfter("SET GLOBAL ssl_cert = 'missing.pem'", reload), 'TCP/IP');
        } finally {
          await asRoot(first.port, "SET GLOBAL ssl_cert = 'server-cert.pem'", reload);
        }
        assert.equal(await typeAfter(), 'SSL/TLS');
      });
    }

    test('a fence ends the sessions of clients, refuses writes, and leaves replicas and probes alone', async () => {
      const probe = mysql.createProbe(targetOf(first.port));
      await look(probe);
      let lost = false;
      probe.onLost = () => {
        lost = true;
      };
      const dumpThreads =
        "SELECT GROUP_CONCAT(id) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'";
      const replicas = await oneValue(first.port, dumpThreads);
      assert.notEqual(replicas, null);

      const client = await mysql2.createConnection({ host, port: first.port, ...app });
      const ended = new Promise((resolve) => client.on('error', resolve));
      await client.query('BEGIN');
      await client.query("INSERT INTO shop.items (text) VALUES ('never committed')");
      const locker = await mysql2.createConnection({ host, port: first.port, ...app });
      locker.on('error', () => {});
      // Waits for the transaction, and others for it.
      locker.query('LOCK TABLES shop.items WRITE').catch(() => {});

      // More than are killed at once; and one that MySQL lets no such monitor user kill.
      const idle = await Promise.all(
        Array.from({ length: 120 }, () => mysql2.createConnection({ host, port: first.port, ...app })),
      );
      const allEnded = Promise.all(idle.map((one) => new Promise((resolve) => one.on('error', resolve))));
      const mighty = await mysql2.createConnection({ host, port: first.port, user: 'root' });
      mighty.on('error', () => {});

      const items = 1;
      const last = await operationsOn(first.port).fence(10_000);
      await ended;
      await allEnded;
      mighty.destroy();
      assert.equal(lost, false, 'the probe was cut off');
      assert.equal(await oneValue(first.port, dumpThreads), replicas);
      const seen = await look(probe);
      assert.deepEqual([seen.role, seen.writable, seen.replication], ['replica', false, null]);
      assert.equal(seen.position, last);
      await assert.rejects(asApp(first.port, "INSERT INTO shop.items (text) VALUES ('no')"), { errno: 1290 });
      assert.equal(await operationsOn(first.port).fence(10_000), last, 'a second fence changes nothing');
      assert.equal(await countItems(first.port), items);

      await operationsOn(first.port).unfence(10_000);
      assert.equal((await look(probe)).role, 'writer');
      await asApp(first.port, "INSERT INTO shop.items (text) VALUES ('two')");
      probe.close();
      locker.destroy();
    });

    if (flavour === 'mysql') {
      test('a fence that a lock holds up tries until its deadline, and says so', async () => {
        await withLogin(first.port, root, async (connection) => {
          await connection.query('LOCK TABLES shop.items WRITE');
          await assert.rejects(
            operationsOn(first.port).fence(2500),
            (thrown: unknown) =>
              thrown instanceof OperationFailed &&
              /failed while (refusing writes|listing the sessions)/.test(thrown.message),
          );
          // Let go in the middle of a fence, it gets done.
          const fenced = operationsOn(first.port).fence(20_000);
          await sleep(1500);
          await connection.query('UNLOCK TABLES');
          await fenced;
        });
        assert.equal((await observe(first.port)).writable, false);
        await operationsOn(first.port).unfence(10_000);
      });
    }

    test('a replica is not unfenced into a second writer', async () => {
      await assert.rejects(operationsOn(second.port).unfence(10_000), /it replicates from another server/);
      assert.equal((await observe(second.port)).writable, false);
    });

    if (flavour === 'mariadb') {
      test('a replica that would lose what it received is not promoted', async () => {
        await asRoot(second.port, words.stopApplying);
        await asApp(first.port, "INSERT INTO shop.items (text) VALUES ('received')");
        const written = (await observe(first.port)).position;
        const hasReceived = async () => samePlace((await observe(second.port)).position, written);
        await eventually('the replica has received it', hasReceived);
        await asRoot(second.port, 'STOP SLAVE');
        await assert.rejects(
          operationsOn(second.port).promote(10_000, null),
          /would discard what it received and did not apply/,
        );
        assert.ok(await hasReceived(), 'it is lost');
        await asRoot(second.port, 'START SLAVE');
      });
    }

    test('a promoted replica has applied all that it had received', async () => {
      await asRoot(second.port, words.stopApplying);
      for (let n = 0; n < 40; n += 1) await asApp(first.port, "INSERT INTO shop.items (text) VALUES ('x')");
      const written = (await observe(first.port)).position;
      const behind = await eventually('the replica has received it all', async () => {
        const seen = await observe(second.port);
        return samePlace(seen.position, written) && seen;
      });
      assert.equal(behind.lagSeconds, null);
      const items = await countItems(first.port);
      assert.ok((await countItems(second.port)) < items, 'it is applied already: the test proves nothing');

      first.kill('SIGKILL');
      const began = await operationsOn(second.port).promote(20_000, null);
      assert.ok(samePlace(began, written), `${began} against ${written}`);
      assert.equal(await countItems(second.port), items);
      const seen = await observe(second.port);
      assert.deepEqual([seen.role, seen.writable, seen.replication], ['writer', true, null]);
      await asApp(second.port, "INSERT INTO shop.items (text) VALUES ('new')");
      const again = await operationsOn(second.port).promote(20_000, null);
      assert.equal(mysql.positions.compare(again, began), 'ahead');
    });

    test('an old writer follows the new one, by the monitor user where it was given nobody else', async () => {
      await eventually('the killed server is gone', async () => first.pid() === null);
      await first.start();
      const returned = await observe(first.port);
      assert.deepEqual([returned.role, returned.replication], ['replica', null]);
      assert.equal(
        mysql.positions.compare(returned.position, (await observe(second.port)).position),
        'behind',
      );

      // As if its option file let it write.
      await asRoot(first.port, 'SET GLOBAL read_only = OFF');
      const source = { host, port: second.port };
      await operationsOn(first.port).follow(source, null, false, 10_000);
      const joined = await eventually('it streams and has it all', async () => {
        const seen = await observe(first.port);
        const writer = await observe(second.port);
        return seen.replication?.streaming === true && samePlace(seen.position, writer.position) && seen;
      });
      const { heardSecondsAgo: _, ...replication } = joined.replication as Replication;
      assert.deepEqual(replication, {
        source,
        streaming: true,
        error: null,
        stopped: false,
        acknowledges: false,
      });
      assert.equal(joined.writable, false);
      const items = await countItems(second.port);
      await eventually('it has the rows', async () => (await countItems(first.port)) === items);
    });

    test('to follow the same server again changes nothing, other credentials do', async () => {
      const source = { host, port: second.port };
      const dumpUser =
        "SELECT CONCAT(id, ' ', user) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'";
      const before = await eventually(
        'it is connected',
        async () => (await oneValue(second.port, dumpUser)) ?? false,
      );
      assert.match(String(before), / watcher$/);
      await operationsOn(first.port).follow(source, null, false, 10_000);
      assert.equal(await oneValue(second.port, dumpUser), before);
      await operationsOn(first.port).follow(source, replicator, false, 10_000);
      await eventually('it is connected as the other user', async () =>
        / replicator$/.test(String(await oneValue(second.port, dumpUser))),
      );
      // Who has credentials keeps them.
      await asRoot(first.port, words.stopApplying);
      await operationsOn(first.port).follow(source, null, false, 10_000);
      await eventually(
        'it streams again',
        async () => (await observe(first.port)).replication?.streaming === true,
      );
      assert.match(String(await oneValue(second.port, dumpUser)), / replicator$/);
    });

    test('a login that the source refuses is an error that time does not mend', async () => {
      const stranger = { user: 'nobody', password: 'no-such-password' };
      await operationsOn(first.port).follow({ host, port: second.port }, stranger, false, 10_000);
      const error = await eventually('the error shows', async () => {
        return (await observe(first.port)).replication?.error ?? false;
      });
      assert.match(error, /nobody/);
      assert.doesNotMatch(error, /no-such-password/);
      await operationsOn(first.port).follow({ host, port: second.port }, replicator, false, 10_000);
      await eventually(
        'it streams again',
        async () => (await observe(first.port)).replication?.streaming === true,
      );
    });

    test('a writer that nobody listened to any more has diverged, by as many as it wrote', async () => {
      const old = { host, port: first.port };
      // The first becomes the writer again, in order.
      const fenced = await operationsOn(second.port).fence(10_000);
      await eventually('the replica has it all', async () =>
        samePlace((await observe(first.port)).position, fenced),
      );
      await operationsOn(first.port).promote(10_000, null);
      await operationsOn(second.port).follow(old, replicator, false, 10_000);
      await asApp(first.port, "INSERT INTO shop.items (text) VALUES ('shared')");
      await eventually('the replica has it', async () =>
        samePlace((await observe(second.port)).position, (await observe(first.port)).position),
      );

      await operationsOn(second.port).promote(10_000, null);
      for (let n = 0; n < 3; n += 1) await asApp(first.port, "INSERT INTO shop.items (text) VALUES ('lost')");
      for (let n = 0; n < 5; n += 1)
        await asApp(second.port, "INSERT INTO shop.items (text) VALUES ('kept')");
      const lost = (await observe(first.port)).position;
      const kept = (await observe(second.port)).position;
      assert.equal(mysql.positions.compare(lost, kept), 'diverged');
      assert.deepEqual(mysql.positions.missing(lost, kept), { amount: 3, unit: 'transactions' });
      assert.deepEqual(mysql.positions.missing(kept, lost), { amount: 5, unit: 'transactions' });
      if (flavour === 'mysql') return;
      // MariaDB's source notices, because a former writer asks for what follows its own last transaction.
      await operationsOn(first.port).follow({ host, port: second.port }, replicator, false, 10_000);
      const error = await eventually('the error shows', async () => {
        return (await observe(first.port)).replication?.error ?? false;
      });
      assert.match(error, /is not in the master's binlog/);
    });

    test('an operation on a server that is gone says what it could not do', async () => {
      await second.stop();
      await assert.rejects(operationsOn(second.port).promote(10_000, null), (thrown: unknown) => {
        assert.ok(thrown instanceof OperationFailed);
        assert.match(
          thrown.message,
          /^promote of 127\.0\.0\.1:\d+: failed while connecting: connect ECONNREFUSED/,
        );
        return true;
      });
    });
  });
}
