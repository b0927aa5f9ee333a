import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { reader, single, writer } from '../endpoints/support/view.ts';
import { eachRelay } from '../proxy/support/each-relay.ts';
import type { Peer } from '../proxy/support/peer.ts';
import {
  authenticationOk,
  cancelRequest,
  fatal,
  parameterStatus,
  sslRequest,
  startup,
} from '../proxy/support/postgres-wire.ts';
import { eventually, pause } from '../proxy/support/real-clock.ts';
import { type Plan, RunningProxy } from '../proxy/support/running-proxy.ts';
import { Innocent } from './support/innocent.ts';
import { WickedServer } from './support/wicked-server.ts';

/** Long enough for a few bytes to get through before a reset overtakes them. */
const travelMs = 3;

let running: RunningProxy;
let wicked: WickedServer | null = null;
let innocent: Innocent;

/** Beside everything: a session of an endpoint of its own. */
const calm = single('b');

async function run(plan: Plan): Promise<void> {
  running = await RunningProxy.start({ ...plan, endpoints: [...plan.endpoints, calm] });
  const client = running.client(calm);
  if (plan.engine !== 'mysql') client.send(startup());
  await client.hears(plan.engine === 'mysql' ? '\x0ab\0' : 'server\0b');
  innocent = new Innocent(client);
}

afterEach(async () => {
  await wicked?.stop();
  wicked = null;
  await running.stop();
});

/** Nothing is left but the innocent session, which had its answers all the while. */
async function nothingIsLeft(): Promise<void> {
  await innocent.fare();
  await innocent.stop();
  await eventually(
    () => Object.entries(running.load().endpoints).every(([id, count]) => count === (id === calm.id ? 1 : 0)),
    'no session is left of those that were reset',
  );
  await eventually(
    () => [...running.servers.values()].every(({ name, open }) => open.size === (name === 'b' ? 1 : 0)),
    'no server keeps a connection',
  );
  assert.deepEqual(running.load().sessions, { b: 1 });
  assert.ok(Object.values(running.load().held).every((held) => held === 0));
}

async function resetAfter(client: Peer, bytes: Uint8Array): Promise<void> {
  await eventually(() => !client.socket.connecting, 'it is connected');
  if (bytes.length > 0) client.send(bytes);
  await pause(travelMs);
  client.socket.resetAndDestroy();
}

const starts: Readonly<Record<string, Uint8Array>> = {
  'a startup message, and more behind it': Buffer.concat([startup(), Buffer.from('hello')]),
  'an encryption request, and the startup behind it': Buffer.concat([sslRequest, startup()]),
  'a cancel request': cancelRequest,
};

for (const { name, skip, create } of eachRelay) {
  describe(`a client that resets its connection: ${name}`, { skip }, () => {
    for (const [what, bytes] of Object.entries(starts)) {
      it(`after each byte of ${what}`, async () => {
        const endpoint = writer();
        await run({ endpoints: [endpoint], relay: create() });
        for (let length = 0; length <= bytes.length; length++) {
          await resetAfter(running.client(endpoint), bytes.subarray(0, length));
        }
        await nothingIsLeft();
      });
    }

    it('after each byte that it says to a MySQL server', async () => {
      const endpoint = writer();
      await run({ engine: 'mysql', endpoints: [endpoint], relay: create() });
      const login = Buffer.concat([Buffer.from([32, 0, 0, 1]), Buffer.alloc(32, 1)]);
      for (let length = 0; length <= login.length; length++) {
        const client = running.client(endpoint);
        // Every other one does not wait for the greeting.
        if (length % 2 === 0) await client.hears('\x0aw\0');
        await resetAfter(client, login.subarray(0, length));
      }
      await nothingIsLeft();
    });
  });
}

describe('a client that resets its connection', () => {
  it('while its server is dialled, or asked, or has no turn yet', async () => {
    const endpoint = writer({ connectTimeoutMs: 60_000 });
    await run({ endpoints: [endpoint], serverLimits: { w: { maxConnecting: 4 } } });
    running.server('w').manner = { kind: 'freeze' };
    for (let round = 0; round < 5; round++) {
      await Promise.all(Array.from({ length: 12 }, () => resetAfter(running.client(endpoint), startup())));
    }
    await nothingIsLeft();
  });

  it('while it waits for a writer', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    running.setWriter(null);
    const clients = Array.from({ length: 20 }, () => running.client(endpoint).send(startup()));
    await eventually(() => running.load().held.writer === 20, 'all wait');
    for (const { socket } of clients) socket.resetAndDestroy();
    await nothingIsLeft();
    assert.equal(running.count('unheld released'), 0);
  });
});

/** Of a server, whole; what a client is to have of it after so many bytes of it and a reset. */
interface Words {
  readonly engine: 'postgres' | 'mysql';
  readonly bytes: Uint8Array;
  /** From this byte on a session has begun, and ends with its server. */
  readonly begunAt: number;
}

const mysqlGreeting = Buffer.concat([
  Buffer.from([43, 0, 0, 0, 10]),
  Buffer.from('a\0'),
  Buffer.alloc(40, 1),
]);
const words: Readonly<Record<string, Words>> = {
  "PostgreSQL's welcome": {
    engine: 'postgres',
    bytes: Buffer.concat([authenticationOk, parameterStatus('server', 'a')]),
    begunAt: authenticationOk.length,
  },
  // A temporary error, which sends the client to the next server whether or not it came whole.
  "PostgreSQL's refusal": {
    engine: 'postgres',
    bytes: fatal('57P03', 'the database system is starting up'),
    begunAt: Number.POSITIVE_INFINITY,
  },
  "MySQL's greeting": { engine: 'mysql', bytes: mysqlGreeting, begunAt: 44 },
};

describe('a server that resets its connections', () => {
  for (const [what, { engine, bytes, begunAt }] of Object.entries(words)) {
    it(`after each byte of ${what}`, async () => {
      const endpoint = reader({ balance: 'random' });
      await run({ engine, endpoints: [endpoint] });
      let length = 0;
      const answer = (socket: Socket) => {
        socket.write(bytes.subarray(0, length));
        setTimeout(() => socket.resetAndDestroy(), travelMs);
      };
      wicked = await WickedServer.start((socket) => {
        if (engine === 'mysql') answer(socket);
        else socket.once('data', () => answer(socket));
      });
      running.change('a', { port: wicked.port });
      for (; length <= bytes.length; length++) {
        const met = wicked.accepted;
        while (wicked.accepted === met) {
          const client = running.client(endpoint);
          if (engine === 'postgres') client.send(startup());
          await eventually(
            () => client.isOver || client.text.includes(engine === 'mysql' ? '\x0ab\0' : 'server\0b'),
            `a client is served or let go after ${length} bytes`,
          );
          if (wicked.accepted > met && length < begunAt)
            assert.ok(!client.isOver, `after ${length} bytes the other server has the session`);
          client.socket.destroy();
        }
      }
      await eventually(() => wicked?.open === 0, 'nothing is kept');
      await nothingIsLeft();
    });
  }
});
