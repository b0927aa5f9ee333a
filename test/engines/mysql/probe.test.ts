import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type TestContext, test } from 'node:test';
import { instanceId } from '../../../src/base/brand.ts';
import type { Probe } from '../../../src/engines/engine.ts';
import { mysql } from '../../../src/engines/mysql/engine.ts';
import { defaultTls } from '../../support/default-tls.ts';

const instance = instanceId('mysql-1');

/** A listener that is no database, and a probe that takes it for one. */
async function probeOf(t: TestContext, onConnection: (socket: Socket) => void): Promise<Probe> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const target = {
    instance,
    address: { host: '127.0.0.1', port },
    user: 'aurelay',
    password: 'secret',
    database: '',
    tls: defaultTls,
  };
  const probe = mysql.createProbe(target);
  t.after(() => {
    probe.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return probe;
}

const reasonOf = async (probe: Probe, timeoutMs = 5000) => {
  const result = await probe.probe(timeoutMs);
  return result.kind === 'failed' ? result.failure.reason : result.kind;
};

const blockFor = (milliseconds: number): void => {
  const until = performance.now() + milliseconds;
  while (performance.now() < until);
};

test('a port where nothing listens', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const address = { host: '127.0.0.1', port };
  const probe = mysql.createProbe({
    instance,
    address,
    user: 'aurelay',
    password: null,
    database: '',
    tls: defaultTls,
  });
  assert.equal(await reasonOf(probe), 'refused');
  probe.close();
});

test('something that is no MySQL server, in whatever way', async (t) => {
  const strangers: Record<string, (socket: Socket) => void> = {
    'an HTTP server': (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
    'an SSH server': (socket) => socket.write('SSH-2.0-OpenSSH\r\n'),
    'a greeting without a version': (socket) =>
      socket.write(Buffer.from(`20000000 0a 7800 ${'00'.repeat(29)}`.replaceAll(' ', ''), 'hex')),
  };
  for (const [name, speak] of Object.entries(strangers)) {
    assert.equal(await reasonOf(await probeOf(t, speak)), 'protocol', name);
  }
});

test('a server that hangs up before it greets, or resets', async (t) => {
  assert.equal(await reasonOf(await probeOf(t, (socket) => socket.end())), 'reset');
  assert.equal(await reasonOf(await probeOf(t, (socket) => socket.resetAndDestroy())), 'reset');
});

const greeting = Buffer.from(
  '4b0000000a392e372e342d32000900000003541e2e7201162800fff7ff0200ffdf150000000000000000000026012f30252a474f33077d0061' +
    '63616368696e675f736861325f70617373776f726400',
  'hex',
);

test('a server that goes wrong after its greeting', async (t) => {
  const afterLogin = (answer: (socket: Socket) => void) => (socket: Socket) => {
    socket.write(greeting);
    socket.once('data', () => answer(socket));
  };
  assert.equal(
    await reasonOf(
      await probeOf(
        t,
        afterLogin((socket) => socket.end()),
      ),
    ),
    'reset',
  );
  assert.equal(
    await reasonOf(
      await probeOf(
        t,
        afterLogin((socket) => socket.resetAndDestroy()),
      ),
    ),
    'reset',
  );
  assert.equal(
    await reasonOf(
      await probeOf(
        t,
        afterLogin(() => {}),
      ),
      100,
    ),
    'timeout',
  );
});

test('a server that says nothing, before the greeting', async (t) => {
  let closed: Promise<unknown> | null = null;
  const probe = await probeOf(t, (socket) => {
    socket.resume();
    closed = once(socket, 'close');
  });
  assert.equal(await reasonOf(probe, 100), 'timeout');
  await closed;
});

test('too many connections, said in place of the greeting', async (t) => {
  const full = Buffer.concat([
    Buffer.from([0x17, 0, 0, 0, 0xff, 0x10, 0x04]),
    Buffer.from('Too many connections'),
  ]);
  const probe = await probeOf(t, (socket) => socket.end(full));
  assert.deepEqual(await probe.probe(5000), {
    kind: 'failed',
    failure: { reason: 'overloaded', detail: 'error 1040: Too many connections' },
  });
});

test('a process that was held up does not blame the server', async (t) => {
  const probe = await probeOf(t, () => {});
  const result = reasonOf(probe, 200);
  await new Promise((resolve) => setTimeout(resolve, 50));
  blockFor(400);
  assert.equal(await result, 'local-stall');
});

test('an answer that lies in the socket when the timer fires late still counts', async (t) => {
  const full = Buffer.concat([
    Buffer.from([0x17, 0, 0, 0, 0xff, 0x10, 0x04]),
    Buffer.from('Too many connections'),
  ]);
  const probe = await probeOf(t, (socket) => {
    socket.write(full);
    // The probe's socket has the answer by the time that its timer is due, and nobody has read it.
    blockFor(500);
  });
  assert.equal(await reasonOf(probe, 200), 'overloaded');
});

test('a closed probe connects no more, and one that is asked twice asks once', async (t) => {
  let connections = 0;
  const probe = await probeOf(t, (socket) => {
    connections += 1;
    socket.end();
  });
  const [a, b] = [probe.probe(5000), probe.probe(5000)];
  assert.equal(await a, await b);
  assert.equal(connections, 1);
  probe.close();
  assert.equal(await reasonOf(probe), 'local-stall');
  assert.equal(connections, 1);
});

test('a server whose TLS fails is asked once more without', async (t) => {
  const withTls = Buffer.from(greeting);
  // The low byte's neighbour of the capabilities holds CLIENT_SSL.
  withTls[4 + 1 + '9.7.4-2'.length + 1 + 13 + 1] = 0xff;
  const logins: string[] = [];
  const probe = await probeOf(t, (socket) => {
    socket.write(withTls);
    socket.once('data', (request) => {
      // The request alone: a header and 32 bytes, with no user in it.
      const wantsTls = request[0] === 32;
      logins.push(wantsTls ? 'tls' : request.includes('aurelay\0') ? 'plain' : 'unclear');
      if (wantsTls) socket.end('no TLS here, whatever the greeting said');
      else socket.end(Buffer.concat([Buffer.from([0x05, 0, 0, 2, 0xff, 0x15, 0x04]), Buffer.from('no')]));
    });
  });
  assert.equal(await reasonOf(probe), 'denied');
  assert.deepEqual(logins, ['tls', 'plain']);
});
