import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, before, describe, it } from 'node:test';
import { createSecureContext, type SecureVersion, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { plainClient } from '../../src/tls/tls-client.ts';
import type { TlsIdentity } from '../../src/tls/tls-identity.ts';
import { single, writer } from '../endpoints/support/view.ts';
import { Peer } from '../proxy/support/peer.ts';
import { sslRequest, startup } from '../proxy/support/postgres-wire.ts';
import { eventually } from '../proxy/support/real-clock.ts';
import { RunningProxy } from '../proxy/support/running-proxy.ts';
import { certificateMissing, makeCertificate } from '../support/certificate.ts';
import { realClientHello } from '../support/client-hello.ts';
import { Innocent } from './support/innocent.ts';
import { breakTls } from './support/tls-bytes.ts';
import { drip } from './support/wicked-server.ts';

const handshakeTimeoutMs = 400;
const dripMs = 50;
const calm = single('b');

describe('where Aurelay ends TLS, a client', { skip: certificateMissing(), timeout: 60_000 }, () => {
  let identity: Pick<TlsIdentity, 'context' | 'certificate'>;
  let running: RunningProxy;
  let innocent: Innocent;

  before(async () => {
    const { certificate, key } = await makeCertificate({ after: () => {} });
    identity = {
      context: createSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' }),
      certificate: new X509Certificate(certificate).raw,
    };
  });
  afterEach(() => running.stop());

  /** The innocent one speaks TLS too. */
  async function run(changes: Parameters<typeof writer>[0]) {
    const endpoint = writer(changes);
    running = await RunningProxy.start({
      endpoints: [endpoint, calm],
      holdMs: 200,
      terminationOf: () => ({ isRequired: true, identity, servers: plainClient, encryptServer: null }),
    });
    const { client } = await open(calm);
    await client.send(startup()).hears('server\0b');
    innocent = new Innocent(client);
    return endpoint;
  }

  async function begin(endpoint: typeof calm): Promise<Peer> {
    const client = running.client(endpoint).send(sslRequest);
    await client.hears('S');
    return client;
  }

  async function open(endpoint: typeof calm, maxVersion: SecureVersion = 'TLSv1.3') {
    const plain = await begin(endpoint);
    plain.socket.removeAllListeners('data');
    const socket: TLSSocket = tlsConnect({ socket: plain.socket, rejectUnauthorized: false, maxVersion });
    const client = new Peer(socket);
    running.clients.push(client);
    await once(socket, 'secureConnect');
    return { client, socket, plain };
  }

  async function nothingIsLeft(): Promise<void> {
    await innocent.fare();
    await innocent.stop();
    await eventually(() => running.load().endpoints.writer === 0, 'no session is left');
    await eventually(() => running.server('w').open.size === 0, 'the server keeps nobody');
  }

  it('that drips its hello, or stops in the middle of the handshake, has no more time than others', async () => {
    const endpoint = await run({ handshakeTimeoutMs });
    const hello = await realClientHello('localhost');
    const clients = await Promise.all(Array.from({ length: 12 }, () => begin(endpoint)));
    const [dripping, dawdling, ...stopping] = clients as [Peer, Peer, ...Peer[]];
    drip(dripping.socket, hello, dripMs);
    // All but the last bytes at once, so that a record and its message lack little.
    dawdling.send(hello.subarray(0, -2));
    for (const [index, client] of stopping.entries()) {
      client.send(hello.subarray(0, Math.ceil((hello.length * (index + 1)) / stopping.length)));
    }
    await Promise.all(clients.map((client) => client.isLeft()));
    const last = stopping.at(-1);
    assert.ok(last !== undefined && last.length > 1000, 'the last was answered: it was in the middle');
    assert.equal(running.count('refused handshake_timeout'), clients.length);
    for (const { socket } of clients) socket.destroy();
    await nothingIsLeft();
  });

  it('that drips its startup within TLS has no second time', async () => {
    const endpoint = await run({ handshakeTimeoutMs });
    const { client, socket } = await open(endpoint);
    drip(socket, startup('u'.repeat(200)), dripMs);
    await client.isLeft();
    assert.match(client.text, /^E[\s\S]{4}SFATAL\0/);
    socket.destroy();
    await nothingIsLeft();
  });

  for (const [when, greet] of [
    ['before it says who it is', false],
    ['within its session', true],
  ] as const) {
    it(`that renegotiates ${when} is cut off, and nobody else`, async () => {
      const endpoint = await run({ handshakeTimeoutMs: 60_000 });
      const { client, socket } = await open(endpoint, 'TLSv1.2');
      if (greet) await client.send(startup()).hears('server\0w');
      let isDone = false;
      socket.renegotiate({ rejectUnauthorized: false }, (error) => {
        isDone = error === null;
      });
      await client.isLeft();
      assert.equal(isDone, false);
      socket.destroy();
      await nothingIsLeft();
    });
  }

  it('that breaks TLS before it says who it is is cut off, and nobody else', async () => {
    const endpoint = await run({ handshakeTimeoutMs: 60_000 });
    const { client, plain } = await open(endpoint);
    breakTls(plain.socket);
    await client.isLeft();
    client.socket.destroy();
    await nothingIsLeft();
  });
});
