import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { type SentEvent, ServerSentEvents } from '../../src/admin/server-sent-events.ts';
import { clusterEvent, fakeControls } from './fake-controls.ts';
import { rawConnection, runAdmin, until } from './running-admin.ts';

const timeout = 30_000;

// HTTP/1.0: the answer is then not cut into chunks, whose sizes would stand between the events.
const ask = (path: string, headers: readonly string[] = []) =>
  `${[`GET ${path} HTTP/1.0`, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n`;

/** Everything that a stream brings, as text and as events. */
function collect(socket: Socket): { text: () => string; events: SentEvent[]; ended: () => boolean } {
  const parser = new ServerSentEvents();
  const events: SentEvent[] = [];
  let text = '';
  let ended = false;
  socket.on('data', (chunk) => {
    text += chunk;
    events.push(...parser.push(String(chunk)));
  });
  socket.on('close', () => {
    ended = true;
  });
  return { text: () => text, events, ended: () => ended };
}

const ids = (events: readonly SentEvent[]) => events.map(({ id }) => Number(id));

test('events that were kept come first, then each new one', { timeout }, async (t) => {
  const controls = fakeControls();
  controls.emit();
  const kept = controls.emit({ name: 'failover.completed', details: { kind: 'failover', lost: null } });
  const { admin } = await runAdmin(t, controls);
  const socket = rawConnection(t, admin);
  const stream = collect(socket);
  socket.write(ask('/api/v1/events'));
  await until(() => stream.events.length === 2);
  assert.match(stream.text(), /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(stream.text(), /content-type: text\/event-stream/i);
  assert.match(stream.text(), /cache-control: no-store/i);
  assert.deepEqual(stream.events[1], { id: '2', name: 'failover.completed', data: JSON.stringify(kept) });
  controls.emit();
  await until(() => stream.events.length === 3);
  assert.deepEqual(ids(stream.events), [1, 2, 3]);

  socket.destroy();
  await until(() => controls.listeners.size === 0);
});

test('since and Last-Event-ID say where to begin, and the header wins', { timeout }, async (t) => {
  const controls = fakeControls();
  for (let at = 0; at < 5; at++) controls.emit();
  const { admin, url } = await runAdmin(t, controls);
  const begin = async (path: string, headers: readonly string[] = []) => {
    const socket = rawConnection(t, admin);
    const stream = collect(socket);
    const before = controls.listeners.size;
    socket.write(ask(path, headers));
    await until(() => controls.listeners.size === before + 1);
    return stream;
  };
  const query = await begin('/api/v1/events?since=3');
  const header = await begin('/api/v1/events', ['Last-Event-ID: 4']);
  const both = await begin('/api/v1/events?since=1', ['Last-Event-ID: 5']);
  const restarted = await begin('/api/v1/events?since=900');
  controls.emit();
  await until(() => [query, header, both, restarted].every(({ events }) => ids(events).includes(6)));
  assert.deepEqual(ids(query.events), [4, 5, 6]);
  assert.deepEqual(ids(header.events), [5, 6]);
  assert.deepEqual(ids(both.events), [6]);
  assert.deepEqual(ids(restarted.events), [1, 2, 3, 4, 5, 6]);

  for (const since of ['x', '-1', '1.5']) {
    assert.equal((await fetch(`${url}/api/v1/events?since=${since}`)).status, 400, since);
  }
});

test('the kept events come as a list where nobody follows', { timeout }, async (t) => {
  const controls = fakeControls();
  controls.emit();
  const second = controls.emit();
  const { url } = await runAdmin(t, controls);
  const response = await fetch(`${url}/api/v1/events?follow=false&since=1`);
  assert.deepEqual(await response.json(), { events: [second] });
  const head = await fetch(`${url}/api/v1/events`, { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(controls.listeners.size, 0);
});

test('a quiet stream has a heartbeat', { timeout }, async (t) => {
  const { admin } = await runAdmin(t, fakeControls(), { events: { heartbeatMs: 10 } });
  const socket = rawConnection(t, admin);
  const stream = collect(socket);
  socket.write(ask('/api/v1/events'));
  await until(() => (stream.text().match(/^:\n\n/gm) ?? []).length >= 3);
  assert.deepEqual(stream.events, []);
});

test('only so many may subscribe', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin, url } = await runAdmin(t, controls, { events: { maxSubscribers: 2 } });
  const [first, second] = [rawConnection(t, admin), rawConnection(t, admin)];
  for (const socket of [first, second]) socket.write(ask('/api/v1/events'));
  await until(() => controls.listeners.size === 2);
  const third = await fetch(`${url}/api/v1/events`);
  assert.equal(third.status, 503);
  assert.match(await third.text(), /too_many_subscribers/);
  first.destroy();
  await until(() => controls.listeners.size === 1);
  const fourth = rawConnection(t, admin);
  fourth.write(ask('/api/v1/events'));
  await until(() => controls.listeners.size === 2);
});

test('a subscriber that does not read is cut, the others miss nothing', { timeout }, async (t) => {
  const controls = fakeControls();
  const { admin } = await runAdmin(t, controls, { events: { maxBufferedBytes: 256 * 1024 } });
  const slow = rawConnection(t, admin);
  const fast = rawConnection(t, admin);
  const stream = collect(fast);
  slow.pause();
  for (const socket of [slow, fast]) socket.write(ask('/api/v1/events'));
  await until(() => controls.listeners.size === 2);
  const message = 'x'.repeat(64 * 1024);
  let sent = 0;
  // More than the kernel's buffers can take, or the test ends by its timeout.
  while (controls.listeners.size === 2) {
    sent += 1;
    for (const listener of controls.listeners) listener(clusterEvent({ seq: sent, message }));
    await until(() => stream.events.length === sent);
  }
  assert.equal(controls.listeners.size, 1);
  assert.equal(stream.ended(), false);
  assert.deepEqual(
    ids(stream.events),
    Array.from({ length: sent }, (_, at) => at + 1),
  );
});
