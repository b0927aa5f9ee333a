import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { connect, type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually, within } from '../support/eventually.ts';
import { type AurelayProcess, readyz, spawnAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { WritingLoad } from '../support/writing-load.ts';

/** The instances that take a write from an ordinary client that goes past Aurelay. */
async function writable(engine: EngineUnderTest, cluster: EmbeddedCluster): Promise<string[]> {
  const found: string[] = [];
  for (const { id, port, pid } of cluster.instances) {
    if (pid() === null) continue;
    const client = await connect(engine, port);
    const wrote = await client
      .query(`INSERT INTO ${engine.table('written')} VALUES (${-Date.now() - found.length})`)
      .then(
        () => true,
        () => false,
      );
    if (wrote) found.push(id);
    await client.close();
  }
  return found;
}

const landing = async (engine: EngineUnderTest, aurelay: AurelayProcess): Promise<string> => {
  const client = await connect(engine, aurelay.port('writer'));
  const name = await engine.whoAnswers(client);
  await client.close();
  return name;
};

for (const engine of await enginesUnderTest()) {
  describe(`${engine.name}: Aurelay itself ends`, { skip: engine.skip, timeout: 180_000 }, () => {
    it('SIGTERM lets sessions end and exits with 0; the next one knows the epoch and the writer', async (t) => {
      const scope = scopeOf(t);
      const cluster = await engine.start(scope, { replicas: 1 });
      const aurelay = await spawnAurelay(scope, { cluster }, { drainTimeout: '30s' });
      const first = await aurelay.status();
      assert.equal(first.epoch, 1);
      const moved = await aurelay.admin.switchover(engine.cluster, engine.id(2));
      assert.deepEqual([moved.writer, moved.epoch], [engine.id(2), 2]);

      const session = await connect(engine, aurelay.port('writer'));
      scope.after(() => session.close());
      aurelay.kill('SIGTERM');
      await eventually(
        'it says that it is not ready any more',
        async () => (await readyz(aurelay.url)) === 503,
      );
      assert.equal(await engine.whoAnswers(session), engine.id(2), 'an open session goes on');
      const late = await connect(engine, aurelay.port('writer')).then(
        () => 'served',
        () => 'refused',
      );
      assert.equal(late, 'refused');
      await session.close();
      assert.equal(await within('it ends with the last session', 20_000, aurelay.ended()), 0);

      await aurelay.start();
      const { epoch, writer, phase } = await aurelay.status();
      assert.deepEqual({ epoch, writer, phase }, { epoch: 2, writer: engine.id(2), phase: 'stable' });
      assert.equal(await landing(engine, aurelay), engine.id(2));

      // A session that does not end is cut by the second signal.
      const stubborn = await connect(engine, aurelay.port('writer'));
      scope.after(() => stubborn.close());
      aurelay.kill('SIGTERM');
      await eventually('it is draining', async () => (await readyz(aurelay.url)) !== 200);
      aurelay.kill('SIGTERM');
      assert.equal(await within('it ends at once', 20_000, aurelay.ended()), 0);
      await within('the session is cut', 20_000, stubborn.ended);
    });

    it('a session that does not end is cut after the drain time', async (t) => {
      const scope = scopeOf(t);
      const cluster = await engine.start(scope, { replicas: 0 });
      const aurelay = await spawnAurelay(scope, { cluster }, { drainTimeout: '300ms' });
      const session = await connect(engine, aurelay.port('writer'));
      scope.after(() => session.close());
      aurelay.kill('SIGTERM');
      await within('the session is cut', 20_000, session.ended);
      assert.equal(await within('it ends', 20_000, aurelay.ended()), 0);
    });

    it('SIGTERM before it was ever ready lets sessions end too, and exits with 0', async (t) => {
      const scope = scopeOf(t);
      const cluster = await engine.start(scope, { replicas: 1 });
      cluster.instances[0]?.kill('SIGKILL');
      const endpoints = { reader: { type: 'reader' } };
      const spec = { cluster, endpoints, failover: { mode: 'observe' } };
      const aurelay = await spawnAurelay(scope, spec, { drainTimeout: '30s', readiness: 503 });
      await eventually(
        'the replica serves the reader endpoint',
        async () => (await aurelay.members('reader')).length === 1,
      );
      const session = await connect(engine, aurelay.port('reader'));
      scope.after(() => session.close());
      aurelay.kill('SIGTERM');
      await aurelay.untilEvent('shutdown.started');
      // Several times as long as readiness is looked at.
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal(await engine.whoAnswers(session), engine.id(2), 'an open session goes on');
      await session.close();
      assert.equal(await within('it ends with the last session', 20_000, aurelay.ended()), 0);
    });

    for (const moment of ['writer.suspected', 'failover.started', 'failover.completed']) {
      it(`kill -9 of Aurelay at ${moment}: the next one ends with one writer`, async (t) => {
        await killAmidFailover(t, engine, moment);
      });
    }
  });
}

async function killAmidFailover(t: TestContext, engine: EngineUnderTest, moment: string): Promise<void> {
  const scope = scopeOf(t);
  const cluster = await engine.start(scope, { replicas: 2 });
  const aurelay = await spawnAurelay(scope, { cluster });
  const load = await WritingLoad.start(scope, engine, aurelay.port('writer'));
  const [old] = cluster.instances;
  assert(old !== undefined);
  old.kill('SIGKILL');
  await aurelay.untilEvent(moment);
  aurelay.kill('SIGKILL');
  assert.equal(await aurelay.ended(), 'SIGKILL');

  await aurelay.start();
  await load.moreRows(20);
  const { epoch, writer, phase } = await aurelay.status();
  t.diagnostic(`${engine.name}: epoch ${epoch}, ${writer}; no row for ${Math.round(load.longestGapMs())} ms`);
  assert.equal(phase, 'stable');
  assert.notEqual(writer, old.id);
  assert.ok(epoch >= 2, `epoch ${epoch}`);
  await old.start();
  await eventually('one server takes writes', async () => {
    const found = await writable(engine, cluster);
    return found.length === 1 && found[0] === writer;
  });
  assert.equal(await landing(engine, aurelay), writer);
  assert.equal((await aurelay.status()).epoch, epoch);
}
