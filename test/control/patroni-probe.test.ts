import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import type { Observation, ProbeFailureReason } from '../../src/cluster/observation.ts';
import { PatroniProbe } from '../../src/control/patroni-probe.ts';
import type { Probe, ProbeResult } from '../../src/engines/engine.ts';
import { openScope } from '../support/scope.ts';
import type { Cleanup } from '../support/servers.ts';

const timeoutMs = 300;

const observed = (role: Observation['role']): ProbeResult => ({
  kind: 'observed',
  observation: {
    role,
    writable: role === 'writer',
    identity: 'one',
    timeline: 1,
    position: '0/1' as Observation['position'],
    lagSeconds: 0,
    replication: null,
    acknowledgement: null,
    version: 'PostgreSQL 15',
  },
});

const failed = (reason: ProbeFailureReason): ProbeResult => ({
  kind: 'failed',
  failure: { reason, detail: 'as the test says' },
});

/** The database's side: `says` is what it answers next. */
class FakeServer implements Probe {
  onLost: Probe['onLost'] = null;
  says: ProbeResult = observed('writer');
  delayMs = 0;
  closed = false;
  async probe(): Promise<ProbeResult> {
    await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    return this.says;
  }
  close(): void {
    this.closed = true;
  }
}

/** `server` on a free port, gone with everything that is connected when `t` ends. */
async function listen(t: Cleanup, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (server.address() as AddressInfo).port;
}

interface Rig {
  readonly server: FakeServer;
  readonly probe: PatroniProbe;
  readonly where: string;
  /** `writer`, `replica` with why it counts as one, or the reason of a failure. */
  look(withinMs?: number): Promise<string>;
}

function rigAt(t: Cleanup, port: number, fall = 3): Rig {
  const server = new FakeServer();
  const probe = new PatroniProbe(server, { host: '127.0.0.1', port }, fall);
  t.after(async () => probe.close());
  const look = async (withinMs = timeoutMs): Promise<string> => {
    const result = await probe.probe(withinMs);
    if (result.kind === 'failed') return result.failure.reason;
    const { role, withheld } = result.observation;
    return withheld === undefined ? role : `${role}: ${withheld}`;
  };
  return { server, probe, look, where: `Patroni on 127.0.0.1:${port}` };
}

/** A Patroni whose answer the test chooses, question by question. */
async function withPatroni(
  run: (rig: Rig, patroni: { answer: RequestListener; asked: string[] }) => Promise<void>,
): Promise<void> {
  const { scope, end } = openScope();
  try {
    const patroni = { answer: (() => {}) as RequestListener, asked: [] as string[] };
    const http = createServer((request, response) => {
      patroni.asked.push(`${request.method} ${request.url}`);
      patroni.answer(request, response);
    });
    await run(rigAt(scope, await listen(scope, http)), patroni);
  } finally {
    await end();
  }
}

/** Something else that listens where Patroni should. */
async function withStranger(onSocket: (socket: Socket) => void, run: (rig: Rig) => Promise<void>) {
  const { scope, end } = openScope();
  try {
    await run(rigAt(scope, await listen(scope, createTcpServer(onSocket)), 1));
  } finally {
    await end();
  }
}

const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    response.writeHead(code, headers).end('{"role": "master"}');

test('a writable server is the writer while its Patroni calls it the leader', () =>
  withPatroni(async ({ look, where }, patroni) => {
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
    assert.equal(await look(), 'writer');
    patroni.answer = status(503);
    assert.equal(await look(), `replica: ${where} does not call it the leader: HTTP 503`);
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
    assert.deepEqual(patroni.asked, Array(4).fill('GET /primary'));
  }));

test('the Patroni of a replica is left alone, and its old word counts no more', () =>
  withPatroni(async ({ look, server, where }, patroni) => {
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
    server.says = observed('replica');
    // The question beside the last look at a writer was taken back, and may still be on its way.
    server.delayMs = 100;
    for (let looks = 0; looks < 2; looks += 1) assert.equal(await look(), 'replica');
    const asked = patroni.asked.length;
    assert.equal(await look(), 'replica');
    assert.equal(patroni.asked.length, asked, 'a replica was asked for');
    server.says = observed('writer');
    patroni.answer = () => {};
    assert.match(await look(), new RegExp(`^replica: ${where} does not answer: nothing within \\d+ms$`));
  }));

test('a Patroni that falls silent is waited for, `fall` times', () =>
  withPatroni(async ({ look, where }, patroni) => {
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
    patroni.answer = () => {};
    assert.equal(await look(), 'writer');
    assert.equal(await look(), 'writer');
    assert.equal(await look(), `replica: ${where} does not answer: nothing within ${timeoutMs}ms`);
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
  }));

test('an answer that trickles in is none', () =>
  withPatroni(async ({ look }, patroni) => {
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
    patroni.answer = (request) => {
      request.socket.write('HTTP/1.1 200 OK\r\nx: ');
      const drip = setInterval(() => request.socket.write('x'), 20);
      request.socket.on('close', () => clearInterval(drip));
      request.socket.on('error', () => {});
    };
    assert.equal(await look(), 'writer');
    assert.equal(await look(), 'writer');
    assert.match(await look(), /^replica: /);
  }));

test('a redirect is not followed, and is no word of Patroni', () =>
  withPatroni(async ({ look, where }, patroni) => {
    patroni.answer = status(302, { location: '/primary' });
    assert.equal(
      await look(),
      `replica: ${where} answers GET /primary with HTTP 302, which Patroni does not`,
    );
    assert.equal(patroni.asked.length, 1);
  }));

test('only the status is read: a body without an end costs nothing', () =>
  withPatroni(async ({ look }, patroni) => {
    patroni.answer = (_, response) => {
      response.writeHead(200);
      const flood = setInterval(() => response.write(Buffer.alloc(65_536)), 1);
      response.on('close', () => clearInterval(flood));
      response.on('error', () => {});
    };
    assert.equal(await look(), 'writer');
  }));

test('nobody listens', async () => {
  const { scope, end } = openScope();
  const gone = openScope();
  const port = await listen(gone.scope, createTcpServer());
  await gone.end();
  try {
    const { look, where } = rigAt(scope, port);
    assert.equal(await look(), `replica: ${where} does not answer: connect ECONNREFUSED`);
  } finally {
    await end();
  }
});

test('something that hangs up', () =>
  withStranger(
    (socket) => socket.destroy(),
    async ({ look, where }) => {
      assert.match(
        await look(),
        new RegExp(`^replica: ${where} does not answer: (socket hang up|read ECONNRESET)$`),
      );
    },
  ));

test('something that is not HTTP, as where the REST API has a certificate', () =>
  withStranger(
    (socket) => socket.end(Buffer.from('15030100020250', 'hex')),
    async ({ look, where }) => {
      assert.equal(await look(), `replica: ${where} does not speak plain HTTP (https is not supported here)`);
    },
  ));

test('headers without an end', () =>
  withStranger(
    (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(1_000_000)}`),
    async ({ look }) => assert.match(await look(), /^replica: /),
  ));

test('an upgrade that nobody asked for', () =>
  withStranger(
    (socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
    async ({ look }) => assert.match(await look(), /^replica: /),
  ));

test('a server too full to be asked is not the writer where Patroni says otherwise', () =>
  withPatroni(async ({ look, server, where }, patroni) => {
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
    server.says = failed('overloaded');
    assert.equal(await look(), 'overloaded');
    patroni.answer = status(503);
    assert.equal(await look(), `replica: ${where} does not call it the leader: HTTP 503`);
  }));

test('a server that is gone is gone, whatever Patroni says', () =>
  withPatroni(async ({ look, server }, patroni) => {
    patroni.answer = status(200);
    assert.equal(await look(), 'writer');
    server.says = failed('refused');
    assert.equal(await look(), 'refused');
    server.says = observed('writer');
    patroni.answer = () => {};
    assert.match(await look(), /^replica: /, 'the word from before its death counts no more');
  }));

test('lost connections are told of, and closing closes both', () =>
  withPatroni(async ({ look, probe, server }, patroni) => {
    const lost: string[] = [];
    probe.onLost = (detail) => lost.push(detail);
    server.onLost?.('gone');
    assert.deepEqual(lost, ['gone']);
    patroni.answer = () => {};
    const looking = look(600_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    probe.close();
    assert.match(await looking, /^replica: /);
    assert.equal(server.closed, true);
  }));
