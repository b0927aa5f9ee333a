import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serialize } from 'pg-protocol';
import type { ClientEvent } from '../../../src/engines/engine.ts';
import { StartupOpening } from '../../../src/engines/postgres/startup.ts';
import { anyCuts, ascii, chunked, join } from './chunks.ts';

/** What pg-protocol, an implementation of its own, sends. */
const startup30 = new Uint8Array(serialize.startup({ user: 'ann', database: 'orders' }));
const sslRequest = new Uint8Array(serialize.requestSsl());
const cancel30 = new Uint8Array(serialize.cancel(4711, 123456));

function packet(code: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = new Uint8Array(8 + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length);
  view.setUint32(4, code);
  bytes.set(body, 8);
  return bytes;
}

const version = (major: number, minor: number): number => major * 65_536 + minor;
const gssRequest = packet(80_877_104);
const cancelWith = (keyBytes: number): Uint8Array => packet(80_877_102, new Uint8Array(4 + keyBytes).fill(7));

function clientHello(payloadBytes: number): Uint8Array {
  const bytes = new Uint8Array(5 + payloadBytes).fill(9);
  bytes.set([0x16, 3, 1, payloadBytes >> 8, payloadBytes & 255, 1]);
  return bytes;
}

/** The first event that is not `need-more`, and what is left behind it. */
function read(chunks: readonly Uint8Array[]): { readonly event: ClientEvent; readonly rest: Uint8Array } {
  const opening = new StartupOpening();
  for (const [index, chunk] of chunks.entries()) {
    const event = opening.push(chunk);
    if (event.kind !== 'need-more') {
      const unread = event.kind === 'malformed' ? [] : chunks.slice(index + 1);
      return { event, rest: join([opening.rest(), ...unread]) };
    }
  }
  return { event: { kind: 'need-more' }, rest: new Uint8Array(0) };
}

const whyOf = (bytes: Uint8Array): string => {
  const { event } = read([bytes]);
  assert.equal(event.kind, 'malformed');
  return event.kind === 'malformed' ? event.why : '';
};

const messages: readonly (readonly [string, Uint8Array, ClientEvent['kind'], string | null])[] = [
  ['StartupMessage 3.0', startup30, 'request', 'startup'],
  ['StartupMessage 3.2', packet(version(3, 2), ascii('user\0ann\0_pq_.x\0on\0\0')), 'request', 'startup'],
  ['StartupMessage 3.9999', packet(version(3, 9999), ascii('user\0ann\0\0')), 'request', 'startup'],
  ['a startup without a user', packet(version(3, 0), ascii('\0')), 'request', 'startup'],
  ['the longest startup', packet(version(3, 0), longStartup(10_004)), 'request', 'startup'],
  ['SSLRequest', sslRequest, 'request', 'tls'],
  ['GSSENCRequest', gssRequest, 'request', 'gss'],
  ['CancelRequest', cancel30, 'cancel', null],
  ['CancelRequest of 3.2', cancelWith(256), 'cancel', null],
  ['a TLS hello', clientHello(512), 'request', 'direct-tls'],
  ['Terminate', Uint8Array.of(0x58, 0, 0, 0, 4), 'goodbye', null],
  ['the longest TLS hello', clientHello(16_384), 'request', 'direct-tls'],
];

function longStartup(bytes: number): Uint8Array {
  return ascii(`user\0${'x'.repeat(bytes - 8 - 7)}\0\0`);
}

describe('the first bytes of a PostgreSQL client', () => {
  for (const [name, bytes, kind, request] of messages) {
    it(`reads ${name} in any pieces, and leaves what is behind it`, () => {
      fc.assert(
        fc.property(anyCuts, fc.uint8Array({ maxLength: 20 }), (cuts, behind) => {
          const { event, rest } = read(chunked(join([bytes, behind]), cuts));
          assert.equal(event.kind, kind);
          if (event.kind === 'request') {
            assert.equal(event.request.kind, request);
            assert.deepEqual(event.request.bytes, bytes);
          }
          if (event.kind === 'cancel') assert.deepEqual(event.bytes, bytes);
          assert.deepEqual(rest, behind);
        }),
        { numRuns: 30 },
      );
    });

    it(`waits for all of ${name}`, () => {
      for (const missing of [1, 2, bytes.length - 1]) {
        assert.equal(read([bytes.slice(0, bytes.length - missing)]).event.kind, 'need-more');
      }
    });
  }

  it('reads an SSLRequest, then the startup message that follows it in plain', () => {
    const opening = new StartupOpening();
    assert.equal(opening.push(join([sslRequest, startup30.slice(0, 5)])).kind, 'request');
    const next = new StartupOpening();
    assert.equal(next.push(opening.rest()).kind, 'need-more');
    const event = next.push(startup30.slice(5));
    assert.ok(event.kind === 'request');
    assert.deepEqual(event.request.bytes, startup30);
  });

  it('finds out a liar without waiting for what it announced', () => {
    assert.match(whyOf(Uint8Array.of(0x7f)), /length/);
    assert.match(whyOf(Uint8Array.of(0, 1)), /length/);
    assert.match(whyOf(Uint8Array.of(0x58, 0, 0, 0, 5)), /length/);
    assert.match(whyOf(Uint8Array.of(0x58, 1)), /length/);
    assert.match(whyOf(Uint8Array.of(0, 0, 0x40)), /length/);
    assert.match(whyOf(Uint8Array.of(0, 0, 0x27, 0x15)), /8 to 10004/);
    assert.match(whyOf(Uint8Array.of(0, 0, 0, 7)), /length/);
    assert.match(whyOf(Uint8Array.of(0, 0, 0x20, 0, 0, 2)), /3\.x/);
    assert.match(whyOf(packet(80_877_105)), /request code/);
    assert.match(whyOf(Uint8Array.of(0, 0, 0, 9, 4, 0xd2, 0x16, 0x2f)), /length/);
  });

  it('names the versions that are supported', () => {
    assert.match(whyOf(packet(version(2, 0), ascii('ann'))), /version 2: the versions 3\.x/);
    assert.match(whyOf(packet(version(4, 0))), /version 4/);
  });

  it('takes cancel keys of 4 to 256 bytes only', () => {
    assert.equal(read([cancelWith(4)]).event.kind, 'cancel');
    assert.match(whyOf(cancelWith(3)), /4 to 256/);
    assert.match(whyOf(cancelWith(257)), /4 to 256/);
    assert.match(whyOf(cancelWith(257).slice(0, 8)), /4 to 256/);
  });

  it('wants the parameters to end where the message ends', () => {
    const layouts = ['', 'user\0ann\0', 'user\0ann', 'user\0ann\0\0more\0', '\0\0', 'user\0\0'];
    for (const layout of layouts) {
      assert.match(whyOf(packet(version(3, 0), ascii(layout))), /terminator/, JSON.stringify(layout));
    }
  });

  it('tells HTTP and SSH from garbage', () => {
    assert.match(whyOf(ascii('GET / HTTP/1.1\r\n')), /HTTP/);
    assert.match(whyOf(ascii('POST')), /HTTP/);
    assert.match(whyOf(ascii('PRI * HTTP/2.0')), /HTTP/);
    assert.match(whyOf(ascii('SSH-2.0')), /SSH/);
    assert.match(whyOf(ascii('GETX')), /length/);
    assert.equal(read([ascii('PO')]).event.kind, 'need-more');
  });

  it('knows a TLS record that is no client hello', () => {
    for (const bytes of [
      [0x16, 2],
      [0x16, 3, 9],
      [0x16, 3, 1, 0, 3],
      [0x16, 3, 1, 0x40, 1],
      [0x16, 3, 1, 1, 0, 2],
    ]) {
      assert.match(whyOf(Uint8Array.from(bytes)), /TLS/, String(bytes));
    }
  });

  it('answers garbage with an event, the same however it is cut, and stays with what it said', () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.uint8Array({ maxLength: 64 }).map((bytes) => join([Uint8Array.of(0, 0), bytes])),
      fc.uint8Array({ maxLength: 64 }).map((bytes) => join([Uint8Array.of(0x16, 3, 1), bytes])),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => packet(version(3, 0), bytes)),
      fc.string({ maxLength: 8 }).map((text) => ascii(`P${text}`)),
    );
    fc.assert(
      fc.property(garbage, anyCuts, fc.uint8Array({ maxLength: 8 }), (bytes, cuts, more) => {
        const whole = read([bytes]);
        const pieces = read(chunked(bytes, cuts));
        assert.deepEqual(pieces, whole);
        const opening = new StartupOpening();
        if (opening.push(bytes).kind === 'malformed') {
          assert.deepEqual(opening.push(more), whole.event);
          assert.equal(opening.rest().length, 0);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('never waits with more than the longest message', () => {
    const opening = new StartupOpening();
    const endless = new Uint8Array(1_000).fill(120);
    let event = opening.push(packet(version(3, 0), ascii('user\0')).fill(0x27, 2, 4));
    let held = 13;
    for (; event.kind === 'need-more'; held += endless.length) {
      assert.ok(held < 17_000, 'it decides');
      event = opening.push(endless);
    }
  });
});
