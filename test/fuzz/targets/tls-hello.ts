import type { Prng } from '../../../src/base/prng.ts';
import { ClientHelloReader } from '../../../src/engines/postgres/client-hello.ts';
import { ascii, hex, joined, listOf, mostly, pick, randomBytes, uint16 } from '../bytes.ts';
import { cutsOf, waitsForEver } from '../cuts.ts';
import { type FuzzTarget, promise } from '../target.ts';

const vector8 = (body: Uint8Array, length = body.length): Uint8Array =>
  joined(Uint8Array.of(length & 0xff), body);
const vector16 = (body: Uint8Array, length = body.length): Uint8Array => joined(uint16(length), body);
const extension = (type: number, body: Uint8Array, length = body.length): Uint8Array =>
  joined(uint16(type), vector16(body, length));
const serverName = (name: string): Uint8Array =>
  extension(0, vector16(joined(Uint8Array.of(0), vector16(ascii(name)))));
const versions = extension(43, Uint8Array.of(2, 3, 4));
const handshake = (body: Uint8Array, length = body.length): Uint8Array =>
  joined(Uint8Array.of(1, length >> 16, (length >> 8) & 0xff, length & 0xff), body);
const helloBody = (extensions: Uint8Array | null): Uint8Array =>
  joined(
    ...[
      Uint8Array.of(3, 3),
      new Uint8Array(32),
      vector8(new Uint8Array(32)),
      vector16(Uint8Array.of(0x13, 1, 0x13, 2)),
    ],
    ...[vector8(Uint8Array.of(0)), extensions ?? new Uint8Array(0)],
  );

function records(message: Uint8Array, recordBytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    parts.push(Uint8Array.of(0x16, 3, 1), vector16(message.subarray(at, at + recordBytes)));
  }
  return joined(...parts);
}

const hello = (recordBytes: number, ...extensions: readonly Uint8Array[]): Uint8Array =>
  records(handshake(helloBody(vector16(joined(...extensions)))), recordBytes);

/** Of a hello whose records carry a byte each. */
const limitBytes = 128 * 1024;

/** A TLS hello, in which the name of the server is looked for. */
export const tlsHello: FuzzTarget = {
  name: 'tls-hello',
  seeds: [
    hello(16_384, versions, serverName('writer.orders.example.com')),
    hello(16_384, versions),
    hello(7, serverName('reader'), versions),
    hello(1, serverName('a')),
    records(handshake(helloBody(null)), 16_384),
    hello(16_384, serverName('a'), serverName('b')),
    hello(16_384, extension(0, new Uint8Array(0))),
    joined(hello(50, serverName('x')), ascii('behind')),
  ],
  dictionary: [
    ...[
      serverName('a.b'),
      extension(0, new Uint8Array(0)),
      extension(16, vector16(vector8(ascii('postgresql')))),
      versions,
    ],
    ...[
      Uint8Array.of(0x16, 3, 1),
      Uint8Array.of(0x16, 3, 3, 0, 1),
      uint16(0),
      uint16(0xffff),
      uint16(16_384),
      uint16(16_385),
    ],
    ...[
      Uint8Array.of(1, 0, 0x40, 0),
      Uint8Array.of(1, 0, 0x40, 1),
      Uint8Array.of(1, 0xff, 0xff, 0xff),
      Uint8Array.of(0x15, 3, 3, 0, 2),
    ],
  ],
  maxBytes: 4_096,
  batch: 300,
  generate,
  run,
};

function generate(prng: Prng): Uint8Array {
  const one = (): Uint8Array => {
    const name = pick(prng, ['writer', 'a.example', '', 'x'.repeat(300), '\0', '\xff.y']);
    const entry = joined(
      Uint8Array.of(pick(prng, [0, 0, 0, 1])),
      vector16(ascii(name), mostly(prng, name.length)),
    );
    const list = joined(...listOf(prng, 2, () => entry));
    const names = vector16(list, mostly(prng, list.length));
    const other = randomBytes(prng, pick(prng, [0, 1, 64]));
    return pick(prng, [
      extension(0, names, mostly(prng, names.length)),
      extension(21, other),
      extension(0xfe0d, other),
      versions,
    ]);
  };
  const all = joined(...listOf(prng, 4, one));
  const body = helloBody(prng.next() < 0.1 ? null : vector16(all, mostly(prng, all.length)));
  const message = handshake(body, mostly(prng, body.length));
  return joined(
    records(message, pick(prng, [16_384, 16_384, 100, 5, 1])),
    randomBytes(prng, pick(prng, [0, 0, 7])),
  );
}

function run(input: Uint8Array): void {
  const [whole, ...others] = cutsOf(input).map((chunks) => read(chunks, input));
  if (whole === undefined) return;
  for (const other of others) promise(other === whole, `cut: ${other}, whole: ${whole}`);
  for (const filler of [Uint8Array.of(0x16, 3, 1, 0, 1, 0), Uint8Array.of(0), Uint8Array.of(0x41)]) {
    const reader = new ClientHelloReader();
    if (reader.push(input).kind !== 'need-more') return;
    const waits = (chunk: Uint8Array): boolean => {
      for (let at = 0; at < chunk.length; at += filler.length) {
        if (reader.push(filler).kind !== 'need-more') return false;
      }
      return true;
    };
    promise(!waitsForEver(waits, 0, limitBytes), 'it waits for more, whatever comes');
  }
}

function read(chunks: readonly Uint8Array[], input: Uint8Array): string {
  const reader = new ClientHelloReader();
  const queue = [...chunks];
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
    const event = reader.push(chunk);
    if (event.kind === 'need-more') continue;
    if (event.kind === 'malformed') return event.why;
    promise(
      hex(event.bytes) === hex(input.subarray(0, event.bytes.length)),
      'the hello is not what was sent',
    );
    const left = reader.rest().length + queue.reduce((sum, { length }) => sum + length, 0);
    promise(event.bytes.length + left === input.length, 'bytes behind the hello were lost');
    return `${event.serverName} ${event.bytes.length}`;
  }
  return 'waits';
}
