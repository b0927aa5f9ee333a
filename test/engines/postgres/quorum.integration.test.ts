import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { instanceId } from '../../../src/base/brand.ts';
import type { Observation } from '../../../src/cluster/observation.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../../src/demo/cluster.ts';
import { OperationFailed, type Operations, type Quorum } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/engine.ts';
import { defaultTls } from '../../support/default-tls.ts';
import { eventually } from '../../support/eventually.ts';
import { withPostgresCluster } from '../../support/servers.ts';

const patientMs = 20_000;
const login = { user: 'aurelay', password: null, database: 'postgres' };
/** What docs/servers.md asks for, and a client's own role. */
const roles = [
  'CREATE ROLE aurelay LOGIN',
  'GRANT pg_monitor, pg_signal_backend TO aurelay',
  'GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer), pg_reload_conf() TO aurelay',
  'GRANT ALTER SYSTEM ON PARAMETER primary_conninfo, default_transaction_read_only TO aurelay',
  'GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO aurelay',
  'CREATE ROLE app LOGIN',
  'CREATE TABLE note (text text)',
  'GRANT ALL ON note TO app',
];
const addressOf = ({ port }: EmbeddedInstance) => ({ host: '127.0.0.1', port });
const targetOf = (instance: EmbeddedInstance) => ({
  instance: instanceId(instance.id),
  address: addressOf(instance),
  tls: defaultTls,
  ...login,
});
const operationsOn = (instance: EmbeddedInstance): Operations =>
  postgres.createOperations(targetOf(instance));
const quorumOf = (count: number, ...from: EmbeddedInstance[]): Quorum => ({
  count,
  from: from.map(({ id }) => instanceId(id)),
});

async function look(instance: EmbeddedInstance): Promise<Observation> {
  const probe = postgres.createProbe(targetOf(instance));
  const result = await probe.probe(patientMs);
  probe.close();
  assert.ok(result.kind === 'observed', JSON.stringify(result));
  return result.observation;
}

async function ask(
  instance: EmbeddedInstance,
  sql: string,
  user = 'postgres',
): Promise<Record<string, unknown>[]> {
  const client = await connect(instance, user);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function connect({ port }: EmbeddedInstance, user: string): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port, user, database: 'postgres' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** A write that may not be answered for a while. */
interface Write {
  told: 'not yet' | 'committed' | 'failed';
  readonly done: Promise<unknown>;
}

function write(instance: EmbeddedInstance, text: string): Write {
  const pending = { told: 'not yet' as Write['told'] };
  const done = ask(instance, `INSERT INTO note (text) VALUES ('${text}')`, 'app').then(
    () => (pending.told = 'committed'),
    () => (pending.told = 'failed'),
  );
  return Object.assign(pending, { done });
}

const waiting = (instance: EmbeddedInstance) =>
  eventually(`a commit on ${instance.id} waits for a replica`, async () => {
    const rows = await ask(instance, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    return rows.length > 0;
  });

const has = async (instance: EmbeddedInstance, text: string): Promise<boolean> =>
  (await ask(instance, `SELECT 1 FROM note WHERE text = '${text}'`)).length > 0;

const order = (a: Observation, b: Observation) => postgres.positions.compare(a.position, b.position);

describe('quorum durability on PostgreSQL, with a writer and two replicas', { timeout: 240_000 }, () => {
  let cluster: EmbeddedCluster;
  let first: EmbeddedInstance;
  let second: EmbeddedInstance;
  let third: EmbeddedInstance;

  const cleanups: (() => Promise<void>)[] = [];
  after(async () => {
    for (const clean of cleanups) await clean();
  });

  before(async () => {
    cluster = await withPostgresCluster({ after: (clean) => cleanups.push(clean) }, { replicas: 2 });
    [first, second, third] = cluster.instances as unknown as [
      EmbeddedInstance,
      EmbeddedInstance,
      EmbeddedInstance,
    ];
    for (const statement of roles) await ask(first, statement);
    await eventually('the table is everywhere', async () => {
      const [row] = await ask(
        third,
        "SELECT has_table_privilege('app', to_regclass('note'), 'INSERT') AS there",
      );
      return row?.there === true;
    });
  });

  const connected = (count: number) =>
    eventually(
      `${count} replicas acknowledge`,
      async () => (await look(first)).acknowledgement?.connected === count,
    );

  it('each commit waits for one of two replicas', async () => {
    await operationsOn(first).requireQuorum(quorumOf(1, second, third), patientMs);
    assert.deepEqual((await look(first)).acknowledgement, {
      count: 1,
      from: ['pg-2', 'pg-3'],
      connected: 2,
      most: null,
    });
    await write(first, 'to both').done;
    await third.stop();
    await connected(1);
    const toOne = write(first, 'to one');
    await toOne.done;
    assert.equal(toOne.told, 'committed');
    await third.start();
    await connected(2);
  });

  it('a quorum that is in force is not written again', async () => {
    const loaded = () => ask(first, 'SELECT pg_conf_load_time()');
    const before = await loaded();
    await operationsOn(first).requireQuorum(quorumOf(1, third, second), patientMs);
    assert.deepEqual(await loaded(), before);
  });

  it('sealed replicas take nothing, also after a restart, until they follow again', async () => {
    const sealed = await Promise.all([second, third].map((replica) => operationsOn(replica).seal(patientMs)));
    await connected(0);
    const stalled = write(first, 'to nobody');
    await waiting(first);
    await second.stop();
    await second.start();
    const writer = await look(first);
    for (const [index, replica] of [second, third].entries()) {
      const seen = await look(replica);
      assert.equal(seen.position, sealed[index]);
      assert.equal(order(seen, writer), 'behind');
      assert.equal(seen.replication?.streaming, false);
      assert.equal(seen.replication?.stopped, true);
      assert.equal(seen.replication?.acknowledges, true);
      assert.equal(await operationsOn(replica).seal(patientMs), sealed[index], 'a second time');
    }
    assert.equal(stalled.told, 'not yet');

    await operationsOn(second).follow(addressOf(first), null, true, patientMs);
    await stalled.done;
    assert.equal(stalled.told, 'committed');
    await eventually('it reads what it took', () => has(second, 'to nobody'));
    const back = await look(second);
    assert.equal(back.replication?.stopped, false);
    assert.deepEqual(back.replication?.source, addressOf(first));
    assert.equal((await look(third)).replication?.streaming, false);
    await operationsOn(third).follow(addressOf(first), null, true, patientMs);
    await connected(2);
  });

  it('a replica acknowledges under its own name only, and follow gives it that', async () => {
    const [row] = await ask(second, 'SHOW primary_conninfo');
    const renamed = String(row?.primary_conninfo).replace(
      /application_name='?pg-2'?/,
      'application_name=stranger',
    );
    await ask(second, `ALTER SYSTEM SET primary_conninfo = '${renamed.replaceAll("'", "''")}'`);
    await ask(second, 'SELECT pg_reload_conf()');
    await connected(1);
    assert.equal((await look(second)).replication?.acknowledges, false);
    await operationsOn(second).follow(addressOf(first), null, false, patientMs);
    assert.equal((await look(second)).replication?.acknowledges, false, 'left as it is');
    await operationsOn(second).follow(addressOf(first), null, true, patientMs);
    await connected(2);
    assert.equal((await look(second)).replication?.acknowledges, true);
  });

  it('a fence ends a commit that waits, and its client is told nothing', async () => {
    await Promise.all([second, third].map((replica) => operationsOn(replica).seal(patientMs)));
    const stalled = write(first, 'in doubt');
    await waiting(first);
    const last = await operationsOn(first).fence(patientMs);
    await stalled.done;
    assert.equal(stalled.told, 'failed');
    assert.equal((await look(first)).position, last);
    assert.equal((await look(first)).acknowledgement, null, 'it is no writer');
    await operationsOn(first).unfence(patientMs);
  });

  it('a commit that waits is let go when nobody is waited for any more', async () => {
    const stalled = write(first, 'released');
    await waiting(first);
    await operationsOn(first).requireQuorum(quorumOf(0), patientMs);
    await stalled.done;
    assert.equal(stalled.told, 'committed');
    assert.deepEqual((await look(first)).acknowledgement, { count: 0, from: [], connected: 0, most: null });
    for (const replica of [second, third]) {
      await operationsOn(replica).follow(addressOf(first), null, true, patientMs);
    }
  });

  it('what cannot be is refused, with what to do about it', async () => {
    const refused = (attempt: Promise<unknown>, why: RegExp) =>
      assert.rejects(attempt, (error: Error) => error instanceof OperationFailed && why.test(error.message));
    await refused(operationsOn(first).seal(patientMs), /it is no replica/);
    await refused(operationsOn(second).requireQuorum(quorumOf(1, third), patientMs), /it is a replica/);
    await refused(operationsOn(first).requireQuorum(quorumOf(2, third), patientMs), /2 of 1 replicas/);
    await ask(first, "ALTER ROLE aurelay SET synchronous_commit = 'local'");
    await refused(
      operationsOn(first).requireQuorum(quorumOf(1, second, third), patientMs),
      /synchronous_commit is local.*set it to "on"/,
    );
    await ask(first, 'ALTER ROLE aurelay RESET synchronous_commit');
    assert.equal((await look(first)).acknowledgement?.count, 0, 'nothing was written');
  });

  it('a promoted replica takes no write that does not wait', async () => {
    await eventually('both have all', async () => {
      const writer = await look(first);
      const seen = await Promise.all([look(second), look(third)]);
      return seen.every((replica) => order(replica, writer) !== 'behind');
    });
    const sealed = await Promise.all([second, third].map((replica) => operationsOn(replica).seal(patientMs)));
    first.kill('SIGKILL');

    // Writers that try without a pause, so that one of them is the first.
    let over = false;
    const told: string[] = [];
    const eager = Array.from({ length: 8 }, async (_, number) => {
      const client = await connect(second, 'app');
      while (!over) {
        const result = await client
          .query(`INSERT INTO note (text) VALUES ('eager ${number}')`)
          .catch(() => null);
        if (result !== null) told.push(`eager ${number}`);
      }
      await client.end().catch(() => {});
    });
    const promoted = await operationsOn(second).promote(patientMs, quorumOf(1, first, third));
    assert.notEqual(postgres.positions.compare(promoted, sealed[0] as typeof promoted), 'behind');
    await waiting(second);
    await sleep(100);
    assert.deepEqual(told, []);
    assert.deepEqual((await look(second)).acknowledgement, {
      count: 1,
      from: ['pg-1', 'pg-3'],
      connected: 0,
      most: null,
    });

    over = true;
    await operationsOn(third).follow(addressOf(second), null, true, patientMs);
    await Promise.all(eager);
    assert.equal(told.length, 8);
    for (const text of told) {
      await eventually('it reads what it acknowledged', () => has(third, text));
    }
    await operationsOn(second).promote(patientMs, quorumOf(1, first, third));
  });
});
