import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { recogniseEngine } from '../../src/discovery/recognise-engine.ts';
import { engines } from '../../src/engines/engines.ts';
import { mariadbGreeting, mysqlGreeting } from '../engines/mysql/greetings.ts';
import { freePort } from '../support/servers.ts';

/** Only a hang exceeds it. */
const patientMs = 60_000;

async function serving(t: TestContext, serve: (client: Socket) => void): Promise<number> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client.on('error', () => {}));
    serve(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const client of clients) client.destroy();
  });
  return (server.address() as { port: number }).port;
}

const recognise = (port: number, timeoutMs = patientMs) =>
  recogniseEngine({ host: '127.0.0.1', port }, Object.values(engines), timeoutMs);

test('whoever greets is MySQL or MariaDB, whoever waits to be asked is PostgreSQL', async (t) => {
  const cases: [string, (client: Socket) => void][] = [
    ['mysql', (client) => client.write(mysqlGreeting)],
    ['mysql', (client) => client.write(mariadbGreeting)],
    // Byte by byte, and an error in place of a greeting (too many connections).
    ['mysql', (client) => [...mysqlGreeting].forEach((byte) => void client.write(Uint8Array.of(byte)))],
    [
      'mysql',
      (client) => client.write(Buffer.from('17000000ff1004546f6f206d616e7920636f6e6e656374696f6e73', 'hex')),
    ],
    // A server that looked up its client's name first, and was asked meanwhile.
    ['mysql', (client) => client.once('data', () => client.write(mysqlGreeting))],
    ['postgres', (client) => client.once('data', () => client.write('S'))],
    ['postgres', (client) => client.once('data', () => client.write('N'))],
  ];
  const found = await Promise.all(cases.map(async ([, serve]) => recognise(await serving(t, serve))));
  assert.deepEqual(
    found,
    cases.map(([engine]) => ({ kind: 'recognised', engine })),
  );
});

test('whoever is neither is unknown, and why', async (t) => {
  const http = await serving(t, (client) =>
    client.once('data', () => client.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  const [web, silent, closing, nobody] = await Promise.all([
    recognise(http),
    recognise(await serving(t, () => {}), 900),
    recognise(await serving(t, (client) => client.end())),
    recognise(await freePort()),
  ]);
  assert.deepEqual(web, { kind: 'unknown', why: 'what it says is of neither engine' });
  assert.deepEqual(silent, { kind: 'unknown', why: 'it said nothing within 900 ms' });
  assert.deepEqual(closing, { kind: 'unknown', why: 'it closed the connection without a word' });
  assert.match(nobody.kind === 'unknown' ? nobody.why : '', /ECONNREFUSED/);
});
