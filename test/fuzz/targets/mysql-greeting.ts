import { clientError } from '../../../src/base/errors.ts';
import type { Prng } from '../../../src/base/prng.ts';
import { MysqlServerOpening, mysqlProtocol } from '../../../src/engines/mysql/handshake.ts';
import { parseServerVersion } from '../../../src/engines/mysql/server-version.ts';
import { ascii, hex, joined, mostly, pick, randomBytes, uint24le } from '../bytes.ts';
import { cutsOf, waitsForEver } from '../cuts.ts';
import { type FuzzTarget, promise } from '../target.ts';

export const packet = (payload: Uint8Array, sequence = 0, length = payload.length): Uint8Array =>
  joined(uint24le(length), Uint8Array.of(sequence), payload);
export const greeting = (version: string): Uint8Array =>
  joined(
    ...[Uint8Array.of(10), ascii(`${version}\0`), Uint8Array.of(7, 0, 0, 0), ascii('abcdefgh\0')],
    ...[Uint8Array.of(0xff, 0xff, 0xff, 2, 0, 0xff, 0xdf, 21), new Uint8Array(10)],
    ...[ascii('ijklmnopqrst\0'), ascii('caching_sha2_password\0')],
  );
const error = (errno: number, text: string): Uint8Array =>
  joined(Uint8Array.of(0xff, errno & 0xff, errno >> 8), ascii(text));

/** Beyond the longest message that there is. */
const limitBytes = 80 * 1024;

/** What a server says first: a greeting or an error. */
export const mysqlGreeting: FuzzTarget = {
  name: 'mysql-greeting',
  seeds: [
    ...['9.7.0', '8.0.11', '5.5.5-10.11.19-MariaDB-log', '11.8.2-MariaDB'].map((version) =>
      packet(greeting(version)),
    ),
    ...[packet(error(1040, 'Too many connections')), packet(error(1130, '#HY000Host is not allowed'))],
    ...['SSH-2.0-x\r\n', 'HTTP/1.1 400\r\n', '220 mail\r\n', 'RFB 003.008\n'].map(ascii),
    ...[packet(Uint8Array.of(0x0b)), packet(Uint8Array.of(9, 0x33, 0)), packet(greeting('x'), 1)],
  ],
  dictionary: [
    ...[
      '\0',
      '#',
      '#08004',
      '5.5.5-',
      '-MariaDB',
      '8.0.11',
      '99999999999.1.1',
      'mysql_native_password\0',
    ].map(ascii),
    ...[
      Uint8Array.of(10),
      Uint8Array.of(0xff),
      uint24le(4_096),
      uint24le(4_097),
      uint24le(1),
      Uint8Array.of(0x10, 4),
    ],
  ],
  maxBytes: 6_000,
  batch: 400,
  generate,
  run,
};

function generate(prng: Prng): Uint8Array {
  const version = `${pick(prng, ['', '5.5.5-'])}${pick(prng, ['8', '10', '9999999999', '-1', ''])}.${pick(prng, ['0', '11', 'x', ''])}${pick(prng, ['.36', '', '.4-MariaDB', '.4-log\x80'])}`;
  const payload = pick(prng, [
    greeting(version),
    joined(
      Uint8Array.of(10),
      ascii(version),
      Uint8Array.of(0),
      randomBytes(prng, pick(prng, [3, 4, 14, 15, 40])),
    ),
    error(
      pick(prng, [1040, 1053, 1080, 1129, 1135, 1130, 65_535]),
      pick(prng, ['', '#', '#0800', '#08004', '#08004x', 'y'.repeat(600)]),
    ),
  ]);
  return joined(
    packet(payload, pick(prng, [0, 0, 0, 0, 1, 255]), mostly(prng, payload.length)),
    randomBytes(prng, pick(prng, [0, 0, 9])),
  );
}

function run(input: Uint8Array): void {
  const [whole, ...others] = cutsOf(input).map(read);
  if (whole === undefined) return;
  for (const other of others) promise(other === whole, `cut: ${other}, whole: ${whole}`);
  for (const filler of [0, 0x41]) {
    const opening = new MysqlServerOpening();
    if (opening.push(input).kind !== 'need-more') return;
    const forEver = waitsForEver((chunk) => opening.push(chunk).kind === 'need-more', filler, limitBytes);
    promise(!forEver, 'it waits for more, whatever comes');
  }
}

function read(chunks: readonly Uint8Array[]): string {
  const opening = new MysqlServerOpening();
  let fed = new Uint8Array(0);
  for (const chunk of chunks) {
    const event = opening.push(chunk);
    fed = joined(fed, chunk) as Uint8Array<ArrayBuffer>;
    switch (event.kind) {
      case 'need-more':
        continue;
      case 'malformed':
        assertReadable(event.why);
        return event.why;
      default: {
        promise(hex(event.bytes) === hex(fed), 'an answer is not passed on as it came');
        const { greeting: read } = opening;
        promise((event.kind === 'accepted') === (read !== null), 'a greeting is accepted once it was read');
        if (read !== null) parseServerVersion(read.serverVersion);
        return event.kind === 'refused'
          ? `${event.code} ${event.message}`
          : `${event.kind} ${read?.connectionId}`;
      }
    }
  }
  return 'waits';
}

/** What the client is told of it is an error of the protocol. */
function assertReadable(why: string): void {
  const error = clientError('server_protocol_violation', { why, instance: 'db-1', engine: 'mysql' });
  const words = mysqlProtocol.refusal(error, null);
  promise(
    new MysqlServerOpening().push(words).kind === 'refused',
    'the refusal is no error that can be read',
  );
}
