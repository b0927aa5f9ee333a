import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, it, type TestContext } from 'node:test';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { processesIn, signalProcess } from '../../src/demo/running-server.ts';
import type { SqlClient } from '../support/drivers.ts';
import { codeOf, connect, type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually, within } from '../support/eventually.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import type { Cleanup } from '../support/servers.ts';
import { WritingLoad } from '../support/writing-load.ts';

/** A cluster of three behind Aurelay, and an application that writes all the time. */
interface Scene {
  readonly engine: EngineUnderTest;
  readonly scope: Cleanup;
  readonly cluster: EmbeddedCluster;
  readonly aurelay: InProcessAurelay;
  readonly load: WritingLoad;
  readonly old: EmbeddedInstance;
}

async function setScene(t: TestContext, engine: EngineUnderTest): Promise<Scene> {
  const scope = scopeOf(t);
  const cluster = await engine.start(scope, { replicas: 2 });
  const aurelay = await startAurelay(scope, {
    cluster,
    instances: { [engine.id(2)]: { promotion_tier: 0 } },
  });
  const load = await WritingLoad.start(scope, engine, aurelay.port('writer'));
  const old = cluster.instances[0];
  assert(old !== undefined);
  return { engine, scope, cluster, aurelay, load, old };
}

async function open({ engine, scope, aurelay }: Scene, endpoint: string): Promise<SqlClient> {
  const client = await connect(engine, aurelay.port(endpoint));
  scope.after(() => client.close());
  return client;
}

/** A connection that begins now, and where it lands in the end. */
async function landing(scene: Scene, endpoint = 'writer'): Promise<string> {
  const client = await open(scene, endpoint);
  const name = await scene.engine.whoAnswers(client);
  await client.close();
  return name;
}

/** What a failover has to leave behind, whatever caused it. */
async function assertFailedOver(
  t: TestContext,
  scene: Scene,
  limits: { readonly gapMs: number },
): Promise<void> {
  const { engine, aurelay, load } = scene;
  const next = engine.id(2);
  await load.moreRows(50);
  await eventually('the cluster is stable', async () => (await aurelay.status()).phase === 'stable');
  const { epoch, writer } = await aurelay.status();
  assert.deepEqual({ epoch, writer }, { epoch: 2, writer: next });
  const gapMs = load.longestGapMs();
  t.diagnostic(`${engine.name}: no row was acknowledged for ${Math.round(gapMs)} ms`);
  assert.ok(gapMs < limits.gapMs, `the outage took ${gapMs} ms`);

  assert.equal(await landing(scene), next);
  await eventually('the reader endpoint has the other replica only', async () => {
    const members = await aurelay.members('reader');
    return members.length === 1 && members[0] === engine.id(3);
  });
  assert.equal(await landing(scene, 'reader'), engine.id(3));
  await assertReplicates(scene);

  await load.stop();
  const client = await open(scene, 'writer');
  const missing = await load.missing(client);
  await client.close();
  t.diagnostic(`${engine.name}: ${missing.length} of ${load.acknowledged.length} acknowledged rows are lost`);
  // Replication is asynchronous: the last few may be lost, and nothing before them.
  assert.ok(missing.length < 20, `${missing.length} rows are lost`);
  const outage = load.acknowledged.findIndex(({ at }, index) => {
    return at - (load.acknowledged[index - 1]?.at ?? at) === gapMs;
  });
  const around = new Set(load.acknowledged.slice(Math.max(0, outage - 40), outage).map(({ id }) => id));
  assert.deepEqual(
    missing.filter((id) => !around.has(id)),
    [],
    'only rows of the last moment are lost',
  );

  const receipts = (await aurelay.admin.recentEvents()).filter(({ name }) => name === 'failover.completed');
  assert.equal(receipts.length, 1, 'the failover has its receipt');
}

/** What is written on the new writer is read on the replica that is left. */
async function assertReplicates(scene: Scene): Promise<void> {
  const { engine } = scene;
  const [writer, reader] = await Promise.all([open(scene, 'writer'), open(scene, 'reader')]);
  for (const sql of engine.createTable('after')) await writer.query(sql);
  await writer.query(`INSERT INTO ${engine.table('after')} VALUES (1)`);
  await eventually('the replica has what the new writer wrote', async () => {
    const rows = await reader.query(`SELECT id FROM ${engine.table('after')}`).catch(() => []);
    return rows.length === 1;
  });
  await Promise.all([writer.close(), reader.close()]);
}

/**
 * An old writer that answers again, with nobody to rebuild it: never the writer, and read-only for whoever goes past the
 * endpoints. It serves reads only once it replicates, which MariaDB and MySQL do by SQL where its data allows.
 */
async function assertShutOut(scene: Scene): Promise<void> {
  const { engine, aurelay, old } = scene;
  const settled = await eventually(
    'the old writer is seen again, and it is known what becomes of it',
    async () => {
      const found = (await aurelay.status()).instances.find(({ id }) => id === old.id);
      if (found?.health !== 'healthy') return null;
      if (!found.deposed) return found.replicating && 'rejoined';
      const told = (await aurelay.admin.recentEvents()).some(({ name }) => name === 'deposed.quarantined');
      return told && 'quarantined';
    },
  );
  if (engine.cluster === 'pg') assert.equal(settled, 'quarantined');
  await eventually('the old writer takes no writes', async () => {
    const client = await connect(engine, old.port);
    try {
      await client.query(`INSERT INTO ${engine.table('written')} VALUES (${-Date.now()})`);
      return false;
    } catch (error) {
      return codeOf(engine, error) === engine.readOnly.code;
    } finally {
      await client.close();
    }
  });
  const landed = await Promise.all(Array.from({ length: 20 }, () => landing(scene)));
  assert.deepEqual([...new Set(landed)], [engine.id(2)]);
  const read = new Set(await Promise.all(Array.from({ length: 10 }, () => landing(scene, 'reader'))));
  const readers = settled === 'rejoined' ? [old.id, engine.id(3)] : [engine.id(3)];
  assert.deepEqual([...read].sort(), readers);
  const { epoch, writer } = await aurelay.status();
  assert.deepEqual({ epoch, writer }, { epoch: 2, writer: engine.id(2) });
}

/** A PostgreSQL server is many processes: without its postmaster, those that serve a client go on serving. */
function freezes(engine: EngineUnderTest) {
  const postmaster = ({ pid }: EmbeddedInstance): number[] => [pid() ?? 0].filter((found) => found > 0);
  if (engine.cluster === 'mysql') return [{ name: 'SIGSTOP of the writer', processes: postmaster }];
  return [
    {
      name: 'SIGSTOP of the writer, all of it',
      processes: ({ directory }: EmbeddedInstance) => processesIn(directory),
    },
    { name: 'SIGSTOP of the writer, its postmaster only', processes: postmaster },
  ];
}

for (const engine of await enginesUnderTest()) {
  describe(`${engine.name}: failover`, { skip: engine.skip, timeout: 240_000 }, () => {
    it('kill -9 of the writer', async (t) => {
      const scene = await setScene(t, engine);
      const { old, aurelay } = scene;
      const idle = await open(scene, 'writer');
      const reading = await open(scene, 'reader');
      old.kill('SIGKILL');
      const during = Promise.all(Array.from({ length: 10 }, () => landing(scene)));
      await within('the idle session is closed', 20_000, idle.ended);
      await assertFailedOver(t, scene, { gapMs: 10_000 });
      assert.deepEqual(
        [...new Set(await during)].filter((name) => name !== old.id),
        [engine.id(2)],
      );
      assert.notEqual(await engine.whoAnswers(reading), old.id, 'a session on a replica goes on');

      await old.start();
      await assertShutOut(scene);
      assert.equal((await aurelay.status()).phase, 'stable');
    });

    for (const { name, processes } of freezes(engine)) {
      it(name, async (t) => {
        const scene = await setScene(t, engine);
        const { aurelay, old } = scene;
        const idle = await open(scene, 'writer');
        const frozen = processes(old);
        const signal = (what: NodeJS.Signals) => {
          for (const pid of frozen) signalProcess(pid, what);
        };
        scene.scope.after(async () => signal('SIGCONT'));
        signal('SIGSTOP');
        await eventually('the writer is missed', async () => (await aurelay.status()).writer === null);
        const during = Array.from({ length: 10 }, () => landing(scene));
        await eventually('connections wait', async () => {
          const { endpoints } = await aurelay.status();
          return endpoints.some(({ name, held }) => name === 'writer' && held >= 10);
        });
        assert.deepEqual(
          [...new Set(await Promise.all(during))],
          [engine.id(2)],
          'they are served in the end',
        );
        await within('the session to the frozen writer is closed', 20_000, idle.ended);
        await assertFailedOver(t, scene, { gapMs: 20_000 });

        signal('SIGCONT');
        await assertShutOut(scene);
      });
    }

    it('a clean stop of the writer', async (t) => {
      const scene = await setScene(t, engine);
      const startedAt = performance.now();
      await scene.old.stop();
      t.diagnostic(`${engine.name}: the stop took ${Math.round(performance.now() - startedAt)} ms`);
      await assertFailedOver(t, scene, { gapMs: 15_000 });
      await scene.old.start();
      await assertShutOut(scene);
    });

    it('switchover under load loses nothing', async (t) => {
      const scene = await setScene(t, engine);
      const { aurelay, load, old } = scene;
      const next = engine.id(2);
      const idle = await open(scene, 'writer');
      const response = await fetch(`${aurelay.url}/api/v1/clusters/${engine.cluster}/switchover`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ to: next }),
      });
      const answer = (await response.json()) as { writer: string; epoch: number };
      assert.equal(response.status, 200, JSON.stringify(answer));
      assert.deepEqual({ writer: answer.writer, epoch: answer.epoch }, { writer: next, epoch: 2 });
      await within('sessions to the old writer are closed', 10_000, idle.ended);
      await load.moreRows(50);
      t.diagnostic(`${engine.name}: no row was acknowledged for ${Math.round(load.longestGapMs())} ms`);
      assert.equal(await landing(scene), next);
      await load.stop();
      const client = await open(scene, 'writer');
      assert.deepEqual(await load.missing(client), [], 'every acknowledged row is there');
      const { phase, epoch, instances } = await aurelay.status();
      assert.deepEqual({ phase, epoch }, { phase: 'stable', epoch: 2 });

      if (engine.cluster === 'pg') {
        // PostgreSQL does not turn a writer into a replica while it runs.
        assert.equal(instances.find(({ id }) => id === old.id)?.deposed, true);
        await assertShutOut(scene);
        return;
      }
      await eventually('the old writer is a replica like any other', async () => {
        const members = await aurelay.members('reader');
        return members.length === 2 && members[0] === old.id && members[1] === engine.id(3);
      });
      const follower = await connect(engine, old.port);
      await eventually('it has every row', async () => (await load.missing(follower)).length === 0);
      await assert.rejects(
        follower.query(`INSERT INTO ${engine.table('written')} VALUES (-1)`),
        (error) => codeOf(engine, error) === engine.readOnly.code,
      );
      await follower.close();
    });
  });
}
