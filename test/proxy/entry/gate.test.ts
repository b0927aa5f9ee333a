import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { parseNetwork } from '../../../src/base/network.ts';
import type { Endpoint } from '../../../src/endpoints/endpoint.ts';
import type { EntryRules } from '../../../src/endpoints/entry-rules.ts';
import { HeaderDecoder } from '../../../src/proxy-protocol/decoder.ts';
import { encodeHeader } from '../../../src/proxy-protocol/encode.ts';
import type { ProxyHeader } from '../../../src/proxy-protocol/header.ts';
import { writer } from '../../endpoints/support/view.ts';
import type { Peer } from '../support/peer.ts';
import { cancelRequest, sslRequest, startup } from '../support/postgres-wire.ts';
import { eventually } from '../support/real-clock.ts';
import { type Plan, RunningProxy } from '../support/running-proxy.ts';

let running: RunningProxy | null = null;

async function run(plan: Plan): Promise<RunningProxy> {
  running = await RunningProxy.start(plan);
  return running;
}

afterEach(async () => {
  await running?.stop();
  running = null;
});

const networks = (...texts: readonly string[]) => texts.flatMap((text) => parseNetwork(text) ?? []);
const here = networks('127.0.0.0/8');
const elsewhere = networks('10.0.0.0/8');
const guarded = (rules: EntryRules): Endpoint => ({ ...writer({ handshakeTimeoutMs: 5_000 }), ...rules });

const ipOf = (text: string) => networks(text)[0]?.ip ?? new Uint8Array();
const from = (ip: string): ProxyHeader => ({
  kind: 'proxied',
  source: { ip: ipOf(ip), port: 40_000 },
  destination: { ip: ipOf('10.0.0.1'), port: 5432 },
});
const headerOf = (ip: string, version: 'v1' | 'v2' = 'v2'): Uint8Array => encodeHeader(version, from(ip));

async function refusedWith(client: Peer, pattern: RegExp): Promise<void> {
  await client.isLeft();
  assert.match(client.text, pattern);
}

describe('a PROXY header', () => {
  for (const version of ['v1', 'v2'] as const) {
    it(`of ${version} says who the client is, and is not passed on`, async () => {
      const endpoint = guarded({ acceptProxyProtocol: here, allow: elsewhere });
      const proxy = await run({ endpoints: [endpoint] });
      const client = proxy.client(endpoint).send(Buffer.concat([headerOf('10.1.2.3', version), startup()]));
      await client.hears('server\0');
      const stranger = proxy.client(endpoint).send(headerOf('192.0.2.7', version)).send(startup());
      await refusedWith(stranger, /C28000\0/);
      assert.equal(proxy.count('refused client_denied'), 1);
      assert.equal(proxy.server('w').accepted, 1, 'no server was dialled for the second');
    });
  }

  it('may come in pieces, and what follows it is not lost', async () => {
    const endpoint = guarded({ acceptProxyProtocol: here });
    const proxy = await run({ endpoints: [endpoint] });
    const client = proxy.client(endpoint);
    for (const byte of Buffer.concat([headerOf('10.1.2.3'), startup()])) {
      client.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.hears('server\0');
    client.send('hello');
    await client.hears('hello');
  });

  it('of a proxy of its own leaves the connection its own address', async () => {
    const endpoint = guarded({ acceptProxyProtocol: here, deny: here });
    const proxy = await run({ endpoints: [endpoint] });
    const local = encodeHeader('v2', { kind: 'local' });
    await refusedWith(proxy.client(endpoint).send(local).send(startup()), /C28000\0/);
  });

  it('is demanded where it is accepted', async () => {
    const endpoint = guarded({ acceptProxyProtocol: here });
    const proxy = await run({ endpoints: [endpoint] });
    await refusedWith(
      proxy.client(endpoint).send(startup()),
      /C08P01\0.*PROXY header \(the connection begins/,
    );
    const broken = proxy.client(endpoint).send('PROXY TCP4 nobody\r\n');
    await refusedWith(broken, /C08P01\0.*PROXY header \(its addresses/);
    const encrypted = proxy.client(endpoint).send(sslRequest);
    await encrypted.hears('N');
    await refusedWith(encrypted.send(startup()), /C08P01\0.*PROXY header/);
    assert.equal(proxy.count('refused proxy_header'), 3);
    assert.equal(proxy.count('accepted'), 3);
    assert.equal(proxy.server('w').accepted, 0);
  });

  it('has to come in time, and nobody is stuck in front of it', async () => {
    const endpoint = { ...guarded({ acceptProxyProtocol: here }), handshakeTimeoutMs: 300 };
    const proxy = await run({ endpoints: [endpoint] });
    const client = proxy.client(endpoint).send('PROXY TCP4 ');
    let isLate = false;
    const late = setTimeout(() => {
      isLate = true;
    }, 540);
    await refusedWith(client, /C08P01\0.*first message within 300ms/);
    clearTimeout(late);
    assert.equal(isLate, false, 'it gets no second time for a first message');
    assert.equal(proxy.count('refused handshake_timeout'), 1);
  });

  it('is not waited for when Aurelay shuts down, nor from a client that left', async () => {
    const endpoint = guarded({ acceptProxyProtocol: here });
    const proxy = await run({ endpoints: [endpoint] });
    const gone = proxy.client(endpoint).send('PROXY ');
    const waiting = proxy.client(endpoint).send('PROXY ');
    const sent = () => [gone, waiting].every(({ socket }) => !socket.pending && socket.writableLength === 0);
    await eventually(sent, 'both began');
    gone.socket.destroy();
    await eventually(() => proxy.count('accepted') === 1, 'the one that left is counted');
    const drained = proxy.proxy.drain(5_000);
    await refusedWith(waiting, /C57P01\0/);
    waiting.socket.destroy();
    await drained;
  });

  it('is not read from elsewhere', async () => {
    const endpoint = guarded({ acceptProxyProtocol: elsewhere });
    const proxy = await run({ endpoints: [endpoint] });
    const liar = proxy.client(endpoint).send(headerOf('10.1.2.3'));
    await refusedWith(liar, /C08P01\0/);
    assert.equal(proxy.count('refused protocol_violation'), 1);
    const honest = proxy.client(endpoint).send(startup());
    await honest.hears('server\0');
  });

  it('comes before the greeting in MySQL', async () => {
    const endpoint = guarded({ acceptProxyProtocol: here, deny: networks('10.9.0.0/16') });
    const proxy = await run({ engine: 'mysql', endpoints: [endpoint] });
    const client = proxy.client(endpoint);
    await eventually(() => client.socket.readyState === 'open', 'connected');
    assert.equal(proxy.server('w').accepted, 0);
    await client.send(headerOf('10.1.2.3', 'v1')).hears('\x0aw\0');
    const denied = proxy.client(endpoint).send(headerOf('10.9.2.3'));
    await denied.isLeft();
    assert.equal(denied.received.readUInt16LE(5), 1130);
    const plain = proxy.client(endpoint).send('\x20\0\0\x01');
    await plain.isLeft();
    assert.equal(plain.received.readUInt16LE(5), 1043);
  });
});

describe('a PROXY header to a server', () => {
  for (const version of ['v1', 'v2'] as const) {
    it(`of ${version} comes first, and names the client`, async () => {
      const endpoint = guarded({ acceptProxyProtocol: here });
      const plain = { ...guarded({}), id: 'plain' as Endpoint['id'] };
      const proxy = await run({ engine: 'mysql', endpoints: [endpoint, plain] });
      proxy.change('w', { sendProxyProtocol: version });
      const header = () => {
        const event = new HeaderDecoder().push([...proxy.server('w').open].at(-1)?.received ?? sslRequest);
        return event.kind === 'header' ? event.header : event;
      };
      const heard = () => eventually(() => header().kind !== 'need-more', 'the server heard it');
      await proxy.client(endpoint).send(headerOf('192.0.2.7')).hears('\x0aw\0');
      await heard();
      assert.deepEqual(header(), from('192.0.2.7'));
      const client = proxy.client(plain);
      await client.hears('\x0aw\0');
      await heard();
      assert.deepEqual(header(), {
        kind: 'proxied',
        source: { ip: ipOf('127.0.0.1'), port: client.socket.localPort },
        destination: { ip: ipOf('127.0.0.1'), port: proxy.port(plain) },
      });
    });
  }
});

describe('a client that is turned away', () => {
  it('can read why after an encryption request, and cannot cancel', async () => {
    const endpoint = guarded({ deny: here });
    const proxy = await run({ endpoints: [endpoint] });
    const client = proxy.client(endpoint).send(sslRequest);
    await client.hears('N');
    await refusedWith(
      client.send(startup()),
      /C28000\0Maurelay: clients from this address are not let in here\0/,
    );
    const cancel = proxy.client(endpoint).send(cancelRequest);
    await cancel.isLeft();
    assert.equal(cancel.text, '');
    assert.deepEqual(
      proxy.events.filter((event) => !['accepted', 'refused client_denied'].includes(event)),
      [],
    );
    assert.equal(proxy.server('w').accepted, 0);
  });

  it('by its number of sessions comes back when one of them has ended', async () => {
    const endpoint = guarded({ maxSessionsPerClient: 2 });
    const proxy = await run({ endpoints: [endpoint] });
    const clients = [proxy.client(endpoint), proxy.client(endpoint)];
    for (const client of clients) await client.send(startup()).hears('server\0');
    await refusedWith(proxy.client(endpoint).send(startup()), /C53300\0.*limit of 2 sessions/);
    assert.equal(proxy.count('refused too_many_client_sessions'), 1);
    const cancel = proxy.client(endpoint).send(cancelRequest);
    await cancel.isLeft();
    assert.equal(proxy.count('cancelled 1'), 1, 'a cancel request is no session');
    clients[0]?.socket.end();
    await eventually(() => proxy.load().sessions.w === 1, 'it ended');
    await proxy.client(endpoint).send(startup()).hears('server\0');
  });

  it('by its number of connections is told so in its protocol', async () => {
    const endpoint = guarded({ maxConnectsPerClient: 1 });
    const proxy = await run({ engine: 'mysql', endpoints: [endpoint] });
    const clients = [proxy.client(endpoint), proxy.client(endpoint), proxy.client(endpoint)];
    await eventually(() => clients.every(({ length }) => length > 0), 'all are answered');
    assert.ok(clients.some(({ received }) => received.readUInt16LE(5) === 1226));
    assert.ok(clients.some(({ text }) => text.includes('\x0aw\0')));
  });

  it('is judged by the rules that were configured last', async () => {
    const endpoint = guarded({});
    const proxy = await run({ endpoints: [endpoint] });
    const { port } = await proxy.proxy.listen({ ...endpoint, deny: here });
    assert.equal(port, proxy.port(endpoint));
    await refusedWith(proxy.client(endpoint).send(startup()), /C28000\0/);
    await proxy.proxy.listen(endpoint);
    await proxy.client(endpoint).send(startup()).hears('server\0');
  });
});
