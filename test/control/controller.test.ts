import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { instanceId } from '../../src/base/brand.ts';
import { seededPrng } from '../../src/base/prng.ts';
import type { Address } from '../../src/cluster/instance.ts';
import type { ClusterView } from '../../src/cluster/view.ts';
import { Controller } from '../../src/control/controller.ts';
import type { Story } from '../../src/control/narrate.ts';
import { memoryStore, type StateStore } from '../../src/control/state-store.ts';
import { plainClient } from '../../src/tls/tls-client.ts';
import { testInstance } from '../cluster/scenario.ts';
import { defaultClusterConfig } from '../support/default-cluster-config.ts';
import { eventually } from '../support/eventually.ts';
import { ManualClock } from './manual-clock.ts';
import { SimulatedServers } from './simulated-servers.ts';

interface Options {
  readonly mode?: 'automatic' | 'observe';
  readonly store?: StateStore;
  readonly servers?: SimulatedServers;
  readonly clock?: ManualClock;
}

function setUp(t: TestContext, { mode = 'automatic', store = memoryStore(), ...given }: Options = {}) {
  const instances = ['a', 'b', 'c'].map((id) => testInstance(id));
  const servers = given.servers ?? new SimulatedServers(instances);
  const clock = given.clock ?? new ManualClock();
  const config = defaultClusterConfig('test', instances, { failover: { mode, maxHeld: 100 } });
  const views: ClusterView[] = [];
  const stories: Story[] = [];
  const savingStore: StateStore = {
    load: () => store.load(),
    save: async (memory) => {
      servers.deeds.push(
        `save epoch ${memory.epoch}${memory.promoting ? ' promoting' : ''} ${memory.writer}`,
      );
      await store.save(memory);
    },
  };
  const controller = new Controller({
    config,
    engine: servers.engine,
    tls: plainClient,
    clock,
    prng: seededPrng(7),
    store: savingStore,
    closeSessions: async (instance) => {
      servers.deeds.push(`close sessions of ${instance}`);
      return 5;
    },
    onDiscard: async () => {},
    onView: (view) => views.push(view),
    onStory: (story) => stories.push(story),
    onReceipt: () => {},
    onProbe: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
  controller.start();
  t.after(() => controller.stop());
  return { controller, servers, clock, views, stories, store };
}

test('a killed writer is replaced within a second: recorded, sessions closed, promoted, in this order', async (t) => {
  const { controller, servers, clock, stories } = setUp(t);
  await clock.advance(1_000);
  assert.equal(controller.view.writer, 'a');
  assert.equal(controller.view.epoch, 1);
  servers.get('b').position = 120;
  servers.deeds.length = 0;
  servers.kill('a');
  assert.equal(controller.view.writer, null, 'nobody may be sent to a server that has just broken off');
  await clock.advance(900);
  assert.equal(controller.view.writer, 'b');
  assert.equal(controller.view.epoch, 2);
  assert.deepEqual(servers.deeds, [
    'close sessions of a',
    'save epoch 2 promoting b',
    'promote b',
    'save epoch 2 b',
    'follow c -> b',
    // That c was seen to follow.
    'save epoch 2 b',
  ]);
  const names: readonly string[] = stories.map(({ name }) => name);
  for (const name of ['writer.suspected', 'instance.down', 'failover.started', 'failover.completed']) {
    assert.ok(names.includes(name), `${name} is told`);
  }
  assert.equal(stories.find(({ name }) => name === 'failover.completed')?.details.kind, 'failover');
});

test('a frozen writer is replaced after `fall` silent probes', async (t) => {
  const { controller, servers, clock } = setUp(t);
  await clock.advance(1_000);
  servers.get('a').state = 'frozen';
  await clock.advance(2_000);
  assert.notEqual(controller.view.writer, 'a');
  assert.equal(controller.view.epoch, 2);
});

test('a full writer keeps its office', async (t) => {
  const { controller, servers, clock } = setUp(t);
  await clock.advance(1_000);
  servers.get('a').state = 'full';
  await clock.advance(20_000);
  assert.equal(controller.view.writer, 'a');
  assert.equal(controller.view.epoch, 1);
});

test('an old writer that comes back gets no sessions, is fenced, and is trusted again as a replica', async (t) => {
  const { controller, servers, clock } = setUp(t);
  await clock.advance(1_000);
  servers.kill('a');
  await clock.advance(1_000);
  servers.get('a').state = 'up';
  await clock.advance(5_000);
  assert.equal(controller.view.writer, 'b');
  assert.ok(servers.deeds.includes('fence a'));
  assert.equal(controller.view.instances.get(instanceId('a'))?.deposed, true);
  servers.get('a').source = instanceId('b');
  await clock.advance(1_000);
  assert.equal(controller.view.instances.get(instanceId('a'))?.deposed, false);
});

test('observe touches no server, and follows a promotion made elsewhere', async (t) => {
  const { controller, servers, clock } = setUp(t, { mode: 'observe' });
  await clock.advance(1_000);
  servers.kill('a');
  await clock.advance(20_000);
  assert.equal(controller.view.writer, null);
  servers.get('c').writable = true;
  servers.get('c').source = null;
  await clock.advance(2_000);
  assert.equal(controller.view.writer, 'c');
  assert.ok(
    servers.deeds.every((deed) => /^(save|close)/.test(deed)),
    servers.deeds.join('; '),
  );
});

test('Aurelay is restarted at every moment of a failover: it ends with one writer and a higher epoch', async (t) => {
  for (let moment = 0; moment <= 300; moment += 10) {
    const first = setUp(t);
    await first.clock.advance(1_000);
    first.servers.kill('a');
    await first.clock.advance(moment);
    first.controller.stop();
    const { controller, clock, servers } = setUp(t, first);
    await clock.advance(3_000);
    assert.ok(controller.view.writer === 'b' || controller.view.writer === 'c', `after ${moment} ms`);
    assert.ok(controller.view.epoch >= 2, `after ${moment} ms`);
    const writable = [...servers.servers.values()].filter(
      ({ writable, state }) => writable && state === 'up',
    );
    assert.equal(writable.length, 1, `after ${moment} ms`);
    controller.stop();
  }
});

test('a switchover loses nothing, and the old writer follows', async (t) => {
  const { controller, servers, clock } = setUp(t);
  await clock.advance(1_000);
  servers.get('a').position = 140;
  const answer = controller.switchover(instanceId('c'));
  await clock.advance(200);
  assert.equal(controller.view.writer, null, 'c lacks 40');
  servers.get('c').position = 140;
  await clock.advance(500);
  assert.deepEqual(await answer, { ok: true, message: 'c is the writer of epoch 2' });
  assert.equal(controller.view.writer, 'c');
  await clock.advance(1_000);
  assert.equal(servers.get('a').source, 'c');
  assert.equal(servers.get('b').source, 'c');
  assert.equal(controller.view.instances.get(instanceId('a'))?.deposed, false);
});

test('a switchover whose target never catches up is undone', async (t) => {
  const { controller, servers, clock } = setUp(t);
  await clock.advance(1_000);
  servers.get('a').position = 140;
  const answer = controller.switchover(instanceId('c'));
  await clock.advance(12_000);
  assert.equal((await answer).ok, false);
  assert.equal(controller.view.writer, 'a');
  assert.equal(servers.get('a').writable, true);
  assert.equal(controller.view.epoch, 1);
});

test('a promotion that fails goes on with the next candidate in an epoch of its own', async (t) => {
  const { controller, servers, clock } = setUp(t);
  await clock.advance(1_000);
  servers.get('b').promotion = 'fails';
  servers.kill('a');
  await clock.advance(2_000);
  assert.equal(controller.view.writer, 'c');
  assert.equal(controller.view.epoch, 3);
});

test('requests that wait are answered when Aurelay stops', async (t) => {
  const { controller, servers, clock } = setUp(t);
  await clock.advance(1_000);
  servers.get('a').position = 140;
  const answer = controller.switchover(instanceId('c'));
  controller.stop();
  assert.deepEqual(await answer, { ok: false, kind: 'failed', message: 'aurelay is shutting down' });
  assert.equal((await controller.failover()).ok, false);
});

test('who drains an instance is told so when it would survive a crash, or that it would not', async (t) => {
  const ends: (() => void)[] = [];
  let failure: Error | null = null;
  let slow = false;
  const store: StateStore = {
    load: () => null,
    save: async () => {
      if (slow) await new Promise<void>((resolve) => ends.push(resolve));
      if (failure !== null) throw failure;
    },
  };
  const { controller, clock } = setUp(t, { store });
  await clock.advance(1_000);
  slow = true;
  const told: string[] = [];
  const drained = controller
    .drain(instanceId('c'), true)
    .then(({ ok, message }) => told.push(`${ok} ${message}`));
  await clock.advance(100);
  assert.deepEqual(told, [], 'not before it is on disk');
  assert.equal(controller.view.instances.get(instanceId('c'))?.drained, true, 'it takes nobody all the same');
  for (const end of ends.splice(0)) end();
  await drained;
  assert.deepEqual(told, ['true c takes no new connections']);
  slow = false;
  failure = new Error('ENOSPC');
  const back = await controller.drain(instanceId('c'), false);
  assert.equal(back.ok, false);
  assert.match(back.message, /takes connections again, but only until .* \(ENOSPC\)$/);
});

test('a reload that names the Patroni of a server has it asked, and one that does not leaves it alone', async (t) => {
  const { controller, clock, servers } = setUp(t, { mode: 'observe' });
  await clock.advance(1_000);
  assert.equal(controller.view.writer, 'a');
  let answer = 503;
  const patroni = createServer((_, response) => response.writeHead(answer).end());
  await new Promise<void>((resolve) => patroni.listen(0, '127.0.0.1', resolve));
  t.after(() => void patroni.close());
  const { port } = patroni.address() as AddressInfo;
  const reload = (beside: { patroni?: Address }): void => {
    const instances = [testInstance('a', beside), testInstance('b'), testInstance('c')];
    const config = defaultClusterConfig('test', instances, { failover: { mode: 'observe', maxHeld: 100 } });
    controller.reconfigure(config, null, plainClient, 'as the test says');
  };
  const writerIs = (writer: string | null): Promise<unknown> =>
    eventually(`the writer is ${writer}`, async () => {
      await clock.advance(100);
      return controller.view.writer === writer;
    });
  reload({ patroni: { host: '127.0.0.1', port } });
  await writerIs(null);
  assert.match(controller.view.reason ?? '', /^a takes writes, but Patroni on .* HTTP 503$/);
  assert.ok(servers.deeds.includes('close sessions of a'));
  answer = 200;
  await writerIs('a');
  answer = 503;
  await writerIs(null);
  reload({});
  await writerIs('a');
});
