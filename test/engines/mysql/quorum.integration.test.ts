import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import mysql2, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { instanceId } from '../../../src/base/brand.ts';
import type { Observation } from '../../../src/cluster/observation.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../../src/demo/cluster.ts';
import { OperationFailed, type Operations, type Quorum } from '../../../src/engines/engine.ts';
import { mysql } from '../../../src/engines/mysql/engine.ts';
import { defaultTls } from '../../support/default-tls.ts';
import { eventually } from '../../support/eventually.ts';
import { requireMariadb, withMysqlCluster } from '../../support/servers.ts';

/** MariaDB always, MySQL where AURELAY_TEST_MYSQLD names a server. The monitor user has what docs/servers.md asks for. */
type Flavour = 'mariadb' | 'mysql';

const host = '127.0.0.1';
const patientMs = 20_000;
const grants: Record<Flavour, string> = {
  mysql:
    'REPLICATION CLIENT, REPLICATION SLAVE, REPLICATION_SLAVE_ADMIN, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, ' +
    'PROCESS, RELOAD',
  mariadb:
    'SLAVE MONITOR, REPLICATION SLAVE, REPLICATION SLAVE ADMIN, REPLICATION MASTER ADMIN, READ_ONLY ADMIN, ' +
    'CONNECTION ADMIN, PROCESS, RELOAD',
};
const waitingState = 'Waiting for semi-sync ACK';

const addressOf = ({ port }: EmbeddedInstance) => ({ host, port });
const targetOf = (instance: EmbeddedInstance) => ({
  instance: instanceId(instance.id),
  address: addressOf(instance),
  tls: defaultTls,
  user: 'watcher',
  password: 'w4tcher',
  database: '',
});
const operationsOn = (instance: EmbeddedInstance): Operations => mysql.createOperations(targetOf(instance));
const quorumOf = (count: number, ...from: EmbeddedInstance[]): Quorum => ({
  count,
  from: from.map(({ id }) => instanceId(id)),
});

async function look(instance: EmbeddedInstance): Promise<Observation> {
  const probe = mysql.createProbe(targetOf(instance));
  const result = await probe.probe(patientMs);
  probe.close();
  assert.ok(result.kind === 'observed', JSON.stringify(result));
  return result.observation;
}

async function connect(instance: EmbeddedInstance, user: string): Promise<Connection> {
  const connection = await mysql2.createConnection({ host, port: instance.port, user });
  connection.on('error', () => {});
  return connection;
}

async function ask(instance: EmbeddedInstance, sql: string, user = 'root'): Promise<RowDataPacket[]> {
  const connection = await connect(instance, user);
  try {
    return (await connection.query<RowDataPacket[]>(sql))[0];
  } finally {
    connection.destroy();
  }
}

/** A write that may not be answered for a while. */
interface Write {
  told: 'not yet' | 'committed' | 'failed';
  readonly done: Promise<unknown>;
}

function write(instance: EmbeddedInstance, text: string): Write {
  const pending = { told: 'not yet' as Write['told'] };
  const done = ask(instance, `INSERT INTO shop.note VALUES ('${text}')`, 'app').then(
    () => (pending.told = 'committed'),
    () => (pending.told = 'failed'),
  );
  return Object.assign(pending, { done });
}

const waiting = (instance: EmbeddedInstance) =>
  eventually(`a commit on ${instance.id} waits for a replica`, async () =>
    (await ask(instance, 'SHOW PROCESSLIST')).some(({ State }) => String(State).startsWith(waitingState)),
  );

const has = async (instance: EmbeddedInstance, text: string): Promise<boolean> =>
  (await ask(instance, `SELECT 1 FROM shop.note WHERE text = '${text}'`)).length > 0;

const order = (a: Observation, b: Observation) => mysql.positions.compare(a.position, b.position);

const oracle = process.env.AURELAY_TEST_MYSQLD ?? '';
exercise('mariadb', await requireMariadb(), null);
exercise('mysql', oracle === '' ? 'no MySQL server here: set AURELAY_TEST_MYSQLD' : false, oracle);

function exercise(flavour: Flavour, skip: string | false, binary: string | null): void {
  describe(`quorum durability on ${flavour}`, { skip, timeout: 240_000 }, () => {
    let cluster: EmbeddedCluster;
    let first: EmbeddedInstance;
    let second: EmbeddedInstance;
    let third: EmbeddedInstance;
    const most = flavour === 'mysql' ? null : 1;
    const words = flavour === 'mysql' ? { source: 'source' } : { source: 'master' };

    const cleanups: (() => Promise<void>)[] = [];
    after(async () => {
      for (const clean of cleanups) await clean();
    });

    before(async () => {
      cluster = await withMysqlCluster(
        { after: (clean) => cleanups.push(clean) },
        { replicas: 2, ...(binary === null ? {} : { binaries: binary }) },
      );
      [first, second, third] = cluster.instances as unknown as [
        EmbeddedInstance,
        EmbeddedInstance,
        EmbeddedInstance,
      ];
      for (const statement of [
        `CREATE USER watcher@'${host}' IDENTIFIED BY 'w4tcher'`,
        `GRANT ${grants[flavour]} ON *.* TO watcher@'${host}'`,
        'CREATE DATABASE shop',
        'CREATE TABLE shop.note (text VARCHAR(40) PRIMARY KEY)',
        `CREATE USER app@'${host}'`,
        `GRANT ALL ON shop.* TO app@'${host}'`,
      ]) {
        await ask(first, statement);
      }
      for (const replica of [second, third]) {
        await eventually('the users are everywhere', () =>
          ask(replica, 'SELECT 1 FROM shop.note', 'app').then(
            () => true,
            () => false,
          ),
        );
      }
    });

    const connected = (count: number) =>
      eventually(
        `${count} replicas acknowledge`,
        async () => (await look(first)).acknowledgement?.connected === count,
      );
    const followFirst = (replica: EmbeddedInstance, acknowledging = true) =>
      operationsOn(replica).follow(addressOf(first), null, acknowledging, patientMs);
    const sealBoth = () =>
      Promise.all([second, third].map((replica) => operationsOn(replica).seal(patientMs)));

    test('replicas acknowledge once they are told to, and only then', async () => {
      await operationsOn(first).requireQuorum(quorumOf(1, second, third), patientMs);
      assert.deepEqual((await look(first)).acknowledgement, { count: 1, from: null, connected: 0, most });
      assert.equal((await look(second)).replication?.acknowledges, false);
      await followFirst(second, false);
      assert.equal((await look(second)).replication?.acknowledges, false);
      const stalled = write(first, 'received and not acknowledged');
      await waiting(first);
      await eventually('a replica has it', () => has(second, 'received and not acknowledged'));
      await followFirst(second);
      await connected(1);
      // What it had received before is acknowledged with what comes next.
      await write(first, 'received and acknowledged').done;
      await stalled.done;
      assert.equal(stalled.told, 'committed');
      await followFirst(third);
      await connected(2);
      assert.equal((await look(third)).replication?.acknowledges, true);
    });

    test('each commit waits for one of two replicas', async () => {
      await write(first, 'to both').done;
      await third.stop();
      const toOne = write(first, 'to one');
      await toOne.done;
      assert.equal(toOne.told, 'committed');
      await third.start();
      assert.equal((await look(third)).replication?.acknowledges, false, 'not by itself');
      await followFirst(third);
      await connected(2);
    });

    test('what is in force is not done again', async () => {
      const id = async () =>
        (await ask(first, 'SHOW PROCESSLIST')).filter(({ Command }) =>
          String(Command).startsWith('Binlog Dump'),
        );
      const before = (await id()).map(({ Id }) => Id);
      await followFirst(second);
      await followFirst(third);
      await operationsOn(first).requireQuorum(quorumOf(1, second, third), patientMs);
      assert.deepEqual(
        (await id()).map(({ Id }) => Id),
        before,
      );
    });

    test('a quorum of two', async () => {
      await operationsOn(first).requireQuorum(quorumOf(2, second, third), patientMs);
      assert.equal((await look(first)).acknowledgement?.count, most ?? 2);
      await operationsOn(second).seal(patientMs);
      const toTwo = write(first, 'to two');
      if (most === null) await waiting(first);
      else await toTwo.done;
      await followFirst(second);
      await toTwo.done;
      assert.equal(toTwo.told, 'committed');
      await operationsOn(first).requireQuorum(quorumOf(1, second, third), patientMs);
      await connected(2);
    });

    test('sealed replicas take nothing until they follow again', async () => {
      const sealed = await sealBoth();
      const stalled = write(first, 'to nobody');
      await waiting(first);
      const writer = await look(first);
      for (const [index, replica] of [second, third].entries()) {
        const seen = await look(replica);
        assert.equal(seen.position, sealed[index]);
        // MySQL counts a commit that waits as executed only when it waits no more.
        assert.equal(order(seen, writer), flavour === 'mysql' ? 'equal' : 'behind');
        assert.deepEqual(
          { ...seen.replication, heardSecondsAgo: null },
          {
            source: addressOf(first),
            streaming: false,
            heardSecondsAgo: null,
            error: null,
            stopped: true,
            acknowledges: true,
          },
        );
        assert.equal(await operationsOn(replica).seal(patientMs), sealed[index], 'a second time');
      }
      // After a restart it receives, for that is how servers start, but it does not acknowledge.
      await third.stop();
      await third.start();
      await eventually('it receives again', async () => (await look(third)).replication?.streaming === true);
      await sleep(100);
      assert.equal(stalled.told, 'not yet');

      await followFirst(second);
      await stalled.done;
      assert.equal(stalled.told, 'committed');
      await eventually('it reads what it took', () => has(second, 'to nobody'));
      assert.equal((await look(second)).replication?.stopped, false);
      await followFirst(third);
      await connected(2);
    });

    test('a fence ends a commit that waits, and its client is told nothing', async () => {
      await sealBoth();
      const stalled = [write(first, 'in doubt'), write(first, 'in doubt too')];
      await waiting(first);
      // Whoever comes while the fence is on its way is not told of a commit either.
      let over = false;
      const told: string[] = [];
      const eager = Array.from({ length: 4 }, async (_, number) => {
        for (let turn = 0; !over; turn += 1) {
          const text = `eager ${number} ${turn}`;
          const later = write(first, text);
          await later.done;
          if (later.told === 'committed') told.push(text);
        }
      });
      const last = await operationsOn(first).fence(patientMs);
      over = true;
      await Promise.all([...eager, ...stalled.map(({ done }) => done)]);
      assert.deepEqual(
        stalled.map(({ told }) => told),
        ['failed', 'failed'],
      );
      assert.deepEqual(told, []);
      assert.equal((await look(first)).position, last);
      assert.equal((await look(first)).acknowledgement, null, 'it is no writer');
      await operationsOn(first).unfence(patientMs);
      assert.equal((await look(first)).acknowledgement?.count, 1, 'the quorum is as it was');
      const again = write(first, 'still waits');
      await waiting(first);
      await followFirst(second);
      await again.done;
      assert.equal(again.told, 'committed');
    });

    test('a commit that waits is let go when nobody is waited for any more', async () => {
      await sealBoth();
      const stalled = write(first, 'released');
      await waiting(first);
      await operationsOn(first).requireQuorum(quorumOf(0), patientMs);
      await stalled.done;
      assert.equal(stalled.told, 'committed');
      assert.deepEqual((await look(first)).acknowledgement?.count, 0);
      for (const replica of [second, third]) await followFirst(replica);
    });

    test('what cannot be is refused', async () => {
      const refused = (attempt: Promise<unknown>, why: RegExp) =>
        assert.rejects(
          attempt,
          (error: Error) => error instanceof OperationFailed && why.test(error.message),
        );
      await refused(operationsOn(first).seal(patientMs), /it is no replica/);
      await refused(operationsOn(second).requireQuorum(quorumOf(1, third), patientMs), /it is a replica/);
    });

    test('a source that gave up waiting waits again', async () => {
      const prefix = `rpl_semi_sync_${words.source}`;
      await sealBoth();
      await operationsOn(first).requireQuorum(quorumOf(1, second, third), patientMs);
      await ask(first, `SET GLOBAL ${prefix}_timeout = 50`);
      await write(first, 'gave up').done;
      assert.equal((await look(first)).acknowledgement?.count, 0);
      await operationsOn(first).requireQuorum(quorumOf(1, second, third), patientMs);
      assert.equal((await look(first)).acknowledgement?.count, 1);
      const stalled = write(first, 'waits again');
      await waiting(first);
      for (const replica of [second, third]) await followFirst(replica);
      await stalled.done;
    });

    test('a promoted replica takes no write that does not wait, and the old writer follows it', async () => {
      await eventually('both have all', async () => {
        const writer = await look(first);
        const seen = await Promise.all([look(second), look(third)]);
        return seen.every((replica) => order(replica, writer) === 'equal');
      });
      first.kill('SIGKILL');
      // As in a failover, whose receivers look for their source in vain.
      await eventually('they miss it', async () => (await look(second)).replication?.streaming === false);
      const sealed = await sealBoth();
      const atSeal = (await look(third)).replication;
      assert.deepEqual([atSeal?.stopped, atSeal?.acknowledges], [true, true]);

      let over = false;
      const told: string[] = [];
      const eager = Array.from({ length: 4 }, async (_, number) => {
        const client = await connect(second, 'app');
        for (let turn = 0; !over; turn += 1) {
          const text = `first ${number} ${turn}`;
          const result = await client.query(`INSERT INTO shop.note VALUES ('${text}')`).catch(() => null);
          if (result !== null) told.push(text);
        }
        client.destroy();
      });
      const promoted = await operationsOn(second).promote(patientMs, quorumOf(1, first, third));
      assert.notEqual(mysql.positions.compare(promoted, sealed[0] as typeof promoted), 'behind');
      await waiting(second);
      await sleep(100);
      assert.deepEqual(told, []);
      over = true;
      await operationsOn(third).follow(addressOf(second), null, true, patientMs);
      await Promise.all(eager);
      assert.equal(told.length, 4);
      for (const text of told) await eventually('it reads what it acknowledged', () => has(third, text));

      await eventually('the killed server is gone', () => first.pid() === null);
      await first.start();
      // As if its option file had it wait for replicas, which its own applier would then do.
      await ask(first, `SET GLOBAL rpl_semi_sync_${words.source}_timeout = 4294967295`);
      await ask(first, `SET GLOBAL rpl_semi_sync_${words.source}_enabled = ON`);
      await operationsOn(first).follow(addressOf(second), null, true, patientMs);
      await eventually('it has all', async () => {
        const [old, writer] = await Promise.all([look(first), look(second)]);
        return order(old, writer) === 'equal' && writer.acknowledgement?.connected === 2;
      });
      assert.equal((await look(first)).replication?.acknowledges, true);
      for (const text of told) await eventually('it applies it', () => has(first, text));
    });
  });
}
