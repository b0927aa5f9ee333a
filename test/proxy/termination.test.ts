import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, before, describe, it } from 'node:test';
import { createSecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { takeDescriptor } from '../../src/proxy/relay/handover.ts';
import type { Termination } from '../../src/proxy/termination.ts';
import { plainClient } from '../../src/tls/tls-client.ts';
import type { TlsIdentity } from '../../src/tls/tls-identity.ts';
import { single, writer } from '../endpoints/support/view.ts';
import { type Certificate, certificateMissing, makeCertificate } from '../support/certificate.ts';
import { freePort } from '../support/servers.ts';
import { eachRelay } from './support/each-relay.ts';
import { Peer } from './support/peer.ts';
import { cancelRequest, startup } from './support/postgres-wire.ts';
import { eventually } from './support/real-clock.ts';
import { RunningProxy } from './support/running-proxy.ts';
import { tlsOnBothSides } from './support/tls-pair.ts';

type Identity = Pick<TlsIdentity, 'context' | 'certificate'>;

const tlsRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

describe('an endpoint that ends TLS', { skip: certificateMissing(), timeout: 60_000 }, () => {
  let [old, renewed]: (Certificate | null)[] = [];
  let identity: Identity;
  let running: RunningProxy | null = null;
  before(async () => {
    [old, renewed] = await Promise.all([
      makeCertificate({ after: () => {} }),
      makeCertificate({ after: () => {} }),
    ]);
  });
  afterEach(async () => {
    await running?.stop();
    running = null;
  });

  let encryptServer: Termination['encryptServer'] = null;
  const identityOf = (one: Certificate | null | undefined): Identity => {
    assert(one !== null && one !== undefined);
    return {
      context: createSecureContext({ cert: one.certificate, key: one.key, minVersion: 'TLSv1.2' }),
      certificate: new X509Certificate(one.certificate).raw,
    };
  };

  async function start(endpoint: Endpoint, relay = eachRelay[0]?.create()): Promise<RunningProxy> {
    identity = identityOf(old);
    running = await RunningProxy.start({
      endpoints: [endpoint],
      ...(relay === undefined ? {} : { relay }),
      terminationOf: () => ({
        isRequired: true,
        identity: {
          get context() {
            return identity.context;
          },
          get certificate() {
            return identity.certificate;
          },
        },
        servers: plainClient,
        encryptServer,
      }),
    });
    return running;
  }

  async function connect(endpoint: Endpoint, ca: Certificate | null | undefined): Promise<Peer> {
    assert(running !== null);
    const plain = running.client(endpoint).send(tlsRequest);
    await plain.hears('S');
    plain.socket.removeAllListeners('data');
    const encrypted: TLSSocket = tlsConnect({ socket: plain.socket, ca: ca?.certificate });
    const peer = new Peer(encrypted);
    running.clients.push(peer);
    await once(encrypted, 'secureConnect');
    return peer;
  }

  for (const { name, skip, create } of eachRelay) {
    it(`carries its sessions, and counts what is inside: ${name}`, { skip }, async () => {
      const endpoint = writer();
      const proxy = await start(endpoint, create());
      const client = await connect(endpoint, old);
      await client.send(startup()).hears('server\0');
      await client.send('question').hears('w heard question');
      client.socket.end();
      await eventually(
        () => proxy.events.some((event) => /^closed w client-closed \d+ \d+$/.test(event)),
        'the session ends',
      );
      assert.equal(proxy.count('routed w'), 1);
      assert.equal(proxy.count('tls handshake failed'), 0);
    });
  }

  for (const { name, isGranted } of [
    { name: 'goes in TLS where its session does', isGranted: true },
    { name: 'goes nowhere without the TLS that is required', isGranted: false },
  ]) {
    it(`a cancel request ${name}`, async (t) => {
      const asked: string[] = [];
      encryptServer = (_socket, _tls, host) => {
        asked.push(host);
        const isSession = asked.length === 1;
        return isSession || isGranted
          ? Promise.resolve({ kind: 'plain' })
          : Promise.reject(new Error('no TLS'));
      };
      t.after(() => {
        encryptServer = null;
      });
      const endpoint = writer();
      const proxy = await start(endpoint);
      const session = await connect(endpoint, old);
      await session.send(startup()).hears('server\0');
      await proxy.client(endpoint).send(cancelRequest).isLeft();
      assert.deepEqual(asked, ['127.0.0.1', '127.0.0.1']);
      assert.equal(proxy.server('w').cancels.length, isGranted ? 1 : 0);
    });
  }

  it('shows a renewed certificate to who comes next, and lets sessions go on', async () => {
    const endpoint = writer();
    await start(endpoint);
    const before = await connect(endpoint, old);
    await before.send(startup()).hears('server\0');
    identity = identityOf(renewed);
    const after = await connect(endpoint, renewed);
    await after.send(startup()).hears('server\0');
    await before.send('still here').hears('heard still here');
  });

  it('ends a handshake that takes too long, and counts no session', async () => {
    const endpoint = writer({ handshakeTimeoutMs: 200 });
    const proxy = await start(endpoint);
    const silent = proxy.client(endpoint).send(tlsRequest);
    await silent.hears('S');
    const crawling = proxy.client(endpoint).send(tlsRequest);
    await crawling.hears('S');
    crawling.send(Uint8Array.of(22, 3, 1));
    await eventually(() => proxy.count('refused handshake_timeout') === 2, 'both are refused');
    await eventually(() => silent.fate !== 'open' && crawling.fate !== 'open', 'both are left', 10_000);
    assert.equal(proxy.count('routed w'), 0);
  });

  it('counts a client that breaks off its handshake, or sends anything else', async () => {
    const endpoint = writer();
    const proxy = await start(endpoint);
    const leaving = proxy.client(endpoint).send(tlsRequest);
    await leaving.hears('S');
    leaving.reset();
    await eventually(() => proxy.count('tls handshake failed') === 1, 'the first is counted');
    const confused = proxy.client(endpoint).send(tlsRequest);
    await confused.hears('S');
    confused.send('this is no TLS at all, but a text of some length');
    await eventually(() => proxy.count('tls handshake failed') === 2, 'the second is counted');
    await confused.isLeft();
  });

  it('ends a session whose client breaks TLS later on', async () => {
    const endpoint = writer();
    const proxy = await start(endpoint);
    const plain = proxy.client(endpoint).send(tlsRequest);
    await plain.hears('S');
    plain.socket.removeAllListeners('data');
    const encrypted = tlsConnect({ socket: plain.socket, ca: old?.certificate });
    const peer = new Peer(encrypted);
    await once(encrypted, 'secureConnect');
    await peer.send(startup()).hears('server\0');
    // Below TLS, past its back: a record that nobody can decrypt.
    const handle = (
      plain.socket as unknown as { _handle: { writeLatin1String(req: object, text: string): number } }
    )._handle;
    handle.writeLatin1String({ oncomplete: () => {} }, `\x17\x03\x03\x00\x20${'x'.repeat(32)}`);
    await eventually(
      () => proxy.events.some((event) => event.startsWith('closed w client-')),
      'the session ends',
    );
    peer.socket.destroy();
  });

  it('ends its sessions at once when their writer loses its office', async () => {
    const endpoint = writer();
    const proxy = await start(endpoint);
    const client = await connect(endpoint, old);
    await client.send(startup()).hears('server\0');
    assert.equal(await proxy.closeSessionsOf('w'), 1);
    await client.isLeft();
    assert.ok(proxy.events.some((event) => event.startsWith('closed w failover')));
  });

  describe('behind one port with others', () => {
    const terminated = { mode: 'terminate', certificate: 'a.pem', key: 'a.key', required: true } as const;

    /** `only-w` is the default and ends TLS, so does `only-a` (a.example.com); `only-b` (b.example.com) passes it through. */
    async function share(): Promise<Endpoint> {
      const at = { listen: { host: '127.0.0.1', port: await freePort() } };
      const endpoints = [
        single('w', { ...at, tls: terminated }),
        single('a', { ...at, hostname: 'a.example.com', tls: terminated }),
        single('b', { ...at, hostname: 'b.example.com' }),
      ] as const;
      const termination = { isRequired: true, identity: identityOf(old), servers: plainClient };
      running = await RunningProxy.start({
        endpoints,
        terminationOf: ({ tls }) =>
          tls.mode === 'passthrough' ? null : { ...termination, encryptServer: null },
      });
      return endpoints[0];
    }

    /** In TLS, asked for or begun at once, with `name` in the hello. */
    async function open(port: Endpoint, name: string | null, how: 'asked' | 'direct'): Promise<Peer> {
      assert(running !== null);
      const plain = running.client(port);
      if (how === 'asked') await plain.send(tlsRequest).hears('S');
      plain.socket.removeAllListeners('data');
      const encrypted = tlsConnect({
        ...{ socket: plain.socket, rejectUnauthorized: false, ALPNProtocols: ['postgresql'] },
        ...(name === null ? {} : { servername: name }),
      });
      const peer = new Peer(encrypted);
      running.clients.push(peer);
      await once(encrypted, 'secureConnect');
      return peer;
    }

    for (const how of ['asked', 'direct'] as const) {
      it(`TLS, ${how}: the name in the hello says whose TLS it is that ends here`, async () => {
        const port = await share();
        for (const [name, server] of [
          ['a.example.com', 'a'],
          [null, 'w'],
        ] as const) {
          const client = await open(port, name, how);
          await client.send(startup()).hears(`server\0${server}\0`);
        }
        assert.equal(running?.count('accepted'), 2);
      });
    }

    it('within TLS a client may name another endpoint that ends it, and no other', async () => {
      const port = await share();
      const named = (endpoint: string) => startup('u', `-c aurelay.endpoint=${endpoint}`);
      const other = await open(port, null, 'asked');
      await other.send(named('only-a')).hears('server\0a\0');
      const through = await open(port, null, 'asked');
      await through.send(named('only-b')).hears('there is no endpoint "only-b" on this port');
      assert.equal(running?.server('b').accepted, 0);
    });

    it('a client without TLS is refused by an endpoint that wants it, and only there', async () => {
      const port = await share();
      await running?.client(port).send(startup()).hears('takes connections with TLS only');
    });
  });

  it('never hands over the descriptor below TLS, which the system would show', async () => {
    const { near, far } = await tlsOnBothSides.client();
    assert.ok(
      ((near as unknown as { _handle: { fd: number } })._handle.fd ?? -1) >= 0,
      'there is one to hide',
    );
    assert.deepEqual(takeDescriptor(near, Uint8Array.of(1)), { fd: null, unread: Uint8Array.of(1) });
    far.socket.destroy();
    near.destroy();
  });
});
