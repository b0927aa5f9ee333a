import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedInstance } from '../../src/demo/cluster.ts';
import type { SqlClient } from '../support/drivers.ts';
import { connect, type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually, within } from '../support/eventually.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import type { Cleanup } from '../support/servers.ts';

interface Scene {
  readonly engine: EngineUnderTest;
  readonly scope: Cleanup;
  readonly aurelay: InProcessAurelay;
  readonly instances: readonly [EmbeddedInstance, EmbeddedInstance, EmbeddedInstance];
}

/** Three copies, two of which have each commit. */
async function setScene(t: TestContext, engine: EngineUnderTest, durability: object): Promise<Scene> {
  const scope = scopeOf(t);
  const cluster = await engine.start(scope, { replicas: 2 });
  const aurelay = await startAurelay(scope, {
    cluster,
    durability: { copies: 3, write_quorum: 2, ...durability },
  });
  const instances = cluster.instances as Scene['instances'];
  const scene = { engine, scope, aurelay, instances };
  await untilDurability(scene, 'secured');
  const client = await open(scene);
  for (const sql of engine.createTable('rows')) await client.query(sql);
  await client.close();
  return scene;
}

async function open({ engine, scope, aurelay }: Scene): Promise<SqlClient> {
  const client = await connect(engine, aurelay.port('writer'));
  scope.after(() => client.close());
  return client;
}

const insert = (client: SqlClient, { engine }: Scene, id: number): Promise<unknown> =>
  client.query(`INSERT INTO ${engine.table('rows')} VALUES (${id})`);

const rows = async (client: SqlClient, { engine }: Scene): Promise<number[]> =>
  (await client.query(`SELECT id FROM ${engine.table('rows')} ORDER BY id`)).map(({ id }) => Number(id));

const untilDurability = ({ aurelay }: Scene, state: string): Promise<unknown> =>
  eventually(`durability is ${state}`, async () => {
    const { durability } = await aurelay.status();
    return durability.mode === 'quorum' && durability.state === state;
  });

const kill = (instance: EmbeddedInstance): void => instance.kill('SIGKILL');

for (const engine of await enginesUnderTest()) {
  describe(`a write quorum of ${engine.name}`, { skip: engine.skip }, () => {
    it('stalls without its copies, and a failover waits for as many as it needs', {
      timeout: 180_000,
    }, async (t) => {
      const scene = await setScene(t, engine, {});
      const { aurelay, instances } = scene;
      const [writer, second, third] = instances;
      const client = await open(scene);
      await insert(client, scene, 1);

      kill(second);
      await insert(client, scene, 2);
      kill(third);
      // The children of a killed postmaster may acknowledge for a moment.
      await untilDurability(scene, 'lost');
      let isTold = false;
      const stalled = insert(client, scene, 3).then(() => {
        isTold = true;
      });
      stalled.catch(() => {});
      await sleep(1_500);
      assert.equal(isTold, false, 'a client was told of a commit that one copy has');

      await third.start();
      await within('the commit is let go when a copy is back', 30_000, stalled);
      await untilDurability(scene, 'secured');

      kill(writer);
      await eventually('one copy is too few', async () =>
        /1 of the 2 copies answer/.test((await aurelay.status()).reason ?? ''),
      );
      await assert.rejects(aurelay.admin.failover(engine.cluster), /--force/);
      assert.equal((await aurelay.status()).epoch, 1);

      await second.start();
      await eventually('there is a new writer', async () => (await aurelay.status()).epoch === 2, 60_000);
      await eventually('it is let write', async () => (await aurelay.status()).writer !== null);
      const next = await open(scene);
      assert.deepEqual(await rows(next, scene), [1, 2, 3]);
      await within('a commit waits for the copy that is left', 30_000, insert(next, scene, 4));
      const [record] = await aurelay.admin.failovers(engine.cluster);
      assert.deepEqual(
        [record?.durability, record?.quorum],
        ['quorum', { copies: 3, write_quorum: 2, answered: 2 }],
      );
    });

    it('degrades where it is to, and says so', { timeout: 180_000 }, async (t) => {
      const scene = await setScene(t, engine, { on_lost_quorum: 'degrade', degrade_after: '1s' });
      const { aurelay, instances } = scene;
      const [, second, third] = instances;
      const client = await open(scene);
      await insert(client, scene, 1);
      kill(second);
      kill(third);
      await within('a commit goes on without the copies', 30_000, insert(client, scene, 2));
      await untilDurability(scene, 'degraded');
      const names = (await aurelay.admin.recentEvents()).map(({ name }) => name);
      assert.ok(names.includes('durability.degraded'), names.join(' '));
      await second.start();
      await untilDurability(scene, 'secured');
      await within('commits wait again, and are answered', 30_000, insert(client, scene, 3));
    });
  });
}
