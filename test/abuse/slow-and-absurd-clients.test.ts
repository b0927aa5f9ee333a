import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { single, writer } from '../endpoints/support/view.ts';
import type { Peer } from '../proxy/support/peer.ts';
import { cancelRequest, gssRequest, sslRequest, startup } from '../proxy/support/postgres-wire.ts';
import { eventually, pause } from '../proxy/support/real-clock.ts';
import { RunningProxy } from '../proxy/support/running-proxy.ts';
import { Innocent } from './support/innocent.ts';

const handshakeTimeoutMs = 400;
/** Slow enough that no message is whole in time, fast enough to show progress all the while. */
const dripMs = 100;
const calm = single('b');

let running: RunningProxy;
let innocent: Innocent;

async function run(changes: Parameters<typeof writer>[0] = { handshakeTimeoutMs }) {
  const endpoint = writer(changes);
  running = await RunningProxy.start({ endpoints: [endpoint, calm], holdMs: 200 });
  const client = running.client(calm).send(startup());
  await client.hears('server\0b');
  innocent = new Innocent(client);
  return endpoint;
}

afterEach(() => running.stop());

async function nothingIsLeft(): Promise<void> {
  await innocent.fare();
  await innocent.stop();
  await eventually(() => running.load().endpoints.writer === 0, 'no session is left');
  await eventually(() => running.server('w').open.size === 0, 'the server keeps nobody');
}

/** A whole client hello, of the size that browsers and drivers send. */
const tlsHello = Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1]), Buffer.alloc(511)]);

/** What is said at once, so that each byte of a handshake is the one that the client dawdles over. */
const dawdlers: Readonly<Record<string, Uint8Array>> = {
  'a startup message': startup(),
  'an encryption request': sslRequest,
  "an encryption request of GSS's": gssRequest,
  'a cancel request': cancelRequest,
  'a TLS hello': tlsHello.subarray(0, 12),
  'a goodbye': Uint8Array.of(0x58, 0, 0, 0, 4),
};

describe('a client that dawdles', () => {
  for (const [what, bytes] of Object.entries(dawdlers)) {
    it(`over any byte of ${what} has no more time than one that says nothing`, async () => {
      const endpoint = await run();
      const clients = Array.from({ length: bytes.length }, (_, said) =>
        running.client(endpoint).send(bytes.subarray(0, said)),
      );
      await Promise.all(clients.map((client) => client.isLeft()));
      for (const { text } of clients) assert.match(text, /^E[\s\S]{4}SFATAL\0[\s\S]*aurelay: /);
      for (const { socket } of clients) socket.destroy();
      await nothingIsLeft();
    });
  }

  it('with a byte now and then gets no second time', async () => {
    const endpoint = await run();
    const clients = [startup('u'.repeat(200)), tlsHello].map((bytes) =>
      dawdle(running.client(endpoint), bytes),
    );
    await Promise.all(clients.map(({ client }) => client.isLeft()));
    for (const { said } of clients) assert.ok(said() < 40, `it was let say ${said()} bytes`);
    for (const { client } of clients) client.socket.destroy();
    await nothingIsLeft();
  });

  it('between a declined encryption request and its startup holds its server no longer', async () => {
    const endpoint = await run();
    const client = running.client(endpoint).send(sslRequest);
    await client.hears('N');
    dawdle(client, startup('u'.repeat(200)));
    await client.isLeft();
    assert.match(client.text, /^NE[\s\S]{4}SFATAL\0/);
    client.socket.destroy();
    await nothingIsLeft();
  });

  for (const has of ['a server', 'no server']) {
    it(`over encryption requests, one after the other, is told after the second: ${has}`, async () => {
      const endpoint = await run();
      if (has === 'no server') running.setWriter(null);
      const client = running.client(endpoint);
      for (const request of [gssRequest, sslRequest, sslRequest]) {
        const heard = client.length;
        client.send(request);
        await eventually(() => client.length > heard || client.isOver, 'it has an answer');
      }
      await client.isLeft();
      assert.match(client.text, /^NNE[\s\S]{4}SFATAL\0/);
      client.socket.destroy();
      await nothingIsLeft();
    });
  }
});

/** Says `bytes` one at a time, until it has said them or is let go. */
function dawdle(client: Peer, bytes: Uint8Array): { readonly client: Peer; said(): number } {
  let said = 0;
  const timer = setInterval(() => {
    if (client.isOver || said >= bytes.length) clearInterval(timer);
    else client.send(bytes.subarray(said, ++said));
  }, dripMs);
  client.socket.on('close', () => clearInterval(timer));
  return { client, said: () => said };
}

const uint32 = (...values: readonly number[]): Uint8Array => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * index);
  return bytes;
};
const protocol3 = 196_608;
const tlsCode = 80_877_103;
const cancelCode = 80_877_102;

/** What is refused at once, by what it announces: nobody waits for the rest, or keeps room for it. */
const absurd: Readonly<Record<string, Uint8Array>> = {
  'a startup message of a gigabyte': uint32(2 ** 30, protocol3),
  'a startup message of 4 gigabytes': uint32(2 ** 32 - 1, protocol3),
  'a startup message of 2 gigabytes, which some take for a negative length': uint32(2 ** 31, protocol3),
  'a startup message one byte too long': uint32(10_005, protocol3),
  'a startup message that ends in its length': uint32(4),
  'a startup message of nothing': uint32(0),
  'a startup message without parameters or their end': uint32(8, protocol3),
  'an encryption request of a gigabyte': uint32(2 ** 30, tlsCode),
  'an encryption request one byte too long': uint32(9, tlsCode),
  'a cancel request with a key of 9,000 bytes': uint32(9_012, cancelCode),
  'a cancel request without a key': uint32(12, cancelCode, 7),
  'a TLS hello of more than a record': Buffer.from([0x16, 3, 1, 0x7f, 0xff, 1]),
  'a TLS hello of nothing': Buffer.from([0x16, 3, 1, 0, 0]),
};

describe('a client that announces something absurd', () => {
  for (const [what, bytes] of Object.entries(absurd)) {
    it(`is told at once: ${what}`, async () => {
      // Whoever is waited for has a minute, which the test does not.
      const endpoint = await run({ handshakeTimeoutMs: 60_000 });
      const client = running.client(endpoint).send(bytes);
      await client.isLeft();
      assert.match(client.text, /^E[\s\S]{4}SFATAL\0[\s\S]*aurelay: /);
      client.socket.destroy();
      await nothingIsLeft();
      assert.equal(running.server('w').accepted, 0);
    });
  }

  it('and sends it all is not listened to, and cut off', async () => {
    const endpoint = await run({ handshakeTimeoutMs: 60_000 });
    const client = running.client(endpoint).send(uint32(2 ** 30, protocol3));
    const chunk = Buffer.alloc(64 * 1024, 'x');
    while (!client.socket.destroyed && client.socket.bytesWritten < 2 ** 28) {
      if (!client.socket.write(chunk)) await pause(1);
    }
    assert.ok(client.socket.destroyed, `${client.socket.bytesWritten} bytes were read`);
    client.socket.destroy();
    await nothingIsLeft();
  });
});
