import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { reader, writer } from '../endpoints/support/view.ts';
import { eachRelay } from './support/each-relay.ts';
import { startup } from './support/postgres-wire.ts';
import { eventually, pause } from './support/real-clock.ts';
import { RunningProxy } from './support/running-proxy.ts';

let running: RunningProxy | null = null;

afterEach(async () => {
  await running?.stop();
  running = null;
});

describe('idle_timeout of an endpoint', () => {
  for (const { name, skip, create } of eachRelay) {
    it(`ends its idle sessions, and those of no other endpoint: ${name}`, { skip }, async () => {
      const [bounded, free] = [writer({ idleTimeoutMs: 300 }), reader()];
      running = await RunningProxy.start({ endpoints: [bounded, free], relay: create() });
      const [idle, other] = [running.client(bounded), running.client(free)];
      for (const client of [idle, other]) await client.send(startup()).hears('server\0');
      await idle.isLeft();
      await eventually(
        () => running?.events.some((event) => event.startsWith('closed w idle-timeout ')) ?? false,
        'the session is reported as idle',
      );
      await eventually(() => running?.server('w').open.size === 0, 'the server is let go too');
      other.send('still here');
      await other.hears('heard still here');
      assert.deepEqual(running.load().endpoints, { writer: 0, reader: 1 });
    });

    it(`leaves a session alone while one side speaks: ${name}`, { skip }, async () => {
      const endpoint = writer({ idleTimeoutMs: 1_000 });
      running = await RunningProxy.start({ endpoints: [endpoint], relay: create() });
      const client = running.client(endpoint).send(startup());
      await client.hears('server\0');
      const [server] = running.server('w').startups;
      for (let i = 0; i < 30; i++) {
        server?.send('.');
        await pause(50);
      }
      assert.equal(client.fate, 'open');
    });
  }
});
