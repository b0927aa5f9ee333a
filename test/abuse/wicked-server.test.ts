import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { instanceId } from '../../src/base/brand.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { type EngineName, OperationFailed, type Target } from '../../src/engines/engine.ts';
import { engines } from '../../src/engines/engines.ts';
import { single, writer } from '../endpoints/support/view.ts';
import type { Peer } from '../proxy/support/peer.ts';
import {
  authenticationOk,
  fatal,
  parameterStatus,
  sslRequest,
  startup,
} from '../proxy/support/postgres-wire.ts';
import { eventually, pause } from '../proxy/support/real-clock.ts';
import { RunningProxy } from '../proxy/support/running-proxy.ts';
import { defaultTls } from '../support/default-tls.ts';
import { within } from '../support/eventually.ts';
import { Innocent } from './support/innocent.ts';
import { drip, WickedServer } from './support/wicked-server.ts';

/** What a server has to answer in; a drip of one byte would take much longer for anything whole. */
const connectTimeoutMs = 300;
const dripMs = 40;
/** One that ends long after its deadline did not end by it. */
const patienceMs = 10_000;
const gigabyte = 2 ** 30;
const calm = single('b');

let running: RunningProxy;
let wicked: WickedServer;
let innocent: Innocent;

/** A proxy whose writer is wicked, and whose other server serves an innocent session. */
async function run(engine: EngineName, act: (socket: Socket) => void, changes: Partial<Endpoint> = {}) {
  const endpoint = writer({ connectTimeoutMs, ...changes });
  wicked = await WickedServer.start(act);
  running = await RunningProxy.start({ engine, endpoints: [endpoint, calm], holdMs: connectTimeoutMs });
  running.change('w', { port: wicked.port });
  const client = running.client(calm);
  if (engine === 'postgres') client.send(startup());
  await client.hears(engine === 'mysql' ? '\x0ab\0' : 'server\0b');
  innocent = new Innocent(client);
  return endpoint;
}

afterEach(async () => {
  await running.stop();
  await wicked.stop();
});

/** The client has been told, in its protocol, and nothing is left of it. */
async function isTold(client: Peer, engine: EngineName): Promise<string> {
  await client.isLeft();
  client.socket.destroy();
  if (engine === 'postgres') assert.match(client.text, /^E[\s\S]{4}SFATAL\0/, 'a PostgreSQL error');
  else assert.equal(client.received[4], 0xff, 'a MySQL error packet');
  assert.match(client.text, /aurelay: /);
  await nothingIsLeft();
  return client.text;
}

async function nothingIsLeft(): Promise<void> {
  await innocent.fare();
  await innocent.stop();
  await eventually(() => wicked.open === 0, 'the wicked server keeps nobody');
  await eventually(() => running.load().endpoints.writer === 0, 'the session is over');
}

const message = (type: string, length: number, body: Uint8Array = Buffer.alloc(0)): Uint8Array => {
  const head = Buffer.alloc(5);
  head.write(type, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, body]);
};
const packet = (length: number, payload: Uint8Array): Uint8Array => {
  const head = Buffer.alloc(4);
  head.writeUIntLE(length, 0, 3);
  return Buffer.concat([head, payload]);
};

type Acts = Readonly<Record<string, (socket: Socket) => void>>;

/** What a server does that may yet come to something: it ends at the deadline. */
const slow: Readonly<Record<EngineName, Acts>> = {
  postgres: {
    'sends one byte now and then, for ever': (socket) =>
      drip(socket, message('E', 200, Buffer.from('S')), dripMs),
    'sends its error without an end': (socket) =>
      socket.write(message('E', 30_000, Buffer.alloc(20_000, 'S'))),
    'closes its side and says nothing': (socket) => socket.end(),
    'says nothing at all': () => {},
  },
  mysql: {
    'sends one byte now and then, for ever': (socket) =>
      drip(socket, packet(200, Uint8Array.of(10, 56)), dripMs),
    'sends its greeting without an end': (socket) => socket.write(packet(1_000, Buffer.from('\n8.0.36'))),
    'closes its side and says nothing': (socket) => socket.end(),
    'says nothing at all': () => {},
  },
};

/** What comes to nothing, by what it announces: nobody waits for the rest, or keeps room for it. */
const absurd: Readonly<Record<EngineName, Acts>> = {
  postgres: {
    'announces an error of a gigabyte': (socket) => socket.write(message('E', gigabyte)),
    'announces a welcome of a gigabyte': (socket) => socket.write(message('R', gigabyte)),
    'announces a message shorter than its length': (socket) => socket.write(message('R', 3)),
    'announces a negative length': (socket) => socket.write(message('R', 2 ** 32 - 1)),
    'sends an error of an old server without an end': (socket) =>
      endless(socket, Buffer.from(`E${'x'.repeat(1_000)}`)),
    'sends fields without an end': (socket) => socket.write(message('E', 30_000, Buffer.alloc(29_996, 'S'))),
  },
  mysql: {
    'announces a greeting of 16 megabytes': (socket) => socket.write(packet(2 ** 24 - 1, Uint8Array.of(10))),
    'announces a greeting of nothing': (socket) => socket.write(packet(0, new Uint8Array(0))),
    'talks on behind its greeting': (socket) => {
      socket.write(packet(30, Buffer.from('\n8.0.36')));
      endless(socket, Buffer.alloc(1_000, 1));
    },
    'sends a version without an end': (socket) => socket.write(packet(1_000, Buffer.alloc(1_000, 10))),
    'sends an error that is cut short': (socket) => socket.write(packet(2, Uint8Array.of(0xff, 1))),
  },
};

/** Writes as long as anybody reads. */
function endless(socket: Socket, bytes: Uint8Array): void {
  const more = () => {
    while (socket.writable && socket.write(bytes));
  };
  socket.on('drain', more);
  more();
}

const kinds = [
  { acts: slow, deadlineMs: connectTimeoutMs },
  // Whoever waits here has a minute, which the test does not.
  { acts: absurd, deadlineMs: 60_000 },
];

for (const engine of ['postgres', 'mysql'] as const) {
  describe(`a wicked ${engine} server`, () => {
    for (const { acts, deadlineMs } of kinds) {
      for (const [what, act] of Object.entries(acts[engine])) {
        it(`that ${what}: its client is told`, async () => {
          const endpoint = await run(engine, act, { connectTimeoutMs: deadlineMs });
          const client = running.client(endpoint);
          if (engine === 'postgres') client.send(startup());
          await isTold(client, engine);
        });

        it(`that ${what}: a probe and a promotion end, and leave nothing`, async () => {
          await run(engine, act);
          const probe = engines[engine].createProbe(target());
          const promoted = engines[engine].createOperations(target()).promote(deadlineMs, null);
          const outcomes = Promise.all([
            assert.rejects(promoted, OperationFailed),
            probe.probe(deadlineMs).then(({ kind }) => assert.equal(kind, 'failed')),
          ]);
          await within('both end', patienceMs, outcomes).finally(() => probe.close());
          await nothingIsLeft();
        });
      }
    }
  });
}

const target = (): Target => ({
  instance: instanceId('w'),
  address: { host: '127.0.0.1', port: wicked.port },
  user: 'aurelay',
  password: 'secret',
  database: 'postgres',
  tls: defaultTls,
});

describe('an encryption request to a wicked server', () => {
  for (const answer of ['X', '\0', 's', 'HTTP/1.1 400', '\u0016']) {
    it(`that answers with ${JSON.stringify(answer)}: its client is told`, async () => {
      const endpoint = await run('postgres', (socket) => socket.once('data', () => socket.write(answer)));
      const client = running.client(endpoint).send(sslRequest);
      // An error can be read in plain only: the request is declined first, and the client asks again.
      await client.hears('N');
      client.send(startup());
      await client.isLeft();
      assert.match(client.text, /^NE[\s\S]{4}SFATAL\0[\s\S]*aurelay: /);
      client.socket.destroy();
      await nothingIsLeft();
    });
  }

  it('that answers twice: the second answer is no part of a new session', async () => {
    const endpoint = await run('postgres', (socket) => socket.once('data', () => socket.write('NN')));
    const client = running.client(endpoint).send(sslRequest);
    await client.hears('N');
    client.send(startup());
    await client.isLeft();
    client.socket.destroy();
    await nothingIsLeft();
  });

  it('that then says nothing more: the client gets its error in time', async () => {
    const endpoint = await run('postgres', (socket) => socket.once('data', () => socket.write('N')));
    const client = running.client(endpoint).send(sslRequest);
    await client.hears('N');
    client.send(startup());
    await client.isLeft();
    assert.match(client.text, /^NE[\s\S]{4}SFATAL\0/);
    client.socket.destroy();
    await nothingIsLeft();
  });
});

describe('a wicked server behind its first answer', () => {
  it('that talks on after an error: the client gets the error, and a close', async () => {
    const error = fatal('28P01', 'no');
    const endpoint = await run('postgres', (socket) => {
      socket.once('data', () => {
        socket.write(error);
        endless(socket, Buffer.alloc(4_096, 'x'));
      });
    });
    const client = running.client(endpoint).send(startup());
    await client.hears('28P01');
    // Whoever reads it is not made to read for ever: the client closes, as drivers do after a fatal error.
    client.socket.end();
    await pause(50);
    client.socket.destroy();
    await nothingIsLeft();
  });

  it('that floods its session: the innocent one is served, and the flood stops with its reader', async () => {
    const endpoint = await run('postgres', (socket) => {
      socket.once('data', () => {
        socket.write(Buffer.concat([authenticationOk, parameterStatus('server', 'w')]));
        endless(socket, Buffer.alloc(64 * 1024, 'x'));
      });
    });
    const client = running.client(endpoint).send(startup());
    await client.hears('server\0w');
    client.stopReading();
    await innocent.fare(50);
    client.socket.destroy();
    await nothingIsLeft();
  });
});
