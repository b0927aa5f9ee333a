import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { clusterId, endpointId } from '../../src/base/brand.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { cluster, reader, single, writer } from '../endpoints/support/view.ts';
import { clientHello } from '../support/client-hello.ts';
import { freePort } from '../support/servers.ts';
import { listenAnywhere, type Peer } from './support/peer.ts';
import { cancelRequest, gssRequest, sslRequest, startup } from './support/postgres-wire.ts';
import { eventually, pause } from './support/real-clock.ts';
import { type Plan, RunningProxy } from './support/running-proxy.ts';

let running: RunningProxy;

type Place = Pick<Endpoint, 'listen'> & Partial<Pick<Endpoint, 'handshakeTimeoutMs'>>;

/** Behind one port: `only-w` is the default, `only-a` and `only-b` have host names; every server takes TLS. */
async function run(
  changes: { readonly endpoints?: (at: Place) => readonly Endpoint[] } & Partial<
    Omit<Plan, 'endpoints'>
  > = {},
): Promise<Endpoint> {
  const at = { listen: { host: '127.0.0.1', port: await freePort() } };
  const { endpoints = byName, ...rest } = changes;
  running = await RunningProxy.start({ ...rest, endpoints: endpoints(at) });
  for (const server of running.servers.values()) server.takesTls = true;
  return endpoints(at)[0] as Endpoint;
}

const byName = (at: Place): readonly Endpoint[] => [
  single('w', at),
  single('a', { ...at, hostname: 'a.example.com' }),
  single('b', { ...at, hostname: 'b.example.com' }),
];

/** The same without a default. */
const allNamed = (at: Place): readonly Endpoint[] => byName(at).slice(1);

afterEach(() => running.stop());

/** A client that was granted TLS by Aurelay itself. */
async function granted(port: Endpoint): Promise<Peer> {
  const client = running.client(port).send(sslRequest);
  await client.hears('S');
  return client;
}

/** What a client that was turned away has read. */
async function farewell(client: Peer): Promise<string> {
  await client.isLeft();
  return client.text;
}

const alert = (description: number): string => String.fromCharCode(0x15, 3, 3, 0, 2, 2, description);
const [handshakeFailure, decodeError, internalError, unrecognizedName] = [40, 50, 80, 112] as const;

/** Waits until a session stands; returns the name of its server. */
async function serverOf(client: Peer): Promise<string> {
  await client.hears('server\0');
  return /server\0(\w+)\0/.exec(client.text)?.[1] ?? 'nobody';
}

describe('a client with TLS', () => {
  it('comes to the endpoint that its hello names, with every byte as it is', async () => {
    const port = await run();
    for (const [name, server] of [
      ['a.example.com', 'a'],
      ['B.Example.com', 'b'],
      [null, 'w'],
    ] as const) {
      const hello = clientHello(name);
      const client = (await granted(port)).send(hello);
      await client.hears(`${server} heard ${hello.toString('latin1')}`);
      assert.equal(client.text.slice(0, 2), `S${server}`);
      assert.equal(running.server(server).upgrades.at(-1)?.text.slice(0, 8), sslRequest.toString('latin1'));
    }
    assert.deepEqual(running.load().sessions, { a: 1, b: 1, w: 1 });
    assert.equal(running.count('accepted'), 3);
  });

  it('may send its hello in many records and byte by byte', async () => {
    const port = await run();
    const hello = clientHello('a.example.com', 9);
    const client = await granted(port);
    client.socket.setNoDelay();
    for (const byte of hello) {
      client.send(Buffer.of(byte));
      await pause(0);
    }
    await client.hears('a heard ');
    await eventually(
      () => running.server('a').upgrades[0]?.text.endsWith(hello.toString('latin1')) === true,
      'all of it',
    );
  });

  it('may begin with it at once, and send more behind it', async () => {
    const port = await run();
    const hello = clientHello('b.example.com', 100);
    const client = running.client(port).send(Buffer.concat([hello, Buffer.from('early')]));
    await client.hears('b heard early');
    assert.ok(running.server('b').upgrades[0]?.text.startsWith(hello.toString('latin1')));
  });

  it('is told by an alert that a name is unknown, and not which ones are known', async () => {
    const port = await run();
    const asked = (await granted(port)).send(clientHello('c.example.com'));
    assert.equal(await farewell(asked), `S${alert(unrecognizedName)}`);
    const direct = running.client(port).send(clientHello('c.example.com'));
    assert.equal(await farewell(direct), alert(unrecognizedName));
    assert.equal(running.count('refused unknown_endpoint'), 2);
    assert.deepEqual(running.details[0], 'aurelay: there is no endpoint "c.example.com" on this port');
    assert.equal(
      [...running.servers.values()].reduce((sum, { accepted }) => sum + accepted, 0),
      0,
    );
  });

  it('has to give a name where there is no default', async () => {
    const port = await run({ endpoints: allNamed });
    assert.equal(
      await farewell((await granted(port)).send(clientHello(null))),
      `S${alert(unrecognizedName)}`,
    );
    assert.equal(await farewell(running.client(port).send(clientHello(null))), alert(unrecognizedName));
    const client = (await granted(port)).send(clientHello('a.example.com'));
    await client.hears('a heard ');
  });

  it('goes elsewhere from a server that does not take TLS', async () => {
    const port = await run({
      endpoints: (at) => [reader({ ...at, hostname: 'reader.example.com' })],
    });
    running.server('a').takesTls = false;
    for (let i = 0; i < 2; i++) {
      const client = (await granted(port)).send(clientHello('reader.example.com'));
      await client.hears('b heard ');
      assert.ok(client.text.startsWith('Sb heard '));
    }
    assert.ok(running.count('dial failed a server-error') >= 1);
    running.server('b').takesTls = false;
    const client = (await granted(port)).send(clientHello('reader.example.com'));
    assert.equal(await farewell(client), `S${alert(handshakeFailure)}`);
    assert.match(running.details.at(-1) ?? '', /does not take TLS/);
    assert.equal(running.events.at(-1), 'refused connect_failed');
  });

  it('does not wait for a writer that does not take TLS', async () => {
    const port = await run({
      endpoints: (at) => [writer({ ...at, hostname: 'writer.example.com' })],
    });
    running.server('w').takesTls = false;
    const client = (await granted(port)).send(clientHello('writer.example.com'));
    assert.equal(await farewell(client), `S${alert(handshakeFailure)}`);
    assert.equal(running.count('held'), 0);
  });

  it('is held while there is no writer, and then goes on', async () => {
    const port = await run({
      endpoints: (at) => [writer({ ...at, hostname: 'writer.example.com' })],
    });
    running.setWriter(null);
    const client = (await granted(port)).send(clientHello('writer.example.com'));
    await eventually(() => running.count('held') === 1, 'it waits');
    running.setWriter('a', 2);
    await client.hears('a heard ');
  });

  it('is told by an alert when it stalls, or when it says something else', async () => {
    const port = await run({
      endpoints: (at) => byName({ ...at, handshakeTimeoutMs: 200 }),
    });
    const stalling = (await granted(port)).send(clientHello('a.example.com').subarray(0, 30));
    assert.equal(await farewell(stalling), `S${alert(internalError)}`);
    const plain = (await granted(port)).send(startup());
    assert.equal(await farewell(plain), `S${alert(decodeError)}`);
    assert.deepEqual(running.events, [
      'accepted',
      'refused handshake_timeout',
      'accepted',
      'refused protocol_violation',
    ]);
  });

  it('is told by an alert that Aurelay shuts down', async () => {
    const port = await run();
    const client = await granted(port);
    await running.proxy.drain(0);
    assert.equal(await farewell(client), `S${alert(internalError)}`);
  });
});

describe('a client without TLS', () => {
  it('comes to the default, or to the endpoint that its options name, which the server does not see', async () => {
    const port = await run();
    for (const [options, server, seen] of [
      [null, 'w', startup('u')],
      ['-c geqo=off', 'w', startup('u', '-c geqo=off')],
      ['-c aurelay.endpoint=only-a', 'a', startup('u')],
      ['-c geqo=off --aurelay.endpoint=c/only-b', 'b', startup('u', '-c geqo=off')],
    ] as const) {
      const client = running.client(port).send(startup('u', options));
      assert.equal(await serverOf(client), server);
      assert.equal(running.server(server).startups.at(-1)?.text, seen.toString('latin1'));
    }
  });

  it('reads that there is no such endpoint, and nothing of the others', async () => {
    const port = await run();
    for (const name of ['only-c', 'c/only-c', 'x/only-a', 'a.example.com', '']) {
      const text = await farewell(running.client(port).send(startup('u', `-c aurelay.endpoint=${name}`)));
      assert.match(text, /SFATAL\0.*C08004\0/);
      assert.ok(text.includes(`there is no endpoint "${name}" on this port`), text);
      assert.doesNotMatch(text.replace(`"${name}"`, ''), /only-|example/);
    }
    assert.equal(running.count('refused unknown_endpoint'), 5);
  });

  it('has to name one where there is no default', async () => {
    const port = await run({ endpoints: allNamed });
    assert.match(await farewell(running.client(port).send(startup())), /C08004\0.*have to name an endpoint/);
    assert.equal(await serverOf(running.client(port).send(startup('u', '-c aurelay.endpoint=only-b'))), 'b');
  });

  it('may name the endpoint that is alone on its port, and no other', async () => {
    const port = await run({ endpoints: (at) => [single('a', at)] });
    const client = running.client(port).send(startup('u', '-c aurelay.endpoint=only-a'));
    assert.equal(await serverOf(client), 'a');
    assert.equal(running.server('a').startups[0]?.text, startup('u').toString('latin1'));
    assert.match(
      await farewell(running.client(port).send(startup('u', '-c aurelay.endpoint=only-b'))),
      /no endpoint "only-b"/,
    );
  });

  it('of two clusters on one port comes to the one that it names', async () => {
    const other = clusterId('other');
    const port = await run({
      endpoints: (at) => [single('w', at), single('a', { ...at, cluster: other, hostname: 'a.example.com' })],
    });
    const named = (name: string) => running.client(port).send(startup('u', `-c aurelay.endpoint=${name}`));
    assert.equal(await serverOf(named('only-w')), 'w');
    assert.equal(await serverOf(named('other/only-a')), 'a');
    assert.match(await farewell(named('only-a')), /no endpoint "only-a"/);
  });
});

describe('where nobody has a host name', () => {
  it("an encryption request is the server's to answer, of the default endpoint", async () => {
    const port = await run({
      endpoints: (at) => [single('w', { ...at, default: true }), single('a', at)],
    });
    running.server('w').takesTls = false;
    const client = running.client(port).send(sslRequest);
    await client.hears('N');
    client.send(startup());
    assert.equal(await serverOf(client), 'w');
    assert.equal(running.server('w').accepted, 1);
    const other = running.client(port).send(sslRequest);
    await other.hears('N');
    other.send(startup('u', '-c aurelay.endpoint=only-a'));
    assert.equal(await serverOf(other), 'a');
    await eventually(() => running.server('w').open.size === 1, 'the server that declined is let go');
    assert.deepEqual(running.load().endpoints, { 'only-w': 1, 'only-a': 1 });
  });
});

describe('GSS encryption', () => {
  it('is for the default to answer; whoever is declined may name another endpoint', async () => {
    const port = await run();
    const client = running.client(port).send(gssRequest);
    await client.hears('N');
    assert.equal(running.server('w').upgrades.length, 1);
    client.send(sslRequest);
    await client.hears('NS');
    client.send(clientHello('b.example.com'));
    await client.hears('b heard ');
    await eventually(() => running.server('w').open.size === 0, 'the server that declined is let go');
    assert.deepEqual(running.load().endpoints, { 'only-w': 0, 'only-a': 0, 'only-b': 1 });
    assert.equal(running.count('accepted'), 1);
  });

  it('is declined where there is no default, once', async () => {
    const port = await run({ endpoints: allNamed });
    const client = running.client(port).send(gssRequest);
    await client.hears('N');
    client.send(startup('u', '-c aurelay.endpoint=only-b'));
    assert.equal(await serverOf(client), 'b');
    const stubborn = running.client(port).send(Buffer.concat([gssRequest, gssRequest]));
    assert.match(await farewell(stubborn), /^N.*C08P01/s);
  });
});

describe('who may come in at an endpoint', () => {
  const nobody = { allow: [], deny: [] };
  const guarded = (at: Place) => byName(at).map((one) => (one.id === 'only-a' ? { ...one, ...nobody } : one));

  it('is asked once the client has named it, of that one only', async () => {
    const port = await run({ endpoints: guarded });
    assert.equal(await serverOf(running.client(port).send(startup())), 'w');
    const named = await granted(port);
    assert.equal(await farewell(named.send(clientHello('a.example.com'))), `S${alert(internalError)}`);
    const plain = running.client(port).send(startup('u', '-c aurelay.endpoint=only-a'));
    assert.match(await farewell(plain), /C28000\0/);
    assert.equal(running.count('refused client_denied'), 2);
    await (await granted(port)).send(clientHello('b.example.com')).hears('b heard ');
    assert.equal(running.server('a').accepted, 0);
  });

  it('is asked of cancel requests too, which go to the other endpoints alone', async () => {
    const port = await run({ endpoints: guarded });
    await serverOf(running.client(port).send(startup()));
    running.proxy.listen(byName({ listen: port.listen })[1] as Endpoint);
    await (await granted(port)).send(clientHello('a.example.com')).hears('a heard ');
    running.proxy.listen(guarded({ listen: port.listen })[1] as Endpoint);
    await running.client(port).send(cancelRequest).isLeft();
    assert.deepEqual([running.server('w').cancels.length, running.server('a').cancels.length], [1, 0]);
  });
});

describe('a cancel request', () => {
  it('reaches the servers with sessions of any endpoint of the port, and no other', async () => {
    const port = await run();
    await serverOf(running.client(port).send(startup()));
    await (await granted(port)).send(clientHello('a.example.com')).hears('a heard ');
    await running.client(port).send(cancelRequest).isLeft();
    const reached = (name: string) => running.server(name).cancels.length;
    assert.deepEqual([reached('w'), reached('a'), reached('b')], [1, 1, 0]);
    assert.equal(running.count('cancelled 2'), 1);
  });

  it('of protocol 3.2 goes on with its whole key', async () => {
    const port = await run();
    await serverOf(running.client(port).send(startup()));
    const long = Buffer.concat([
      Buffer.from([0, 0, 1, 12]),
      cancelRequest.subarray(4, 12),
      Buffer.alloc(256, 7),
    ]);
    await running.client(port).send(long).isLeft();
    assert.deepEqual(running.server('w').cancels, [long]);
  });
});

describe('endpoints that come and go', () => {
  it('share a port while there is one, and free it with the last', async () => {
    const port = await run();
    const [, a, b] = byName({ listen: port.listen }) as [Endpoint, Endpoint, Endpoint];
    const undecided = await granted(port);
    running.proxy.closeEndpoint(cluster, port.id);
    running.proxy.closeEndpoint(cluster, a.id);
    assert.equal(
      await farewell((await granted(port)).send(clientHello('a.example.com'))),
      `S${alert(unrecognizedName)}`,
    );
    undecided.send(clientHello('b.example.com'));
    await undecided.hears('b heard ');
    await running.proxy.listen(a);
    await (await granted(port)).send(clientHello('a.example.com')).hears('a heard ');
    running.proxy.closeEndpoint(cluster, a.id);
    const late = await granted(port);
    running.proxy.closeEndpoint(cluster, b.id);
    assert.equal(await farewell(late), `S${alert(internalError)}`);
    assert.equal(running.proxy.listening(cluster).size, 0);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port.listen.port, '127.0.0.1', resolve));
    server.close();
    undecided.send('more');
    await undecided.hears('b heard more');
  });

  it('take a new name, or another port, while they listen', async () => {
    const port = await run();
    const [, a] = byName({ listen: port.listen }) as [Endpoint, Endpoint];
    await running.proxy.listen({ ...a, hostname: 'new.example.com' });
    await (await granted(port)).send(clientHello('new.example.com')).hears('a heard ');
    const elsewhere = { host: '127.0.0.1', port: await freePort() };
    const moved = await running.proxy.listen({ ...a, listen: elsewhere });
    assert.deepEqual(moved, elsewhere);
    assert.equal(
      await farewell((await granted(port)).send(clientHello('new.example.com'))),
      `S${alert(unrecognizedName)}`,
    );
    assert.equal(await serverOf(running.client(port).send(startup())), 'w');
  });

  it('that begin at the same time open their port once, or fail together', async () => {
    const port = await run();
    const at = { listen: { host: '127.0.0.1', port: await freePort() } };
    const three = byName(at).map((one) => ({ ...one, id: endpointId(`${one.id}-2`) }));
    const addresses = await Promise.all(three.map((one) => running.proxy.listen(one)));
    assert.deepEqual(new Set(addresses.map((address) => address.port)), new Set([at.listen.port]));
    const taken = createServer();
    const occupied = { listen: { host: '127.0.0.1', port: await listenAnywhere(taken) } };
    const failing = byName(occupied).map((one) => ({ ...one, id: endpointId(`${one.id}-3`) }));
    const results = await Promise.allSettled(failing.map((one) => running.proxy.listen(one)));
    assert.ok(results.every(({ status }) => status === 'rejected'));
    await new Promise((resolve) => taken.close(resolve));
    await running.proxy.listen(failing[0] as Endpoint);
    assert.equal(running.proxy.listening(cluster).get(endpointId('only-w-3'))?.ok, true);
    assert.equal(await serverOf(running.client(port).send(startup())), 'w');
  });
});
