import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import fc from 'fast-check';
import mariadb from 'mariadb';
import mysql2 from 'mysql2/promise';
import { type ClientError, clientError } from '../../../src/base/errors.ts';
import { MysqlServerOpening, mysqlProtocol } from '../../../src/engines/mysql/handshake.ts';

const error = clientError('no_writer', { cluster: 'orders', phase: 'promoting' });
const wholeText = `${error.message}. ${error.hint}`;

/** A server that answers every connection as an endpoint does that has nowhere to send it. */
async function refusingPort(t: TestContext, refused: ClientError): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.end(mysqlProtocol.refusal(refused, null));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('an error before the greeting has the form that servers give it: no SQLSTATE, sequence 0', () => {
  const packet = Buffer.from(mysqlProtocol.refusal(error, null));
  assert.equal(packet.readUIntLE(0, 3), packet.length - 4);
  assert.deepEqual([...packet.subarray(3, 7)], [0, 0xff, 1053 & 0xff, 1053 >> 8]);
  assert.equal(packet.subarray(7).toString(), wholeText);
});

test('a message of any length becomes one packet that reads as an error, cut between characters', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 900 }),
      fc.integer({ min: 1, max: 65_535 }),
      (message, errno) => {
        const packet = mysqlProtocol.refusal({ ...error, message: `x${message}`, mysqlErrno: errno }, null);
        assert.ok(packet.length <= 4 + 3 + 511);
        const event = new MysqlServerOpening().push(packet);
        assert.equal(event.kind === 'refused' && event.code, String(errno));
        assert.doesNotThrow(() => new TextDecoder('utf-8', { fatal: true }).decode(packet.subarray(7)));
      },
    ),
  );
});

test('mysql2 shows the message, the hint and the code', async (t) => {
  const port = await refusingPort(t, error);
  await assert.rejects(mysql2.createConnection({ host: '127.0.0.1', port, user: 'app' }), {
    errno: 1053,
    message: wholeText,
  });
});

test('the mariadb driver shows the message, the hint and the code', async (t) => {
  const port = await refusingPort(t, error);
  await assert.rejects(
    mariadb.createConnection({ host: '127.0.0.1', port, user: 'app' }),
    (thrown: unknown) => {
      const { errno, sqlMessage } = thrown as { errno: number; sqlMessage: string };
      assert.deepEqual({ errno, sqlMessage }, { errno: 1053, sqlMessage: wholeText });
      return true;
    },
  );
});

const clients = ['mariadb', 'mysql', ...(process.env.AURELAY_TEST_MYSQL_CLIENT?.split(':') ?? [])];
for (const client of clients) {
  test(`the ${client} client shows the message and the code`, async (t) => {
    const port = await refusingPort(t, error);
    const args = ['--no-defaults', '-h127.0.0.1', `-P${port}`, '-uapp', '-e', 'SELECT 1'];
    const failure = await promisify(execFile)(client, args, { timeout: 30_000 }).then(
      () => assert.fail('it connected'),
      (thrown: { code?: unknown; stderr?: string }) => thrown,
    );
    if (failure.code === 'ENOENT') return t.skip(`no ${client} client on this machine`);
    const shown = failure.stderr ?? '';
    assert.ok(shown.includes(wholeText), shown);
    assert.match(shown, /1053/);
    assert.doesNotMatch(shown, /#08S01/);
  });
}
