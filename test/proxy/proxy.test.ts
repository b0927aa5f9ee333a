import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { endpointId, instanceId } from '../../src/base/brand.ts';
import { cluster, custom, reader, single, writer } from '../endpoints/support/view.ts';
import { listenAnywhere, type Peer } from './support/peer.ts';
import { cancelRequest, gssRequest, sslRequest, startup } from './support/postgres-wire.ts';
import { eventually, pause } from './support/real-clock.ts';
import { type Plan, RunningProxy } from './support/running-proxy.ts';

let running: RunningProxy;

async function run(plan: Plan): Promise<RunningProxy> {
  running = await RunningProxy.start(plan);
  return running;
}

afterEach(() => running.stop());

/** A client that has said its startup message. */
const begin = (endpoint: Parameters<RunningProxy['client']>[0]): Peer =>
  running.client(endpoint).send(startup());

/** Waits until a session stands; returns the name of its server. */
async function serverOf(client: Peer): Promise<string> {
  await client.hears('server\0');
  return /server\0(\w+)\0/.exec(client.text)?.[1] ?? 'nobody';
}

/** A client that was turned away: what it read. */
async function farewell(client: Peer): Promise<string> {
  await client.isLeft();
  return client.text;
}

describe('routing', () => {
  it('takes the writer endpoint to the writer, and carries both ways', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const client = begin(endpoint);
    assert.equal(await serverOf(client), 'w');
    client.send('hello');
    await client.hears('w heard hello');
    client.socket.end();
    await eventually(() => running.events.some((event) => event.startsWith('closed w')), 'the session ends');
    const sent = startup().length + 5;
    assert.deepEqual(running.events, [
      'accepted',
      'routed w',
      `closed w client-closed ${sent} ${client.length}`,
    ]);
    assert.deepEqual(running.load(), { sessions: {}, endpoints: { writer: 0 }, held: { writer: 0 } });
  });

  it('spreads 40 short sessions of the reader endpoint evenly over the replicas', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    const seen: Record<string, number> = {};
    for (let i = 0; i < 40; i++) {
      const client = begin(endpoint);
      const name = await serverOf(client);
      seen[name] = (seen[name] ?? 0) + 1;
      client.socket.end();
      await client.isLeft();
    }
    assert.deepEqual(seen, { a: 20, b: 20 });
  });

  it('balances open sessions by their number, those of other endpoints included', async () => {
    const [one, other] = [reader(), custom({ members: { kind: 'excluded', instances: [] } })];
    await run({ endpoints: [one, other] });
    for (let i = 0; i < 10; i++) await serverOf(begin(i % 2 === 0 ? one : other));
    assert.deepEqual(running.load().sessions, { a: 5, b: 5 });
    const placed = [one, other].map(({ id }) => Object.values(running.placed(id)));
    for (const counts of placed)
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        5,
      );
  });

  it('takes an instance endpoint to its instance', async () => {
    const endpoint = single('b');
    await run({ endpoints: [endpoint] });
    assert.equal(await serverOf(begin(endpoint)), 'b');
  });

  it('passes on what a client sent behind its first message', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const client = running.client(endpoint).send(Buffer.concat([startup(), Buffer.from('early')]));
    await client.hears('w heard early');
  });

  it('reads a first message that comes byte by byte', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const client = running.client(endpoint);
    client.socket.setNoDelay();
    for (const byte of startup()) {
      client.send(Buffer.of(byte));
      await pause(1);
    }
    assert.equal(await serverOf(client), 'w');
  });

  it('serves MySQL, where the server speaks first', async () => {
    const endpoint = reader();
    await run({ engine: 'mysql', endpoints: [endpoint] });
    const client = running.client(endpoint);
    await client.hears('\x0aa\0');
    client.send('login');
    await client.hears('a heard login');
  });

  it('tells of the servers of an endpoint', async () => {
    const endpoint = reader({ fallback: 'writer' });
    await run({ endpoints: [endpoint, writer()] });
    assert.deepEqual(running.proxy.membersOf(cluster, endpoint.id), ['a', 'b']);
    assert.deepEqual(running.proxy.membersOf(cluster, endpointId('writer')), ['w']);
    running.change('a', { drained: true });
    running.change('b', { health: 'down' });
    assert.deepEqual(running.proxy.membersOf(cluster, endpoint.id), ['w']);
    assert.deepEqual(
      [...running.proxy.listening(cluster)],
      [
        [endpoint.id, { ok: true, error: null }],
        ['writer', { ok: true, error: null }],
      ],
    );
  });
});

describe('a server that does not take a session', () => {
  it('is passed over when it refuses the connection', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    await running.server('a').stop();
    for (let i = 0; i < 4; i++) assert.equal(await serverOf(begin(endpoint)), 'b');
    assert.ok(running.count('dial failed a refused') >= 1);
    assert.match(running.dialReports[0] ?? '', /^a refused: /);
  });

  it('is passed over when it takes the connection and says nothing, in time for the others', async () => {
    const endpoint = reader({ connectTimeoutMs: 4000 });
    await run({ endpoints: [endpoint] });
    running.server('a').manner = { kind: 'freeze' };
    const clients = [begin(endpoint), begin(endpoint)];
    for (const client of clients) assert.equal(await serverOf(client), 'b');
    assert.equal(running.count('dial failed a timeout'), 1);
    await eventually(() => running.server('a').open.size === 0, 'the silent server is let go');
  });

  it('is passed over when it closes without a word, or answers with something else', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint], servers: ['w', 'a', 'b', 'c'] });
    running.server('a').manner = { kind: 'close' };
    running.server('b').manner = { kind: 'garbage' };
    assert.equal(await serverOf(begin(endpoint)), 'c');
    assert.equal(await serverOf(begin(endpoint)), 'c');
  });

  it("is passed over when it is full; the last one's own error reaches the client", async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    running.server('a').manner = { kind: 'error', code: '53300', text: 'a is full' };
    assert.equal(await serverOf(begin(endpoint)), 'b');
    running.server('b').manner = { kind: 'error', code: '57P03', text: 'b starts up' };
    const text = await farewell(begin(endpoint));
    assert.match(text, /C53300\0Ma is full|C57P03\0Mb starts up/);
    assert.equal(running.count('refused connect_failed'), 1);
    assert.ok(!running.dialReports.some((report) => report.includes('53300')), 'load is not death');
  });

  it('has its say when another one would say the same', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    for (const name of ['a', 'b']) {
      running.server(name).manner = { kind: 'error', code: '3D000', text: 'no such database' };
    }
    assert.match(await farewell(begin(endpoint)), /no such database/);
    assert.equal(running.server('a').accepted + running.server('b').accepted, 1);
  });

  it('leaves the client with a proper error when nobody is left', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    await running.server('a').stop();
    await running.server('b').stop();
    const text = await farewell(begin(endpoint));
    assert.match(text, /C08001\0Maurelay: no server of endpoint "reader" answered/);
    running.change('a', { health: 'down' });
    running.change('b', { lagSeconds: null, replicating: false });
    assert.match(await farewell(begin(endpoint)), /C57P03\0.*a: unhealthy, b: not replicating/);
    assert.equal(running.count('refused no_member'), 1);
  });

  it('leaves a MySQL client with an error packet', async () => {
    const endpoint = reader();
    await run({ engine: 'mysql', endpoints: [endpoint] });
    running.change('a', { health: 'down' });
    running.change('b', { health: 'down' });
    const text = await farewell(running.client(endpoint));
    assert.equal(text.charCodeAt(4), 0xff);
    assert.match(text, /has no member that can serve/);
  });

  it('makes room for the writer where that is the fallback', async () => {
    const endpoint = reader({ fallback: 'writer' });
    await run({ endpoints: [endpoint] });
    await running.server('a').stop();
    await running.server('b').stop();
    assert.equal(await serverOf(begin(endpoint)), 'w');
  });
});

describe('evidence that ages while a server is dialled', () => {
  it('sends a reader elsewhere when its replica was promoted meanwhile', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    running.server('a').onStartup = () => running.setWriter('a', 2);
    running.server('b').onStartup = running.server('a').onStartup;
    const name = await serverOf(begin(endpoint));
    assert.notEqual(name, 'a');
    assert.deepEqual(
      running.events.filter((event) => event.startsWith('routed')),
      [`routed ${name}`],
    );
  });

  it('never starts a session on a writer whose epoch ended while it was asked', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    running.server('w').onStartup = () => running.setWriter('a', 2);
    assert.equal(await serverOf(begin(endpoint)), 'a');
    assert.deepEqual(
      running.events.filter((event) => event.startsWith('routed')),
      ['routed a'],
    );
    await eventually(() => running.server('w').open.size === 0, 'the former writer is let go');
  });

  it('is looked at again after the answer, even if nobody told of a change', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    running.quiet = true;
    const promoted: string[] = [];
    for (const name of ['a', 'b']) {
      running.server(name).onStartup = () => {
        if (promoted.length === 0) running.setWriter(name, 2);
        promoted.push(name);
      };
    }
    const name = await serverOf(begin(endpoint));
    assert.notEqual(name, promoted[0]);
    assert.equal(running.events.filter((event) => event.startsWith('routed')).length, 1);
    assert.ok(running.proxy.membersOf(cluster, endpoint.id).includes(instanceId(name)));
  });

  it('sends a client on from a frozen writer as soon as there is another one', async () => {
    const endpoint = writer({ connectTimeoutMs: 60_000 });
    await run({ endpoints: [endpoint], holdMs: 60_000 });
    running.server('w').manner = { kind: 'freeze' };
    const client = begin(endpoint);
    await eventually(() => running.server('w').startups.length === 1, 'the writer is asked');
    running.setWriter(null);
    await eventually(() => running.load().held.writer === 1, 'the client is held');
    assert.deepEqual(running.load().sessions, {});
    running.setWriter('b', 2);
    assert.equal(await serverOf(client), 'b');
  });
});

describe('new connections without a writer', () => {
  it('wait, in order, and go to the new writer', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    running.setWriter(null);
    const clients: Peer[] = [];
    for (let i = 0; i < 8; i++) {
      clients.push(running.client(endpoint).send(startup(`user${i}`)));
      await eventually(() => running.load().held.writer === i + 1, 'it is held');
    }
    assert.equal(running.load().endpoints.writer, 0);
    running.setWriter('a', 2);
    for (const client of clients) assert.equal(await serverOf(client), 'a');
    assert.equal(running.count('unheld released'), 8);
    assert.deepEqual(running.load().held, { writer: 0 });
    assert.equal(running.load().endpoints.writer, 8);
  });

  it('get an error at their own deadline', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint], holdMs: 300 });
    running.setWriter(null);
    const startedAt = Date.now();
    const text = await farewell(begin(endpoint));
    assert.ok(Date.now() - startedAt >= 290);
    assert.match(text, /C57P03\0Maurelay: cluster "c" got no writer within the hold time of 300ms/);
    assert.deepEqual(running.events, ['accepted', 'held', 'unheld timeout', 'refused hold_timeout']);
  });

  it('do not wait where there is no hold time', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint], holdMs: 0 });
    running.setWriter(null);
    assert.match(await farewell(begin(endpoint)), /has no writer right now/);
    assert.deepEqual(running.events, ['accepted', 'refused no_writer']);
  });

  it('are refused when too many wait', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint], maxHeld: 2 });
    running.setWriter(null);
    const waiting = [begin(endpoint), begin(endpoint)];
    await eventually(() => running.load().held.writer === 2, 'two are held');
    assert.match(
      await farewell(begin(endpoint)),
      /C53300\0.*too many connections wait for a writer.*limit 2/,
    );
    running.setWriter('w');
    for (const client of waiting) assert.equal(await serverOf(client), 'w');
  });

  it('leave the queue when their client leaves', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    running.setWriter(null);
    const [stays, ends, resets] = [begin(endpoint), begin(endpoint), begin(endpoint)];
    await eventually(() => running.load().held.writer === 3, 'three are held');
    ends.socket.end();
    resets.socket.resetAndDestroy();
    await eventually(() => running.load().held.writer === 1, 'one is held');
    assert.equal(running.count('unheld client-gone'), 2);
    assert.equal(running.count('refused client_gone'), 2);
    running.setWriter('w');
    assert.equal(await serverOf(stays), 'w');
    assert.equal(running.server('w').accepted, 1);
  });

  it('can say no more than a little while they wait', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    running.setWriter(null);
    const client = begin(endpoint);
    const talk = Buffer.alloc(32 * 1024 * 1024, 'x');
    client.send(talk);
    await eventually(() => running.load().held.writer === 1, 'it is held');
    await pause(200);
    assert.ok(client.socket.writableLength > 8 * 1024 * 1024, 'the client is not read without bound');
    running.setWriter('w');
    await eventually(
      () => running.server('w').startups[0]?.length === startup().length + talk.length,
      'all arrives',
      30_000,
    );
  });

  it('wait while the writer refuses, and are not told of it', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    await running.server('w').stop();
    const clients = [begin(endpoint), begin(endpoint), begin(endpoint)];
    await eventually(() => running.load().held.writer === 3, 'all are held');
    await pause(400);
    const dials = running.dialReports.length;
    assert.ok(dials > 0 && dials < 20, `${dials} dials to a writer that refuses`);
    await running.server('w').restart();
    for (const client of clients) assert.equal(await serverOf(client), 'w');
  });

  it('wait while the writer shuts down, and then reach the next one', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    running.server('w').manner = { kind: 'error', code: '57P01', text: 'shutting down' };
    const client = begin(endpoint);
    await eventually(() => running.count('held') > 0, 'it is held');
    running.setWriter('b', 2);
    assert.equal(await serverOf(client), 'b');
  });

  it('are told at the deadline why the writer did not take them', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint], holdMs: 400 });
    await running.server('w').stop();
    assert.match(await farewell(begin(endpoint)), /got no writer within .*the last try: .*ECONNREFUSED/);
    assert.equal(running.count('refused hold_timeout'), 1);
  });

  it('read at once that a living writer is full', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint], holdMs: 60_000 });
    running.server('w').manner = { kind: 'error', code: '53300', text: 'too many clients already' };
    assert.match(await farewell(begin(endpoint)), /^E.*C53300\0Mtoo many clients already/s);
    assert.deepEqual(running.dialReports, []);
  });
});

describe('a client that is no session', () => {
  it('costs the servers nothing when it only connects', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint, reader()] });
    for (const way of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const client = running.client(endpoint);
      await eventually(() => running.events.length === 1, 'it is accepted');
      client.socket[way]();
      await eventually(() => client.fate === 'closed', 'it is closed');
      await pause(20);
      assert.deepEqual(running.events.splice(0), ['accepted']);
    }
    assert.equal(running.server('w').accepted, 0);
  });

  it('is told when it says something else, and disturbs nobody', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const session = begin(endpoint);
    await serverOf(session);
    for (const nonsense of [
      'GET / HTTP/1.1\r\n\r\n',
      Buffer.alloc(100, 0xff),
      Buffer.from([0, 0, 0, 4, 0, 0, 0, 0]),
    ]) {
      const text = await farewell(running.client(endpoint).send(nonsense));
      assert.match(text, /^E.*C08P01\0Maurelay: /s);
    }
    assert.equal(running.count('refused protocol_violation'), 3);
    assert.equal(running.server('w').accepted, 1);
    session.send('still here');
    await session.hears('w heard still here');
  });

  it('is let go without a word when it says goodbye first, and is no error', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const client = running.client(endpoint).send(Uint8Array.of(0x58, 0, 0, 0, 4));
    assert.equal(await farewell(client), '');
    assert.equal(client.fate, 'ended');
    assert.deepEqual(running.events, ['accepted']);
  });

  it('is told when it stalls', async () => {
    const endpoint = writer({ handshakeTimeoutMs: 200 });
    await run({ endpoints: [endpoint] });
    const text = await farewell(running.client(endpoint).send(startup().subarray(0, 6)));
    assert.match(text, /C08P01\0Maurelay: the client did not finish its first message within 200ms/);
    assert.equal(running.server('w').accepted, 0);
  });

  it('is told when there are too many', async () => {
    const endpoint = reader({ maxSessions: 2 });
    await run({ endpoints: [endpoint] });
    const [first, second] = [begin(endpoint), begin(endpoint)];
    await Promise.all([serverOf(first), serverOf(second)]);
    assert.match(await farewell(begin(endpoint)), /C53300\0.*at its limit of 2 sessions/);
    first.socket.end();
    await eventually(() => running.load().endpoints.reader === 1, 'one has left');
    await serverOf(begin(endpoint));
  });

  it('frees the server that is dialled for it when it leaves', async () => {
    const endpoint = reader({ connectTimeoutMs: 60_000 });
    await run({ endpoints: [endpoint] });
    for (const name of ['a', 'b']) running.server(name).manner = { kind: 'freeze' };
    const client = begin(endpoint);
    await eventually(
      () => running.server('a').startups.length + running.server('b').startups.length === 1,
      'asked',
    );
    client.socket.end();
    await eventually(() => running.server('a').open.size + running.server('b').open.size === 0, 'let go');
    assert.equal(running.count('refused client_gone'), 1);
    assert.deepEqual(running.load().sessions, {});
  });
});

describe('encryption requests', () => {
  it('are answered by the server, which keeps the connection for what the client says next', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    const client = running.client(endpoint).send(gssRequest);
    await client.hears('N');
    client.send(sslRequest);
    await client.hears('NN');
    client.send(startup());
    const name = await serverOf(client);
    assert.equal(running.server('a').accepted + running.server('b').accepted, 1);
    assert.equal(running.count(`routed ${name}`), 1);
    client.socket.end();
    const sent = startup().length + sslRequest.length + gssRequest.length;
    await eventually(
      () => running.count(`closed ${name} client-closed ${sent} ${client.length}`) === 1,
      `all bytes are counted, ${sent} and ${client.length}: ${running.events}`,
    );
  });

  it('may be declined before a cancel request (libpq 17 and later)', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    const session = begin(endpoint);
    const name = await serverOf(session);
    const client = running.client(endpoint).send(sslRequest);
    await client.hears('N');
    client.send(cancelRequest);
    await client.isLeft();
    assert.deepEqual(running.server(name).cancels, [cancelRequest]);
    assert.deepEqual(running.load().sessions, { [name]: 1 });
  });

  it('do not bind the client to a server that is lost before it speaks again', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const client = running.client(endpoint).send(sslRequest);
    await client.hears('N');
    running.setWriter(null);
    await running.closeSessionsOf('w');
    await eventually(() => running.server('w').open.size === 0, 'the former writer is let go');
    client.send(startup());
    await eventually(() => running.load().held.writer === 1, 'it is held');
    running.setWriter('a', 2);
    assert.equal(await serverOf(client), 'a');
  });

  it('are declined by us where the client has to read an error', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint], holdMs: 0 });
    running.setWriter(null);
    const client = running.client(endpoint).send(sslRequest);
    await client.hears('N');
    client.send(startup());
    assert.match(await farewell(client), /^NE.*has no writer right now/s);
    assert.equal(running.count('refused no_writer'), 1);
    assert.equal(running.load().endpoints.writer, 0);
  });
});

describe('cancel requests', () => {
  it('reach every server with sessions of the endpoint, and no other', async () => {
    const [ro, rw] = [reader(), writer()];
    await run({ endpoints: [ro, rw], servers: ['w', 'a', 'b', 'c'] });
    await Promise.all([serverOf(begin(ro)), serverOf(begin(ro)), serverOf(begin(rw))]);
    const busy = Object.keys(running.load().sessions).filter((name) => name !== 'w');
    assert.equal(busy.length, 2);
    const client = running.client(ro).send(cancelRequest);
    await client.isLeft();
    for (const name of ['w', 'a', 'b', 'c']) {
      assert.deepEqual(running.server(name).cancels, busy.includes(name) ? [cancelRequest] : [], name);
    }
    assert.equal(running.count('cancelled 2'), 1);
  });

  it('reach the servers of the cluster where the endpoint has no sessions', async () => {
    const [ro, rw] = [reader(), writer()];
    await run({ endpoints: [ro, rw] });
    await serverOf(begin(rw));
    await running.client(ro).send(cancelRequest).isLeft();
    assert.deepEqual(running.server('w').cancels, [cancelRequest]);
  });

  it('are closed only when the server has dealt with them', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    await serverOf(begin(endpoint));
    const server = running.server('w');
    server.answersCancels = false;
    const client = running.client(endpoint).send(cancelRequest);
    await eventually(() => server.cancels.length === 1, 'the server has it');
    await pause(100);
    assert.equal(client.fate, 'open');
    for (const peer of server.open) if (!server.startups.includes(peer)) peer.socket.end();
    await client.isLeft();
  });

  it('reach the server even when the client leaves at once', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    await serverOf(begin(endpoint));
    running.client(endpoint).socket.end(cancelRequest);
    await eventually(() => running.server('w').cancels.length === 1, 'the server has it');
  });

  it('have an end where nobody has sessions', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    await running.client(endpoint).send(cancelRequest).isLeft();
    assert.equal(running.count('cancelled 0'), 1);
  });
});

describe('sessions of an instance that have to end', () => {
  it('are cut off on every endpoint, without waiting for a server that hangs', async () => {
    const endpoints = [writer(), single('w'), reader()] as const;
    await run({ endpoints });
    const [one, two, other] = endpoints.map((endpoint) => begin(endpoint)) as [Peer, Peer, Peer];
    const names = await Promise.all([serverOf(one), serverOf(two), serverOf(other)]);
    for (const peer of running.server('w').open) peer.stopReading();
    one.send(Buffer.alloc(16 * 1024 * 1024));
    one.stopReading();
    await pause(50);
    assert.equal(await running.closeSessionsOf('w'), 2);
    assert.deepEqual(running.load().sessions, { [names[2]]: 1 });
    assert.equal(running.events.filter((event) => /^closed w failover/.test(event)).length, 2);
    one.startReading();
    await Promise.all([one.isLeft(), two.isLeft()]);
    for (const peer of running.server('w').open) peer.startReading();
    await eventually(() => running.server('w').open.size === 0, 'the server is rid of them');
    other.send('still here');
    await other.hears('heard still here');
    assert.equal(await running.closeSessionsOf('w'), 0);
  });

  it('go elsewhere while they are being opened', async () => {
    const endpoint = reader({ connectTimeoutMs: 60_000 });
    await run({ endpoints: [endpoint] });
    running.server('a').manner = { kind: 'freeze' };
    const clients = [begin(endpoint), begin(endpoint)];
    await eventually(() => running.server('a').startups.length === 1, 'one is being opened');
    assert.equal(await running.closeSessionsOf('a'), 0);
    for (const client of clients) assert.equal(await serverOf(client), 'b');
    await eventually(() => running.server('a').open.size === 0, 'the first server is let go');
  });

  it('wait for the next writer while they are being opened to this one', async () => {
    const endpoint = writer({ connectTimeoutMs: 60_000 });
    await run({ endpoints: [endpoint] });
    running.server('w').manner = { kind: 'freeze' };
    const client = begin(endpoint);
    await eventually(() => running.server('w').startups.length === 1, 'it is being opened');
    assert.equal(await running.closeSessionsOf('w'), 0);
    assert.equal(running.load().held.writer, 1);
    running.setWriter('a', 2);
    assert.equal(await serverOf(client), 'a');
  });
});

describe('a session', () => {
  it('passes half-closes on', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const client = begin(endpoint);
    await serverOf(client);
    client.socket.end('last question');
    await client.hears('w heard last question');
    await eventually(() => client.fate === 'closed', 'both sides are closed');
  });

  it('ends for the client when the server vanishes, with all that came before', async () => {
    const endpoint = writer();
    await run({ endpoints: [endpoint] });
    const client = begin(endpoint);
    await serverOf(client);
    client.send('x');
    await client.hears('w heard x');
    await running.server('w').stop();
    await client.isLeft();
    client.socket.end();
    await eventually(
      () => running.events.some((event) => /^closed w server-(error|closed)/.test(event)),
      'told',
    );
  });
});

describe('shutting down', () => {
  it('turns away who waits, lets sessions finish, and closes the others', async () => {
    const [rw, ro] = [writer(), reader()];
    await run({ endpoints: [rw, ro] });
    const [finishes, stays] = [begin(ro), begin(ro)];
    await Promise.all([serverOf(finishes), serverOf(stays)]);
    running.setWriter(null);
    const [waits, silent] = [begin(rw), running.client(rw)];
    await eventually(() => running.load().held.writer === 1, 'one is held');
    const drained = running.proxy.drain(700);
    assert.match(await farewell(waits), /C57P01\0Maurelay: shutting down/);
    assert.match(await farewell(silent), /C57P01\0Maurelay: shutting down/);
    const late = connect({ host: '127.0.0.1', port: running.port(rw) });
    const refused = await new Promise((resolve) =>
      late.on('error', resolve).on('connect', () => resolve(null)),
    );
    assert.equal((refused as NodeJS.ErrnoException | null)?.code, 'ECONNREFUSED');
    finishes.send('still served');
    await finishes.hears('heard still served');
    finishes.socket.end();
    await drained;
    await stays.isLeft();
    assert.deepEqual(running.load(), {
      sessions: {},
      endpoints: { writer: 0, reader: 0 },
      held: { writer: 0, reader: 0 },
    });
    assert.equal(running.events.filter((event) => /^closed \w shutdown/.test(event)).length, 1);
  });

  it('is done at once when nobody is there', async () => {
    await run({ endpoints: [writer()] });
    await running.proxy.drain(60_000);
  });

  it('of one endpoint leaves its sessions alone', async () => {
    const endpoint = reader();
    await run({ endpoints: [endpoint] });
    const client = begin(endpoint);
    await serverOf(client);
    running.proxy.closeEndpoint(cluster, endpoint.id);
    client.send('still here');
    await client.hears('heard still here');
    const again = await running.proxy.listen({ ...endpoint, listen: { host: '127.0.0.1', port: 0 } });
    assert.ok(again.port > 0);
  });
});

it('an address that is taken is named, with what to do about it', async () => {
  await run({ endpoints: [] });
  const squatter = createServer();
  const port = await listenAnywhere(squatter);
  const endpoint = writer({ listen: { host: '127.0.0.1', port } });
  await assert.rejects(running.proxy.listen(endpoint), {
    name: 'ListenFailed',
    message: new RegExp(
      `endpoint "writer" of cluster "c" cannot listen on 127.0.0.1:${port} .*: something else listens`,
    ),
  });
  const state = running.proxy.listening(cluster).get(endpoint.id);
  assert.equal(state?.ok, false);
  assert.match(state?.error ?? '', /cannot listen/);
  await new Promise((resolve) => squatter.close(resolve));
  await running.proxy.listen(endpoint);
  assert.deepEqual(running.proxy.listening(cluster).get(endpoint.id), { ok: true, error: null });
});
