import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { mysqlMonitorUser } from '../../src/demo/mysql-settings.ts';
import { monitorSchema } from '../../src/engines/mysql/link.ts';
import type { SqlClient } from '../support/drivers.ts';
import { codeOf, connect, type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';

/** What an administrator says to each engine. */
interface Words {
  readonly user: string;
  readonly stopApplying: string;
  readonly startApplying: string;
  readonly newUser: readonly string[];
  readonly tooMany: string | number;
}

const words: Readonly<Record<EngineUnderTest['name'], Words>> = {
  PostgreSQL: {
    user: 'postgres',
    stopApplying: 'SELECT pg_wal_replay_pause()',
    startApplying: 'SELECT pg_wal_replay_resume()',
    newUser: ['CREATE ROLE app LOGIN'],
    tooMany: '53300',
  },
  MariaDB: {
    user: mysqlMonitorUser,
    stopApplying: 'STOP SLAVE SQL_THREAD',
    startApplying: 'START SLAVE SQL_THREAD',
    newUser: ["CREATE USER app@'127.0.0.1'", "GRANT ALL ON e2e.* TO app@'127.0.0.1'"],
    tooMany: 1040,
  },
  MySQL: {
    user: mysqlMonitorUser,
    stopApplying: 'STOP REPLICA SQL_THREAD',
    startApplying: 'START REPLICA SQL_THREAD',
    newUser: ["CREATE USER app@'127.0.0.1'", "GRANT ALL ON e2e.* TO app@'127.0.0.1'"],
    tooMany: 1040,
  },
};

for (const engine of await enginesUnderTest()) {
  describe(`${engine.name}: conditions that are no failures`, { skip: engine.skip, timeout: 120_000 }, () => {
    const scope = scopeOf({ after });
    const its = words[engine.name];
    const [driver] = engine.drivers;
    let cluster: EmbeddedCluster;
    let aurelay: InProcessAurelay;
    before(async () => {
      cluster = await engine.start(scope, { replicas: 2 });
      aurelay = await startAurelay(scope, {
        cluster,
        endpoints: {
          writer: { type: 'writer' },
          reader: { type: 'reader', max_lag: '1s', slow_start: '0s' },
          tolerant: { type: 'reader', slow_start: '0s' },
        },
      });
    });

    /** On the server itself, with every privilege. */
    async function direct(t: TestContext, instance: EmbeddedInstance | undefined): Promise<SqlClient> {
      assert(instance !== undefined && driver !== undefined);
      const client = await driver.connect({ port: instance.port, user: its.user });
      t.after(() => client.close());
      return client;
    }

    async function readers(): Promise<string[]> {
      const clients = await Promise.all(
        Array.from({ length: 8 }, () => connect(engine, aurelay.port('reader'))),
      );
      const names = await Promise.all(clients.map((client) => engine.whoAnswers(client)));
      await Promise.all(clients.map((client) => client.close()));
      return [...new Set(names)].sort();
    }

    it('a replica that lags past the limit of an endpoint leaves it, and returns', async (t) => {
      const [two, three] = [engine.id(2), engine.id(3)];
      const writer = await connect(engine, aurelay.port('writer'));
      t.after(() => writer.close());
      for (const sql of engine.createTable('lag')) await writer.query(sql);
      assert.deepEqual(await readers(), [two, three]);
      const replica = await direct(t, cluster.instances[1]);
      await replica.query(its.stopApplying);
      let id = 0;
      await eventually('the lagging replica leaves the endpoint', async () => {
        id += 1;
        await writer.query(`INSERT INTO ${engine.table('lag')} VALUES (${id})`);
        return !(await aurelay.members('reader')).includes(two);
      });
      assert.deepEqual(await readers(), [three]);
      await replica.query(its.startApplying);
      await eventually('it returns', async () => (await aurelay.members('reader')).includes(two));
      assert.deepEqual(await readers(), [two, three]);
      assert.equal((await aurelay.status()).epoch, 1);
    });

    it('load is not death: a writer without a free connection stays the writer', async (t) => {
      const admin = await direct(t, cluster.instances[0]);
      for (const sql of engine.createTable('load')) await admin.query(sql);
      for (const sql of its.newUser) await admin.query(sql);
      if (engine.cluster === 'mysql') await admin.query('SET GLOBAL max_connections = 40');
      const clients: SqlClient[] = [];
      t.after(async () => {
        await Promise.all(clients.map((client) => client.close()));
      });
      const refusal = await fill(aurelay.port('writer'), clients);
      assert.equal(codeOf(engine, refusal), its.tooMany, `the server's own words: ${refusal}`);
      // The places that are kept for administrators go too, and the probe loses its own in the end.
      const found = await eventually('the probe finds no room', async () => {
        await endProbes(admin);
        // Who is first gets the place of the probe: Aurelay, or one of these.
        for (let turn = 0; turn < 50; turn++) await fill(cluster.instances[0]?.port ?? 0, clients, its.user);
        // Longer than from one probe to the next: what ended may have made room for it.
        await sleep(700);
        const failure = (await aurelay.status()).instances[0]?.last_failure;
        return failure?.reason === 'overloaded' ? failure : null;
      });
      t.diagnostic(`${engine.name}: the probe says ${found.detail}`);

      for (let second = 0; second < 4; second++) {
        await sleep(1_000);
        const { epoch, writer, phase } = await aurelay.status();
        assert.deepEqual({ epoch, writer, phase }, { epoch: 1, writer: engine.id(1), phase: 'stable' });
        for (const client of clients.slice(0, 3)) assert.equal(await engine.whoAnswers(client), engine.id(1));
      }
      assert.equal(
        (await aurelay.status()).instances[0]?.last_failure?.reason,
        'overloaded',
        'all the while',
      );

      await Promise.all(clients.map((client) => client.close()));
      await eventually('there is room again', () =>
        connect(engine, aurelay.port('writer')).then(
          async (client) => {
            await client.close();
            return true;
          },
          () => false,
        ),
      );
      assert.equal((await aurelay.status()).epoch, 1);
      assert.deepEqual(
        (await aurelay.admin.recentEvents()).filter(({ name }) => name.startsWith('failover.')),
        [],
      );
    });

    /** Connects until the server has no room; resolves to what the last one was told. */
    async function fill(port: number, clients: SqlClient[], user = 'app'): Promise<unknown> {
      for (let count = 0; count < 400; count++) {
        try {
          const client = await driver?.connect({ port, user });
          if (client !== undefined) clients.push(client);
        } catch (error) {
          return error;
        }
      }
      throw new Error('there was room for everybody');
    }

    async function endProbes(admin: SqlClient): Promise<void> {
      if (engine.cluster === 'pg') {
        await admin.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'aurelay-probe%'",
        );
        return;
      }
      const rows = await admin.query('SHOW PROCESSLIST');
      for (const { Id, User, db } of rows) {
        if (User === mysqlMonitorUser && db === monitorSchema) await admin.query(`KILL ${Id}`);
      }
    }
  });
}
