import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createSecureContext, TLSSocket } from 'node:tls';
import { defaultServerTls, type ServerTls } from '../../../src/config/tls.ts';
import { AnswerBroken } from '../../../src/engines/postgres/failure.ts';
import { upgradeToTls } from '../../../src/engines/postgres/upgrade-to-tls.ts';
import { TlsClient } from '../../../src/tls/tls-client.ts';
import { TlsFailed } from '../../../src/tls/tls-failed.ts';
import { makeAuthority } from '../../support/authority.ts';
import { certificateMissing } from '../../support/certificate.ts';
import { within } from '../../support/eventually.ts';
import { scopeOf } from '../../support/scope.ts';

const skip = certificateMissing();
const patientMs = 20_000;
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

/** A connection to a server that answers the first message with `answer`. */
async function connected(t: TestContext, answer: (socket: Socket, message: Buffer) => void): Promise<Socket> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (message) => answer(socket, message));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => {
    for (const one of [...sockets, socket]) one.destroy();
    server.close();
  });
  await once(socket, 'connect');
  return socket;
}

const clientOf = (settings: Partial<ServerTls>, ca?: string): TlsClient =>
  new TlsClient({ ...defaultServerTls, ...settings }, () => ({
    context: createSecureContext(ca === undefined ? {} : { ca }),
  }));

test('a server that declines is spoken to in plain, or not at all', async (t) => {
  const decline = (socket: Socket, message: Buffer): void => {
    assert.deepEqual(message, sslRequest);
    socket.write('N');
  };
  const socket = await connected(t, decline);
  assert.deepEqual(await upgradeToTls(socket, clientOf({}), 'db1'), { kind: 'plain' });
  assert.equal(socket.destroyed, false);
  for (const mode of ['require', 'verify-ca', 'verify-full'] as const) {
    const refused = await connected(t, decline);
    await assert.rejects(upgradeToTls(refused, clientOf({ mode }), 'db1'), TlsFailed);
    assert.equal(refused.destroyed, true);
  }
});

test('with TLS disabled nothing is asked', async (t) => {
  const socket = await connected(t, () => assert.fail('the server was asked'));
  assert.deepEqual(await upgradeToTls(socket, clientOf({ mode: 'disable' }), 'db1'), { kind: 'plain' });
});

test('bytes in plain behind the answer are refused, whatever the answer', async (t) => {
  for (const answer of ['SE', 'NE']) {
    const socket = await connected(t, (server) => server.write(answer));
    const upgrade = upgradeToTls(socket, clientOf({}), 'db1');
    await within('it is refused', patientMs, assert.rejects(upgrade, /more than its answer/));
    assert.equal(socket.destroyed, true);
  }
});

test('an error in place of an answer is told in the words of the server', async (t) => {
  const text = 'SFATAL\0C53300\0Msorry, too many clients already\0\0';
  const error = Buffer.concat([Buffer.from('E'), Buffer.alloc(4), Buffer.from(text)]);
  error.writeUInt32BE(error.length - 1, 1);
  const socket = await connected(t, (server) => server.write(error));
  await assert.rejects(
    upgradeToTls(socket, clientOf({}), 'db1'),
    (thrown) => thrown instanceof AnswerBroken && thrown.sqlstate === '53300',
  );
});

test('whoever waits can give up before the answer and during the handshake', async (t) => {
  for (const answer of [null, 'S']) {
    let asked: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const socket = await connected(t, (server) => {
      if (answer !== null) server.write(answer);
      asked();
    });
    const abort = new AbortController();
    const upgrade = upgradeToTls(socket, clientOf({}), 'db1', abort.signal);
    await isAsked;
    abort.abort();
    await within('it ends', patientMs, assert.rejects(upgrade, /terminated/));
    assert.equal(socket.destroyed, true);
  }
});

test('a connection that breaks in the handshake is the failure of the connection', async (t) => {
  const socket = await connected(t, (server) => server.end('S'));
  await assert.rejects(
    upgradeToTls(socket, clientOf({ mode: 'verify-full' }), 'db1'),
    (thrown) => !(thrown instanceof TlsFailed),
  );
});

test('what does not speak TLS after all is no server of PostgreSQL', async (t) => {
  const socket = await connected(t, (server) => {
    server.write('S');
    server.once('data', () => server.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await assert.rejects(
    upgradeToTls(socket, clientOf({}), 'db1'),
    (thrown) => thrown instanceof TlsFailed && thrown.reason === 'protocol',
  );
});

test('a name is sent as SNI and looked for in the certificate, an address is not sent', {
  skip,
}, async (t) => {
  const authority = await makeAuthority(scopeOf(t), 'ours');
  const { certificate: cert, key } = await authority.issue({
    commonName: 'db',
    names: 'DNS:db1,DNS:*.example.com,IP:10.0.0.1,IP:::1',
  });
  const secureContext = createSecureContext({ cert, key });
  let sni: unknown = null;
  const open = async (host: string, settings: Partial<ServerTls> = {}): Promise<string> => {
    const socket = await connected(t, (server) => {
      server.write('S');
      const secured = new TLSSocket(server, {
        isServer: true,
        secureContext,
        ALPNProtocols: ['postgresql'],
      });
      secured.on('error', () => {});
      secured.once('secure', () => {
        sni = (secured as TLSSocket & { servername?: unknown }).servername;
        secured.write(`hello over ${secured.alpnProtocol}`);
      });
    });
    const tls = clientOf({ mode: 'verify-full', ca: 'ca.pem', ...settings }, authority.certificate);
    const upgrade = await upgradeToTls(socket, tls, host);
    assert.equal(upgrade.kind, 'secured');
    const [data] = await once(upgrade.socket, 'data');
    upgrade.socket.destroy();
    return String(data);
  };
  assert.equal(await open('db1'), 'hello over postgresql');
  assert.equal(sni, 'db1');
  await open('a.example.com.');
  assert.equal(sni, 'a.example.com');
  for (const address of ['10.0.0.1', '::1']) {
    await open(address);
    assert.ok(!sni, `${sni} was sent`);
  }
  await open('10.9.9.9', { serverName: 'db1' });
  assert.equal(sni, 'db1');
  for (const host of ['localhost', '127.0.0.1', '::2', 'example.com', 'a.b.example.com']) {
    await assert.rejects(
      open(host),
      /certificate is for db1, \*\.example\.com, 10\.0\.0\.1, .*, not for /,
      host,
    );
  }
});
