import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { before, describe, it, type TestContext } from 'node:test';
import { createSecureContext, type SecureVersion, type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { AdminPatience } from '../../src/admin/patience.ts';
import type { AdminIdentity } from '../../src/admin/tls-door.ts';
import { fakeControls } from '../admin/fake-controls.ts';
import { type RunningAdmin, rawConnection, runAdmin } from '../admin/running-admin.ts';
import { eventually, pause } from '../proxy/support/real-clock.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { realClientHello } from '../support/client-hello.ts';
import { breakTls } from './support/tls-bytes.ts';
import { drip } from './support/wicked-server.ts';

const timeout = 30_000;
/** What the test is not about has a minute, which it does not wait for. */
const unhurried: Partial<AdminPatience> = {
  handshakeMs: 60_000,
  headersMs: 60_000,
  requestMs: 60_000,
  betweenRequestsMs: 60_000,
  silenceMs: 60_000,
  checkEveryMs: 50,
};
const shortMs = 400;
/** Progress all the while, and nothing that is whole in time. */
const dripMs = 50;

const livez = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';
const longHead = `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(2000)}`;
const order = [
  'POST /api/v1/clusters/orders/switchover HTTP/1.1',
  'Host: localhost',
  'Content-Type: application/json',
].join('\r\n');

let certificate: Certificate | null = null;
before(async () => {
  if (certificateMissing() === false) certificate = await makeCertificate({ after: () => {} });
});

const doors = [
  { name: 'HTTP', skip: false as const, inTls: false },
  { name: 'HTTPS', skip: certificateMissing(), inTls: true },
];

for (const { name, skip, inTls } of doors) {
  describe(`a client that dawdles at the admin API: ${name}`, { skip, timeout }, () => {
    async function start(t: TestContext, patience: Partial<AdminPatience>) {
      const controls = fakeControls();
      const running = await runAdmin(t, controls, {
        patience: { ...unhurried, ...patience },
        events: { heartbeatMs: dripMs },
        ...(inTls ? { identity: identityOf(certificate) } : {}),
      });
      return { ...running, controls };
    }
    const open = (t: TestContext, running: RunningAdmin) => openTo(t, running, inTls);

    it('over its head is cut off, whatever it has said, and an event stream goes on', async (t) => {
      const running = await start(t, { headersMs: shortMs });
      const follower = await follow(await open(t, running));
      const silent = await open(t, running);
      const halfway = await open(t, running);
      halfway.write(longHead.slice(0, 30));
      const crawling = await open(t, running);
      drip(crawling, Buffer.from(longHead), dripMs);
      const second = await open(t, running);
      second.write(livez);
      await once(second, 'data');
      drip(second, Buffer.from(longHead), dripMs);
      await Promise.all([silent, halfway, crawling, second].map(closed));
      await stillFollows(follower);
      await answersLivez(await open(t, running));
    });

    it('over its body is cut off, and its command is not carried out', async (t) => {
      const running = await start(t, { headersMs: shortMs, requestMs: shortMs });
      const follower = await follow(await open(t, running));
      const sized = await open(t, running);
      sized.write(`${order}\r\nContent-Length: 2000\r\n\r\n`);
      const chunked = await open(t, running);
      chunked.write(`${order}\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n`);
      for (const socket of [sized, chunked]) drip(socket, Buffer.from('{"to":"orders-2"}    '), dripMs);
      const complete = await open(t, running);
      complete.write(`${order}\r\nContent-Length: 17\r\nConnection: close\r\n\r\n{"to":"orders-2"}`);
      await Promise.all([sized, chunked, complete].map(closed));
      assert.deepEqual(running.controls.commands, ['switchover orders orders-2']);
      await stillFollows(follower);
    });

    it('between requests is let go', async (t) => {
      const running = await start(t, { betweenRequestsMs: shortMs });
      const idle = await open(t, running);
      await answersLivez(idle);
      await closed(idle);
    });

    it('over its answers is let go', async (t) => {
      const running = await start(t, { silenceMs: shortMs });
      const follower = await follow(await open(t, running));
      const deaf = (await open(t, running)).pause();
      const questions =
        `GET /api/v1/clusters HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(2000)}\r\n\r\n`.repeat(20);
      // It goes on asking until nobody listens: else it would not notice either that it was let go.
      while (deaf.writable && deaf.writableLength < 1_000_000) {
        deaf.write(questions);
        await pause(1);
      }
      await eventually(() => deaf.closed, 'it is let go');
      await stillFollows(follower);
    });

    it('is one of so many at a time; more are dropped, until some are gone', async (t) => {
      const running = await start(t, { headersMs: 1000, handshakeMs: 1000, maxConnections: 20 });
      const follower = await follow(await open(t, running));
      const crowd = Array.from({ length: 40 }, () => rawConnection(t, running.admin));
      for (const socket of crowd) socket.resume();
      const gone = () => crowd.filter((socket) => socket.closed).length;
      await eventually(() => gone() === 21, 'those that are too many go');
      await stillFollows(follower);
      assert.ok(running.logged.some(({ message }) => message.includes('too many connections')));
      await eventually(() => gone() === 40, 'the others had their time');
      await answersLivez(await open(t, running));
      await stillFollows(follower);
    });
  });
}

describe('a client that does with TLS what it should not, at the admin API', {
  skip: certificateMissing(),
  timeout,
}, () => {
  it('dawdles over its hello, or stops within the handshake: it is cut off', async (t) => {
    const patience = { ...unhurried, handshakeMs: shortMs };
    const running = await runAdmin(t, fakeControls(), { patience, identity: identityOf(certificate) });
    const hello = await realClientHello('localhost', 'http/1.1');
    const silent = rawConnection(t, running.admin);
    const crawling = rawConnection(t, running.admin);
    drip(crawling, hello, dripMs);
    const stopping = rawConnection(t, running.admin);
    stopping.write(hello);
    const settled = await openTo(t, running, true);
    await Promise.all([silent, crawling, stopping].map(closed));
    assert.ok(stopping.bytesRead > 0, 'it was in the middle of the handshake');
    await answersLivez(settled);
  });

  it('renegotiates: it is cut off, and nobody else', async (t) => {
    const running = await runAdmin(t, fakeControls(), {
      patience: unhurried,
      identity: identityOf(certificate),
    });
    const settled = await openTo(t, running, true);
    const attacker = (await openTo(t, running, true, 'TLSv1.2')) as TLSSocket;
    await answersLivez(attacker);
    attacker.renegotiate({ rejectUnauthorized: false }, () => {});
    await closed(attacker);
    await answersLivez(settled);
  });

  it('breaks TLS later on: it is cut off, and nobody else', async (t) => {
    const running = await runAdmin(t, fakeControls(), {
      patience: unhurried,
      identity: identityOf(certificate),
    });
    const settled = await openTo(t, running, true);
    const plain = rawConnection(t, running.admin);
    const breaking = tlsConnect({ socket: plain, rejectUnauthorized: false });
    breaking.on('error', () => {});
    await once(breaking, 'secureConnect');
    breakTls(plain);
    await closed(plain);
    await answersLivez(settled);
  });
});

function identityOf(own: Certificate | null): AdminIdentity {
  assert(own !== null);
  return { context: createSecureContext({ cert: own.certificate, key: own.key }) };
}

async function openTo(
  t: TestContext,
  { admin }: RunningAdmin,
  inTls: boolean,
  maxVersion: SecureVersion = 'TLSv1.3',
): Promise<Socket> {
  const plain = rawConnection(t, admin);
  if (!inTls) {
    await once(plain, 'connect');
    return plain;
  }
  const socket = tlsConnect({ socket: plain, rejectUnauthorized: false, maxVersion });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await once(socket, 'close');
}

async function answersLivez(socket: Socket): Promise<void> {
  socket.write(livez);
  const [answer] = await once(socket, 'data');
  assert.match(String(answer), /^HTTP\/1\.1 200 OK\r\n/);
}

interface Follower {
  readonly socket: Socket;
  beats: number;
}

async function follow(socket: Socket): Promise<Follower> {
  const follower = { socket, beats: 0 };
  socket.on('data', (chunk) => {
    follower.beats += String(chunk).split(':\n\n').length - 1;
  });
  socket.write('GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await eventually(() => follower.beats > 0, 'the event stream has begun');
  return follower;
}

async function stillFollows(follower: Follower): Promise<void> {
  const before = follower.beats;
  await eventually(() => follower.beats > before + 2, 'the event stream goes on');
  assert.ok(!follower.socket.closed);
}
