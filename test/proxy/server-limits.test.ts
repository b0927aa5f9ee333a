import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { custom, reader, writer } from '../endpoints/support/view.ts';
import type { Peer } from './support/peer.ts';
import { startup } from './support/postgres-wire.ts';
import { eventually } from './support/real-clock.ts';
import { type Plan, RunningProxy } from './support/running-proxy.ts';
import type { ScriptedServer } from './support/scripted-server.ts';

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

describe('max_sessions beside max_connecting', () => {
  it('counts no one who waits in line: a storm of short sessions is served, though it is larger than both', async () => {
    const endpoint = writer({ connectTimeoutMs: 60_000 });
    const proxy = await run({
      endpoints: [endpoint],
      serverLimits: { w: { maxSessions: 10, maxConnecting: 2 } },
    });
    proxy.server('w').manner = { kind: 'serve', afterMs: 2 };
    const clients = Array.from({ length: 60 }, () => proxy.client(endpoint));
    await eventually(() => proxy.count('accepted') === 60, 'all are accepted');
    for (const client of clients) {
      client.socket.once('data', () => client.socket.end());
      client.send(startup());
    }
    for (const client of clients) await client.isLeft();
    assert.equal(clients.filter(({ text }) => text.includes('server\0')).length, 60);
    assert.equal(proxy.count('refused server_full'), 0);
    await eventually(() => (proxy.load().sessions.w ?? 0) === 0, 'nobody is left');
  });

  it('refuses those whose turn comes when all places are taken', async () => {
    const endpoint = writer({ connectTimeoutMs: 60_000 });
    const proxy = await run({
      endpoints: [endpoint],
      serverLimits: { w: { maxSessions: 5, maxConnecting: 2 } },
    });
    const server = proxy.server('w');
    server.manner = { kind: 'serve', afterMs: 5 };
    const clients = Array.from({ length: 20 }, () => proxy.client(endpoint).send(startup()));
    await eventually(() => proxy.count('refused server_full') === 15, 'those without a place are told');
    await eventually(
      () => clients.filter(({ text }) => text.includes('server\0')).length === 5,
      'the others stay',
    );
    assert.deepEqual(proxy.load().sessions, { w: 5 });
    assert.equal(server.accepted, 5);
    assert.deepEqual(proxy.dialReports, []);
  });

  it('sends a reader on whose turn comes too late to a member that has room', async () => {
    const endpoint = reader({ connectTimeoutMs: 60_000 });
    const proxy = await run({
      endpoints: [endpoint],
      serverLimits: { a: { maxSessions: 2, maxConnecting: 1 }, b: { maxSessions: 40, maxConnecting: 1 } },
    });
    for (const name of ['a', 'b']) proxy.server(name).manner = { kind: 'serve', afterMs: 5 };
    const clients = Array.from({ length: 20 }, () => proxy.client(endpoint).send(startup()));
    for (const client of clients) await client.hears('server\0');
    assert.deepEqual(proxy.load().sessions, { a: 2, b: 18 });
    assert.equal(proxy.count('refused server_full'), 0);
  });
});

/** Follows how many connections a server has accepted and not answered; returns the most so far. */
function mostUnanswered(server: ScriptedServer): () => number {
  let most = 0;
  server.onAccept = () => {
    most = Math.max(most, server.open.size - server.answered);
  };
  return () => most;
}

describe('max_connecting of an instance', () => {
  it('paces 500 clients that come at once, and serves them in their order', async () => {
    const endpoint = writer({ connectTimeoutMs: 60_000 });
    const proxy = await run({ endpoints: [endpoint], serverLimits: { w: { maxConnecting: 10 } } });
    const server = proxy.server('w');
    server.manner = { kind: 'serve', afterMs: 5 };
    const most = mostUnanswered(server);
    const served: number[] = [];
    const clients = Array.from({ length: 500 }, () => proxy.client(endpoint));
    await eventually(() => proxy.count('accepted') === 500, 'all are accepted', 30_000);
    for (const [i, client] of clients.entries()) {
      client.socket.once('data', () => served.push(i));
      client.send(startup());
    }
    await eventually(() => served.length === 500, 'all are served', 60_000);
    assert.ok(most() <= 10 && most() >= 5, `${most()} at a time`);
    const furthest = Math.max(...served.map((client, at) => Math.abs(client - at)));
    // Ten that are under way may overtake each other; the kernel may shuffle a few more on their way in.
    assert.ok(furthest <= 60, `client ${furthest} places from its own`);
    assert.equal(proxy.load().sessions.w, 500);
    assert.deepEqual(proxy.dialReports, []);
  });

  it('ends in an error in time where the server never answers', async () => {
    const endpoint = reader({ connectTimeoutMs: 800 });
    const proxy = await run({
      servers: ['w', 'a'],
      endpoints: [endpoint],
      serverLimits: { a: { maxConnecting: 3 } },
    });
    const server = proxy.server('a');
    server.manner = { kind: 'freeze' };
    const most = mostUnanswered(server);
    const clients = Array.from({ length: 50 }, () => proxy.client(endpoint).send(startup()));
    for (const client of clients) await client.isLeft();
    assert.ok(
      clients.every(({ text }) => /C08001\0/.test(text)),
      'a proper error for each',
    );
    assert.ok(clients.some(({ text }) => /no turn to connect in time.*max_connecting/.test(text)));
    // The server may hear of one that gave up a little after its successor.
    assert.ok(most() <= 6, `${most()} at a time`);
    assert.ok(proxy.dialReports.length <= 25, 'who had no turn is no evidence against the server');
    assert.deepEqual(proxy.load().sessions, {});
  });

  it('lets those who wait for a writer go elsewhere as soon as there is a new one', async () => {
    const endpoint = writer();
    const proxy = await run({ endpoints: [endpoint], serverLimits: { w: { maxConnecting: 2 } } });
    proxy.server('w').manner = { kind: 'freeze' };
    const clients = Array.from({ length: 20 }, () => proxy.client(endpoint).send(startup()));
    await eventually(() => proxy.load().sessions.w === 20, 'all wait for the writer');
    proxy.setWriter('a', 2);
    for (const client of clients) await client.hears('server\0a\0');
    assert.deepEqual(proxy.load().sessions, { a: 20 });
    await eventually(() => proxy.server('w').accepted <= 2, 'only two had connected');
  });

  it('gives the place of a client that leaves to the next one', async () => {
    const endpoint = writer();
    const proxy = await run({ endpoints: [endpoint], serverLimits: { w: { maxConnecting: 1 } } });
    const server = proxy.server('w');
    server.manner = { kind: 'freeze' };
    const first = proxy.client(endpoint).send(startup());
    await eventually(() => server.startups.length === 1, 'the first is under way');
    const [second, third] = [0, 1].map(() => proxy.client(endpoint).send(startup()));
    await eventually(() => proxy.load().sessions.w === 3, 'the others wait');
    server.manner = { kind: 'serve' };
    second?.socket.destroy();
    first.socket.destroy();
    await third?.hears('server\0');
    assert.equal(server.startups.length, 2);
  });
});
