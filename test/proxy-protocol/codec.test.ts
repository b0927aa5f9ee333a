import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fromIpv6, parseIp } from '../../src/base/ip.ts';
import { crc32c } from '../../src/proxy-protocol/crc32c.ts';
import { HeaderDecoder } from '../../src/proxy-protocol/decoder.ts';
import { encodeHeader } from '../../src/proxy-protocol/encode.ts';
import type { HeaderEvent, ProxyHeader, SocketEnd } from '../../src/proxy-protocol/header.ts';
import { v2Signature } from '../../src/proxy-protocol/v2.ts';

const text = (line: string): Buffer => Buffer.from(line, 'latin1');
const decode = (bytes: Uint8Array): HeaderEvent => new HeaderDecoder().push(bytes);
const end = (ip: string, port: number): SocketEnd => ({ ip: parseIp(ip) ?? new Uint8Array(), port });
const proxied = (from: SocketEnd, to: SocketEnd): ProxyHeader => ({
  kind: 'proxied',
  source: from,
  destination: to,
});

const port = fc.nat(65_535);
const plain = { noNullPrototype: true };
const anyEnd: fc.Arbitrary<SocketEnd> = fc.oneof(
  fc.record({ ip: fc.uint8Array({ minLength: 4, maxLength: 4 }), port }, plain),
  fc.record({ ip: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(fromIpv6), port }, plain),
);
const anyHeader: fc.Arbitrary<ProxyHeader> = fc.oneof(
  fc.constant<ProxyHeader>({ kind: 'local' }),
  fc.record({ kind: fc.constant('proxied' as const), source: anyEnd, destination: anyEnd }, plain),
);
const version = fc.constantFrom('v1' as const, 'v2' as const);

/** A version 2 header of these parts. */
function v2(command: number, family: number, following: Uint8Array, announced = following.length): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(announced);
  return Buffer.concat([v2Signature, Uint8Array.of(command, family), length, following]);
}

const tlv = (type: number, value: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(type, value.length >> 8, value.length & 0xff), value]);
const tcp4Addresses = Uint8Array.of(192, 0, 2, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x0c, 0xea);
const tcp4Header = proxied(end('192.0.2.7', 40_000), end('10.0.0.1', 3306));

/** With a checksum that is right, then changed by `flip`. */
function withChecksum(flip = 0): Buffer {
  const bytes = v2(0x21, 0x11, Buffer.concat([tcp4Addresses, tlv(4, text('x')), tlv(3, Buffer.alloc(4))]));
  bytes.writeUInt32BE((crc32c(bytes) ^ flip) >>> 0, bytes.length - 4);
  return bytes;
}

describe('a PROXY header', () => {
  it('is read as it was written, whatever comes behind it', () => {
    fc.assert(
      fc.property(version, anyHeader, fc.uint8Array({ maxLength: 40 }), (as, header, behind) => {
        const bytes = encodeHeader(as, header);
        const event = decode(Buffer.concat([bytes, behind]));
        assert.deepEqual(event, { kind: 'header', header, length: bytes.length });
      }),
    );
  });

  it('is the same however it is split, and needs more until its last byte', () => {
    const cases = [
      encodeHeader('v1', tcp4Header),
      text('PROXY UNKNOWN and whatever else\r\n'),
      withChecksum(),
      v2(0x20, 0, text('ignored')),
    ];
    for (const bytes of cases) {
      const whole = decode(bytes);
      assert.equal(whole.kind, 'header');
      const decoder = new HeaderDecoder();
      for (let at = 0; at < bytes.length - 1; at++) {
        assert.deepEqual(decoder.push(bytes.subarray(at, at + 1)), { kind: 'need-more' }, `byte ${at}`);
        const halves = new HeaderDecoder();
        assert.equal(halves.push(bytes.subarray(0, at)).kind, 'need-more');
        assert.deepEqual(halves.push(bytes.subarray(at)), whole);
      }
      assert.deepEqual(decoder.push(bytes.subarray(-1)), whole);
    }
  });

  it('is bounded, and never throws, whatever comes', () => {
    const begin = fc.constantFrom<Uint8Array>(
      text('PROXY '),
      text('PROXY TCP4 1.2.3.4 '),
      v2Signature,
      v2(0x21, 0x21, Buffer.alloc(0), 4000),
      withChecksum(),
      Buffer.alloc(0),
    );
    fc.assert(
      fc.property(begin, fc.array(fc.uint8Array({ maxLength: 900 }), { maxLength: 12 }), (first, chunks) => {
        const decoder = new HeaderDecoder();
        let fed = first.length;
        let event = decoder.push(first);
        for (const chunk of chunks) {
          if (event.kind !== 'need-more') break;
          event = decoder.push(chunk);
          fed += chunk.length;
        }
        if (event.kind === 'need-more') assert.ok(fed < 16 + 4096, `${fed} bytes`);
        if (event.kind === 'header') assert.ok(event.length <= fed);
      }),
      { numRuns: 500 },
    );
  });

  it('of version 1 is exact', () => {
    const good: readonly [string, ProxyHeader][] = [
      [
        'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535',
        proxied(end('255.255.255.255', 65_535), end('255.255.255.255', 65_535)),
      ],
      ['PROXY TCP6 2001:db8::7 ::1 1 0', proxied(end('2001:db8::7', 1), end('::1', 0))],
      ['PROXY TCP6 ::ffff:192.0.2.7 ::1 1 0', proxied(end('192.0.2.7', 1), end('::1', 0))],
      ['PROXY UNKNOWN', { kind: 'local' }],
      [`PROXY UNKNOWN ${'f'.repeat(91)}`, { kind: 'local' }],
    ];
    for (const [line, header] of good) {
      assert.deepEqual(
        decode(text(`${line}\r\n`)),
        { kind: 'header', header, length: line.length + 2 },
        line,
      );
    }
    const bad = [
      'PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n',
      'PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\r\n',
      'PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n',
      'PROXY TCP4 192.0.2.7 10.0.0.1 1 2 3\r\n',
      'PROXY TCP4 192.0.2.7 10.0.0.1 1 2 \r\n',
      'PROXY TCP4  192.0.2.7 10.0.0.1 1 2\r\n',
      'PROXY TCP4 192.0.2.07 10.0.0.1 1 2\r\n',
      'PROXY TCP4 192.0.2.7 10.0.0.1 01 2\r\n',
      'PROXY TCP4 192.0.2.7 10.0.0.1 65536 2\r\n',
      'PROXY TCP4 ::1 ::1 1 2\r\n',
      'PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n',
      'PROXY TCP6 fe80::1%lo ::1 1 2\r\n',
      'PROXY UDP4 192.0.2.7 10.0.0.1 1 2\r\n',
      'PROXY UNKNOWNS\r\n',
      `PROXY UNKNOWN ${'f'.repeat(92)}\r\n`,
      'proxy TCP4 192.0.2.7 10.0.0.1 1 2\r\n',
      'GET / HTTP/1.1\r\n',
    ];
    for (const line of bad) assert.equal(decode(text(line)).kind, 'malformed', line);
    assert.equal(decode(text(`PROXY UNKNOWN ${'f'.repeat(92)}`)).kind, 'malformed', 'no end in sight');
  });

  it('of version 2 is exact', () => {
    const read = (bytes: Buffer): ProxyHeader | string => {
      const event = decode(bytes);
      if (event.kind === 'header') assert.equal(event.length, bytes.length);
      return event.kind === 'header' ? event.header : event.kind;
    };
    const local: ProxyHeader = { kind: 'local' };
    assert.deepEqual(read(v2(0x21, 0x11, tcp4Addresses)), tcp4Header);
    assert.deepEqual(read(withChecksum()), tcp4Header);
    assert.deepEqual(
      read(v2(0x20, 0x11, tcp4Addresses)),
      local,
      'LOCAL: what it says besides is not looked at',
    );
    assert.deepEqual(read(v2(0x20, 0xff, Buffer.alloc(3))), local);
    assert.deepEqual(read(v2(0x21, 0, Buffer.alloc(9))), local, 'UNSPEC');
    assert.deepEqual(read(v2(0x21, 0x31, Buffer.alloc(216))), local, 'UNIX');
    assert.deepEqual(read(v2(0x21, 0x12, tcp4Addresses)), local, 'UDP');
    const bad: readonly Buffer[] = [
      v2(0x22, 0x11, tcp4Addresses),
      v2(0x31, 0x11, tcp4Addresses),
      v2(0x11, 0x11, tcp4Addresses),
      v2(0x21, 0x41, tcp4Addresses),
      v2(0x21, 0x13, tcp4Addresses),
      v2(0x21, 0x11, tcp4Addresses.subarray(1)),
      v2(0x21, 0x21, Buffer.alloc(35)),
      v2(0x21, 0x31, Buffer.alloc(215)),
      v2(0x21, 0x11, Buffer.concat([tcp4Addresses, Uint8Array.of(4)])),
      v2(0x21, 0x11, Buffer.concat([tcp4Addresses, Uint8Array.of(4, 0, 2, 1)])),
      v2(0x21, 0x11, Buffer.concat([tcp4Addresses, tlv(3, Buffer.alloc(3))])),
      v2(0x21, 0x11, Buffer.alloc(0), 4097),
      withChecksum(1),
    ];
    for (const bytes of bad) assert.equal(read(bytes), 'malformed', bytes.toString('hex'));
  });

  it('has the checksum of RFC 3720', () => {
    assert.equal(crc32c(text('123456789')), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
  });
});
