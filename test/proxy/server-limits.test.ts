import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { custom, reader, writer } from '../endpoints/support/view.ts';
import type { Peer } from './support/peer.ts';
import { startup } from './support/postgres-wire.ts';
import { eventually } from './support/real-clock.ts';
import { type Plan, RunningProxy } from './support/running-proxy.ts';

let running: RunningProxy | null = null;

async function run(plan: Plan): Promise<RunningProxy> {
  running = await RunningProxy.start(plan);
  return running;
}

afterEach(async () => {
  await running?.stop();
  running = null;
});

async function opened(proxy: RunningProxy, endpoint: Endpoint): Promise<Peer> {
  const client = proxy.client(endpoint).send(startup());
  await client.hears('server\0');
  return client;
}

describe('max_sessions of an instance', () => {
  it('holds over all endpoints: others get the rest, and the first too many an error', async () => {
    const [one, other] = [reader(), custom({ members: { kind: 'excluded', instances: [] } })];
    const proxy = await run({
      endpoints: [one, other],
      serverLimits: { a: { maxSessions: 1 }, b: { maxSessions: 3 } },
    });
    const clients: Peer[] = [];
    for (let i = 0; i < 4; i++) clients.push(await opened(proxy, i % 2 === 0 ? one : other));
    assert.deepEqual(proxy.load().sessions, { a: 1, b: 3 });
    const tooMany = proxy.client(one).send(startup());
    await tooMany.isLeft();
    assert.match(
      tooMany.text,
      /C53300\0Maurelay: no server of endpoint "reader" has room .*a: full, b: full/,
    );
    assert.equal(proxy.count('refused server_full'), 1);
    clients[0]?.socket.end();
    await eventually(() => (proxy.load().sessions.a ?? 0) + (proxy.load().sessions.b ?? 0) === 3, 'one ends');
    await opened(proxy, other);
    assert.deepEqual(proxy.load().sessions, { a: 1, b: 3 });
  });

  it('is an error of MySQL where that is spoken', async () => {
    const endpoint = writer();
    const proxy = await run({
      engine: 'mysql',
      endpoints: [endpoint],
      serverLimits: { w: { maxSessions: 1 } },
    });
    await proxy.client(endpoint).hears('\x0aw\0');
    const tooMany = proxy.client(endpoint);
    await tooMany.isLeft();
    assert.equal(tooMany.received.readUInt16LE(5), 1040);
  });

  it('does not make a writer endpoint wait: nothing would change meanwhile', async () => {
    const endpoint = writer();
    const proxy = await run({ endpoints: [endpoint], serverLimits: { w: { maxSessions: 1 } } });
    await opened(proxy, endpoint);
    const tooMany = proxy.client(endpoint).send(startup());
    await tooMany.isLeft();
    assert.match(tooMany.text, /C53300\0/);
    assert.equal(proxy.count('held'), 0);
  });
});
