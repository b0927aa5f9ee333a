import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { scopeOf } from '../support/scope.ts';
import { CutRelay, type Direction } from './cut-relay.ts';

/** Long enough for a few bytes on this machine to arrive, if they were ever going to. */
const graceMs = 150;

interface End {
  readonly socket: Socket;
  readonly heard: () => string;
  readonly closed: () => boolean;
}

function endOf(socket: Socket): End {
  let heard = '';
  let closed = false;
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    heard += chunk.toString();
  });
  socket.on('close', () => {
    closed = true;
  });
  return { socket, heard: () => heard, closed: () => closed };
}

async function setScene(t: TestContext) {
  const scope = scopeOf(t);
  const accepted: End[] = [];
  const server = createServer((socket) => accepted.push(endOf(socket)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.after(async () => {
    for (const { socket } of accepted) socket.destroy();
    server.close();
  });
  const relay = await CutRelay.start(scope, (server.address() as AddressInfo).port);
  const open = (): End => {
    const end = endOf(connect({ host: '127.0.0.1', port: relay.port }));
    scope.after(async () => void end.socket.destroy());
    return end;
  };
  const pair = async () => {
    const count = accepted.length;
    const client = open();
    const found = await eventually('the server has the connection', () => accepted[count] ?? null);
    return { client, server: found };
  };
  return { relay, open, pair, accepted };
}

describe('the relay that cuts', () => {
  it('carries both ways, and an end', async (t) => {
    const { pair } = await setScene(t);
    const { client, server } = await pair();
    client.socket.write('ping');
    await eventually('the server hears', () => server.heard() === 'ping');
    server.socket.end('pong');
    await eventually('the client hears', () => client.heard() === 'pong');
    await eventually('both are closed', () => client.closed() && server.closed());
  });

  const cuts: readonly { directions: readonly Direction[]; server: string; client: string }[] = [
    { directions: ['to-server', 'to-client'], server: '', client: '' },
    { directions: ['to-server'], server: '', client: 'b' },
    { directions: ['to-client'], server: 'a', client: '' },
  ];
  for (const { directions, ...during } of cuts) {
    it(`cut ${directions.join(' and ')}: silence there, and everything after it heals`, async (t) => {
      const { relay, pair } = await setScene(t);
      const { client, server } = await pair();
      relay.cut(directions);
      client.socket.write('a');
      server.socket.write('b');
      await sleep(graceMs);
      assert.deepEqual({ server: server.heard(), client: client.heard() }, during);
      relay.heal();
      await eventually('all arrives', () => server.heard() === 'a' && client.heard() === 'b');
    });
  }

  it('hides that the other side has broken, until it heals', async (t) => {
    const { relay, pair } = await setScene(t);
    const { client, server } = await pair();
    relay.cut();
    server.socket.resetAndDestroy();
    await sleep(graceMs);
    assert.equal(client.closed(), false);
    relay.heal();
    await eventually('the client learns of it', client.closed);
  });

  it('lets no new connection through a cut', async (t) => {
    const { relay, open, accepted } = await setScene(t);
    relay.cut(['to-client']);
    const client = open();
    client.socket.write('a');
    await sleep(graceMs);
    assert.equal(accepted.length, 0);
    assert.equal(client.closed(), false);
    relay.heal();
    await eventually('it goes on', () => accepted[0]?.heard() === 'a');
  });

  it('refuses, and breaks what there is', async (t) => {
    const { relay, open, pair } = await setScene(t);
    const { client } = await pair();
    relay.refuse();
    await eventually('the connection is broken', client.closed);
    const late = open();
    await eventually('a new one is refused', late.closed);
  });

  it('delays, in order', async (t) => {
    const { relay, pair } = await setScene(t);
    const { client, server } = await pair();
    relay.delay(100);
    const startedAt = performance.now();
    for (const part of ['a', 'b', 'c']) {
      client.socket.write(part);
      await sleep(5);
    }
    relay.delay(0);
    client.socket.write('d');
    await eventually('all arrives', () => server.heard() === 'abcd');
    assert.ok(performance.now() - startedAt >= 100);
  });

  it('breaks off a connection to a server that is not there', async (t) => {
    const scope = scopeOf(t);
    const relay = await CutRelay.start(scope, 1);
    const client = endOf(connect({ host: '127.0.0.1', port: relay.port }));
    await eventually('it is broken off', client.closed);
  });

  it('makes a sender wait that is faster than its reader', async (t) => {
    const { pair } = await setScene(t);
    const { client, server } = await pair();
    server.socket.pause();
    const megabyte = Buffer.alloc(1 << 20, 'x');
    for (let count = 0; count < 32; count++) client.socket.write(megabyte);
    await sleep(graceMs);
    assert.ok(client.socket.writableLength > 0, 'the rest waits where it comes from');
    server.socket.resume();
    await eventually('all arrives', () => server.heard().length === 32 << 20);
  });
});
