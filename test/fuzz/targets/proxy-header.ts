import type { Prng } from '../../../src/base/prng.ts';
import { crc32c } from '../../../src/proxy-protocol/crc32c.ts';
import { HeaderDecoder } from '../../../src/proxy-protocol/decoder.ts';
import { encodeHeader } from '../../../src/proxy-protocol/encode.ts';
import { v2Signature } from '../../../src/proxy-protocol/v2.ts';
import { ascii, joined, listOf, mostly, pick, randomBytes, uint16, uint32 } from '../bytes.ts';
import { cutsOf, waitsForEver } from '../cuts.ts';
import { type FuzzTarget, promise } from '../target.ts';

const v2 = (command: number, family: number, following: Uint8Array, length = following.length): Uint8Array =>
  joined(v2Signature, Uint8Array.of(command, family), uint16(length), following);
const addresses4 = Uint8Array.of(192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0x15, 0x38);
const addresses6 = new Uint8Array(36).fill(0x20);
const tlv = (type: number, value: Uint8Array, length = value.length): Uint8Array =>
  joined(Uint8Array.of(type), uint16(length), value);

/** Beyond the longest header that there is. */
const limitBytes = 16 * 1024;

/** The PROXY header, of either version, that a connection begins with. */
export const proxyHeader: FuzzTarget = {
  name: 'proxy-header',
  seeds: [
    ...[
      'TCP4 192.0.2.1 192.0.2.2 12345 5432',
      'TCP6 2001:db8::1 ::1 1 65535',
      'UNKNOWN',
      'UNKNOWN x y z',
    ].map((line) => ascii(`PROXY ${line}\r\n`)),
    ...[v2(0x20, 0, new Uint8Array(0)), v2(0x21, 0x11, addresses4), v2(0x21, 0x21, addresses6)],
    v2(0x21, 0x31, new Uint8Array(216)),
    v2(0x21, 0x11, joined(addresses4, tlv(4, new Uint8Array(3)), tlv(0x20, ascii('\x01\0\0\0\0')))),
    withChecksum(joined(addresses4, tlv(3, new Uint8Array(4)))),
  ],
  dictionary: [
    ...[
      'PROXY ',
      'TCP4 ',
      'TCP6 ',
      'UNKNOWN',
      '\r\n',
      '\r',
      '::',
      '::ffff:1.2.3.4',
      '255.255.255.255',
      ' 65536',
      ' 0',
    ].map(ascii),
    ...[
      v2Signature,
      Uint8Array.of(0x21, 0x11),
      Uint8Array.of(0x20),
      uint16(12),
      uint16(36),
      uint16(4_096),
      uint16(4_097),
    ],
    ...[tlv(3, new Uint8Array(4)), tlv(4, new Uint8Array(0)), Uint8Array.of(3, 0, 5)],
  ],
  maxBytes: 5_000,
  batch: 400,
  generate,
  run,
};

function withChecksum(following: Uint8Array): Uint8Array {
  const header = v2(0x21, 0x11, following).slice();
  header.set(uint32(crc32c(header)), header.length - 4);
  return header;
}

function generate(prng: Prng): Uint8Array {
  const part = () => pick(prng, ['0', '1', '192', '255', '256', '01', '']);
  const ip4 = () => [part(), part(), part(), part()].join('.');
  const ip6 = () => listOf(prng, 9, () => pick(prng, ['0', 'ffff', '1', '', '12345', 'g'])).join(':');
  if (prng.next() < 0.4) {
    const ip = pick(prng, [ip4, ip6]);
    const port = () => pick(prng, ['0', '5432', '65535', '65536', '05', '-1']);
    const line = [pick(prng, ['TCP4', 'TCP6', 'UNKNOWN', 'UDP4']), ip(), ip(), port(), port()].join(' ');
    return ascii(`PROXY ${line}${pick(prng, ['\r\n', '\r\n', '\n', '\r'])}`);
  }
  const extension = () => {
    const value = randomBytes(prng, pick(prng, [0, 1, 4, 4, 100]));
    return tlv(pick(prng, [1, 2, 3, 4, 5, 0x20, 0xee]), value, mostly(prng, value.length));
  };
  const following = joined(
    pick(prng, [addresses4, addresses6, new Uint8Array(216), randomBytes(prng, 11)]),
    ...listOf(prng, 6, extension),
  );
  const family = pick(prng, [0, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32, 0x41, 0x13]);
  if (prng.next() < 0.2) return withChecksum(joined(addresses4, extension(), tlv(3, new Uint8Array(4))));
  return v2(pick(prng, [0x20, 0x21, 0x21, 0x22, 0x10]), family, following, mostly(prng, following.length));
}

function run(input: Uint8Array): void {
  const [whole, ...others] = cutsOf(input).map(read);
  if (whole === undefined) return;
  for (const other of others) promise(other === whole, `cut: ${other}, whole: ${whole}`);
  for (const filler of [0, 0x41]) {
    const decoder = new HeaderDecoder();
    if (decoder.push(input).kind !== 'need-more') return;
    const forEver = waitsForEver((chunk) => decoder.push(chunk).kind === 'need-more', filler, limitBytes);
    promise(!forEver, 'it waits for more, whatever comes');
  }
}

function read(chunks: readonly Uint8Array[]): string {
  const decoder = new HeaderDecoder();
  let fed = 0;
  for (const chunk of chunks) {
    const event = decoder.push(chunk);
    fed += chunk.length;
    if (event.kind === 'need-more') continue;
    if (event.kind === 'malformed') return event.why;
    promise(event.length <= fed, 'a header is longer than what was sent');
    promise(decoder.bytes.length === fed, 'bytes behind the header were lost');
    const { header, length } = event;
    for (const version of ['v1', 'v2'] as const) {
      const again = new HeaderDecoder().push(encodeHeader(version, header));
      promise(
        again.kind === 'header' && again.header.kind === header.kind,
        `it does not read back as ${version}`,
      );
    }
    return `${JSON.stringify(header, (_, value) => (value instanceof Uint8Array ? [...value] : value))} ${length}`;
  }
  return 'waits';
}
