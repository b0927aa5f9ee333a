import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import type { EmbeddedInstance } from '../../src/demo/cluster.ts';
import { demoSupervisor } from '../../src/demo/demo-supervisor.ts';
import { connect, type EngineUnderTest, enginesUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import { type InProcessAurelay, startAurelay } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';

/** What a busy machine may take; without anything else to do it is about ten seconds. */
const deadlineMs = 60_000;
const kills = 3;

/** Resolves once `id` is a replica like any other: streaming, trusted, and a member of the reader endpoint. */
async function untilReplica(aurelay: InProcessAurelay, id: string): Promise<void> {
  await eventually(
    `${id} is back as a replica`,
    async () => {
      const { instances, phase } = await aurelay.status();
      const found = instances.find((instance) => instance.id === id);
      const isSound = found?.health === 'healthy' && found.role === 'replica' && found.replicating;
      return (
        phase === 'stable' && isSound && !found.deposed && (await aurelay.members('reader')).includes(id)
      );
    },
    deadlineMs,
  );
}

async function rowsOn(engine: EngineUnderTest, port: number): Promise<number[]> {
  const client = await connect(engine, port);
  try {
    const rows = await client.query(`SELECT id FROM ${engine.table('kept')} ORDER BY id`);
    return rows.map(({ id }) => Number(id));
  } finally {
    await client.close();
  }
}

async function write(engine: EngineUnderTest, port: number, ...statements: readonly string[]): Promise<void> {
  const client = await connect(engine, port);
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.close();
  }
}

async function post(aurelay: InProcessAurelay, engine: EngineUnderTest, path: string): Promise<void> {
  const response = await fetch(`${aurelay.url}/api/v1/clusters/${engine.cluster}/${path}`, {
    method: 'POST',
  });
  assert.equal(response.status, 200, await response.text());
}

for (const engine of await enginesUnderTest()) {
  describe(`${engine.name}: rejoin`, { skip: engine.skip, timeout: 300_000 }, () => {
    it('a killed writer is back as a replica by itself, again and again', async (t) => {
      const scope = scopeOf(t);
      const cluster = await engine.start(scope, { replicas: 2 });
      const aurelay = await startAurelay(scope, { cluster, supervisor: demoSupervisor([cluster]) });
      const insert = (id: number) => `INSERT INTO ${engine.table('kept')} VALUES (${id})`;
      await write(engine, aurelay.port('writer'), ...engine.createTable('kept'));
      for (let round = 1; round <= kills; round++) {
        const { writer } = await aurelay.status();
        const old = cluster.instances.find(({ id }) => id === writer);
        assert.ok(old !== undefined);
        const killedAt = performance.now();
        old.kill('SIGKILL');
        await untilReplica(aurelay, old.id);
        t.diagnostic(
          `${engine.name}: ${old.id} was back after ${Math.round(performance.now() - killedAt)} ms`,
        );
        await write(engine, aurelay.port('writer'), insert(round));
        await eventually('it has what was written since', async () =>
          (await rowsOn(engine, old.port)).includes(round),
        );
        assert.equal((await aurelay.status()).epoch, round + 1);
      }
      const names = (await aurelay.admin.recentEvents()).map(({ name }) => name);
      for (const name of ['rejoin.started', 'rejoin.done', 'deposed.rejoined']) {
        assert.ok(names.includes(name), `${name} is told`);
      }
      assert.ok(!names.includes('rejoin.failed'), 'none of it failed');
    });

    it('a frozen writer is back as a replica by itself', async (t) => {
      const scope = scopeOf(t);
      const cluster = await engine.start(scope, { replicas: 1 });
      const aurelay = await startAurelay(scope, { cluster, supervisor: demoSupervisor([cluster]) });
      const old = cluster.instances[0] as EmbeddedInstance;
      old.kill('SIGSTOP');
      await eventually('it is replaced', async () => (await aurelay.status()).writer === engine.id(2));
      await untilReplica(aurelay, old.id);
    });

    it('rows that only the old writer has are on record, and then gone', async (t) => {
      const scope = scopeOf(t);
      const cluster = await engine.start(scope, { replicas: 2 });
      const aurelay = await startAurelay(scope, { cluster, supervisor: demoSupervisor([cluster]) });
      const [old, ...replicas] = cluster.instances as [EmbeddedInstance, ...EmbeddedInstance[]];
      const untilReplaced = () =>
        eventually('a replica takes over', async () => {
          const { writer } = await aurelay.status();
          return writer !== null && writer !== old.id;
        });
      await write(engine, aurelay.port('writer'), ...engine.createTable('kept'));
      await write(engine, aurelay.port('writer'), `INSERT INTO ${engine.table('kept')} VALUES (1)`);
      for (const { port } of replicas) {
        await eventually('the replicas have the first row', async () =>
          (await rowsOn(engine, port).catch((): number[] => [])).includes(1),
        );
      }
      if (engine.cluster === 'pg') {
        // Drained, it is left to us: started by hand it takes our writes, whatever Aurelay set as the default.
        await post(aurelay, engine, `instances/${old.id}/drain`);
        old.kill('SIGKILL');
        await untilReplaced();
        await old.start();
        await eventually('the old writer takes writes', () =>
          write(
            engine,
            old.port,
            'SET default_transaction_read_only = off',
            'INSERT INTO kept SELECT generate_series(101, 5000)',
          ).then(
            () => true,
            () => false,
          ),
        );
        assert.equal((await rowsOn(engine, old.port)).at(-1), 5000);
      } else {
        for (const { port } of replicas) await write(engine, port, 'STOP SLAVE IO_THREAD');
        for (const id of [101, 102, 103]) {
          await write(engine, old.port, `INSERT INTO ${engine.table('kept')} VALUES (${id})`);
        }
        old.kill('SIGKILL');
        await untilReplaced();
      }
      await write(engine, aurelay.port('writer'), `INSERT INTO ${engine.table('kept')} VALUES (2)`);
      if (engine.cluster === 'pg') await post(aurelay, engine, `instances/${old.id}/undrain`);
      await untilReplica(aurelay, old.id);
      await eventually(
        'it has what the writer has, and nothing else',
        async () => (await rowsOn(engine, old.port)).join() === '1,2',
      );
      const started = (await aurelay.admin.recentEvents()).filter(({ name }) => name === 'rejoin.started');
      t.diagnostic(`${engine.name}: ${started.map(({ message }) => message).join('; ')}`);
      const { diverged, lost, reason } = started.at(-1)?.details ?? {};
      assert.deepEqual({ diverged, reason }, { diverged: true, reason: 'diverged' });
      // 4,900 rows are no less than so many bytes; MariaDB's numbers give a lower bound.
      const least = engine.cluster === 'pg' ? 4_900 : 2;
      assert.ok(Number(lost) >= least, `${lost} bytes or transactions are on record`);
      const [record] = (await aurelay.admin.failovers(engine.cluster)).filter(({ from }) => from === old.id);
      assert.equal(record?.discarded.at(-1)?.instance, old.id);
      assert.equal(record?.discarded.at(-1)?.lost?.amount, lost);
    });
  });
}
