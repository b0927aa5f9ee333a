import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { ClusterJson } from '../../src/admin/api.ts';
import { differsAtAGlance } from '../../src/admin/seen-at-a-glance.ts';
import { type SentEvent, ServerSentEvents } from '../../src/admin/server-sent-events.ts';
import { clusterId, epoch, instanceId } from '../../src/base/brand.ts';
import { clusterConfig, clusterView, fakeControls, instanceView } from './fake-controls.ts';
import { about, rawConnection, runAdmin, until } from './running-admin.ts';

const timeout = 30_000;
/** Longer than any test: what is to come at its own time does not come by this one. */
const never = 1_000_000;

const request = 'GET /api/v1/live HTTP/1.0\r\nHost: localhost\r\n\r\n';

function follow(socket: Socket): {
  readonly events: SentEvent[];
  of(name: string): SentEvent[];
  picture(): ClusterJson[];
} {
  const parser = new ServerSentEvents();
  const events: SentEvent[] = [];
  socket.on('data', (chunk) => void events.push(...parser.push(String(chunk))));
  socket.write(request);
  const of = (name: string) => events.filter((event) => event.name === name);
  return { events, of, picture: () => JSON.parse(of('clusters').at(-1)?.data ?? '[]') as ClusterJson[] };
}

test('a page is greeted, gets the whole picture, and each change of it', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls, { live: { everyMs: never } });
  const page = follow(rawConnection(t, admin));
  await until(() => page.of('clusters').length === 1);
  assert.deepEqual(
    page.events.map(({ name }) => name),
    ['hello', 'clusters'],
  );
  const hello = JSON.parse(page.events[0]?.data ?? '') as Record<string, string>;
  assert.equal(hello.version, about.version);
  assert.ok(hello.process);
  assert.equal(hello.started_at, about.started_at);
  assert.equal(page.picture()[0]?.writer, 'orders-1');

  controls.change('orders', { writer: instanceId('orders-2'), epoch: epoch(8) });
  await until(() => page.of('clusters').length === 2);
  assert.equal(page.picture()[0]?.writer, 'orders-2');

  controls.emit({ name: 'failover.completed' });
  await until(() => page.of('event').length === 1);
  assert.equal(JSON.parse(page.of('event')[0]?.data ?? '').name, 'failover.completed');
});

test('many changes at once are one picture, and the last of them is in it', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls, { live: { everyMs: never, coalesceMs: 50 } });
  const page = follow(rawConnection(t, admin));
  await until(() => page.of('clusters').length === 1);
  for (let at = 1; at <= 200; at += 1) controls.change('orders', { epoch: epoch(100 + at) });
  await until(() => page.picture()[0]?.epoch === 300);
  assert.ok(page.of('clusters').length <= 3, `${page.of('clusters').length} pictures`);
});

test('sessions come with the next look, and where nothing changed nothing is sent', {
  timeout,
}, async (t) => {
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls, { live: { everyMs: 10, coalesceMs: never } });
  const page = follow(rawConnection(t, admin));
  await until(() => page.of('clusters').length === 1);
  controls.sessions.set('writer', 12);
  controls.placed.set('writer', [[instanceId('orders-1'), 12]]);
  await until(() => page.of('clusters').length === 2);
  const writer = page.picture()[0]?.endpoints[0];
  assert.equal(writer?.sessions, 12);
  assert.deepEqual(writer?.sessions_by_instance, { 'orders-1': 12 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(page.of('clusters').length, 2);
});

test('who comes later gets the picture as it is then, a cluster more included', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls, { live: { everyMs: never } });
  const first = follow(rawConnection(t, admin));
  await until(() => first.of('clusters').length === 1);
  controls.sessions.set('writer', 3);
  controls.add(clusterConfig('shop', 1), clusterView('shop', 1));
  const second = follow(rawConnection(t, admin));
  await until(() => second.picture().length === 2);
  assert.equal(second.picture()[0]?.endpoints[0]?.sessions, 3);
});

test('a page hears a beat where nothing happens', { timeout }, async (t) => {
  const { admin } = await runAdmin(t, fakeControls(), { live: { heartbeatMs: 10 } });
  const page = follow(rawConnection(t, admin));
  await until(() => page.of('beat').length >= 3);
});

test('nobody there, nothing watched; and only so many may be', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin, url } = await runAdmin(t, controls, { live: { maxSubscribers: 1 } });
  assert.equal(controls.viewListeners.size, 0);
  const socket = rawConnection(t, admin);
  const page = follow(socket);
  await until(() => page.of('clusters').length === 1);
  const refused = await fetch(`${url}/api/v1/live`);
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /too_many_subscribers/);
  socket.destroy();
  await until(() => controls.viewListeners.size === 0 && controls.listeners.size === 0);
  const again = follow(rawConnection(t, admin));
  await until(() => again.of('clusters').length === 1);
  assert.equal((await fetch(`${url}/api/v1/live`, { method: 'HEAD' })).status, 200);
});

test('a page that does not read is cut, the others miss nothing', { timeout }, async (t) => {
  const controls = fakeControls();
  const live = { maxBufferedBytes: 256 * 1024, everyMs: never };
  const { admin } = await runAdmin(t, controls, { live });
  const slow = rawConnection(t, admin);
  slow.pause();
  slow.write(request);
  const fast = follow(rawConnection(t, admin));
  await until(() => fast.of('clusters').length === 1);
  let sent = 0;
  let cut = false;
  slow.on('close', () => {
    cut = true;
  });
  // More than the kernel's buffers can take, or the test ends by its timeout. A paused socket learns of its end late.
  while (!cut && sent < 400) {
    sent += 1;
    controls.emit({ message: 'x'.repeat(64 * 1024) });
    await until(() => fast.of('event').length === sent);
    if (sent === 399) slow.resume();
  }
  const shown = fast.of('event').map(({ data }) => (JSON.parse(data) as { seq: number }).seq);
  assert.deepEqual(
    shown,
    Array.from({ length: sent }, (_, at) => at + 1),
  );
  await until(() => cut);
});

test('what has to be seen at once, and what may wait', () => {
  const before = clusterView('orders', 2);
  const other = (changes: object) => {
    const [first] = before.instances.values();
    assert(first !== undefined);
    const id = first.instance.id;
    return { ...before, instances: new Map([...before.instances, [id, { ...first, ...changes }]]) };
  };
  assert.equal(differsAtAGlance(undefined, before), true);
  assert.equal(differsAtAGlance(before, { ...before }), false);
  assert.equal(differsAtAGlance(before, other({ lagSeconds: 7, position: '1/0/6' })), false);
  const lost = { ...before, instances: new Map([...before.instances].slice(1)) };
  const third = instanceView(instanceId('orders-9'), 1);
  const swapped = { ...lost, instances: new Map([...lost.instances, [third.instance.id, third]]) };
  for (const [what, after] of Object.entries({
    writer: { ...before, writer: null },
    phase: { ...before, phase: 'suspect' as const },
    epoch: { ...before, epoch: epoch(8) },
    reason: { ...before, reason: 'why' },
    role: other({ role: null }),
    health: other({ health: 'down' }),
    drained: other({ drained: true }),
    deposed: other({ deposed: true }),
    replicating: other({ replicating: false }),
    lost,
    swapped,
  })) {
    assert.equal(differsAtAGlance(before, after), true, what);
  }
  assert.equal(clusterId('orders'), before.cluster);
});
