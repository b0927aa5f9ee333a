import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ServerEvent } from '../../../src/engines/engine.ts';
import { MysqlServerOpening, mysqlProtocol } from '../../../src/engines/mysql/handshake.ts';
import { encodePacket } from '../../../src/engines/mysql/packets.ts';
import { bytes, mariadbGreeting, mysqlGreeting } from './greetings.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const full = encodePacket(0, bytes(`ff 1004 ${Buffer.from('Too many connections').toString('hex')}`));

const feed = (chunks: readonly Uint8Array[]): ServerEvent => {
  const opening = new MysqlServerOpening();
  for (const chunk of chunks) {
    const event = opening.push(chunk);
    if (event.kind !== 'need-more') return event;
  }
  return { kind: 'need-more' };
};

/** `whole` cut at the given places. */
const cut = (whole: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const edges = [0, ...places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  return edges.slice(1).map((end, index) => whole.subarray(edges[index], end));
};

test('a greeting is accepted with all its bytes, and tells of its server', () => {
  const opening = new MysqlServerOpening();
  assert.deepEqual(opening.push(mysqlGreeting), { kind: 'accepted', bytes: mysqlGreeting });
  assert.deepEqual(opening.greeting, { serverVersion: '9.7.4-2', connectionId: 9, offersTls: true });

  const other = new MysqlServerOpening();
  assert.equal(other.push(mariadbGreeting).kind, 'accepted');
  assert.deepEqual(other.greeting, {
    serverVersion: '5.5.5-10.11.19-MariaDB',
    connectionId: 30,
    offersTls: false,
  });
});

test('what came behind the greeting is kept', () => {
  const more = Uint8Array.of(...mysqlGreeting, 1, 2, 3);
  assert.deepEqual(feed([more]), { kind: 'accepted', bytes: more });
});

test('any chunking of a greeting or an error gives the same event', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(mysqlGreeting, mariadbGreeting, full),
      fc.array(fc.nat(400), { maxLength: 12 }),
      (whole, places) => assert.deepEqual(feed(cut(whole, places)), feed([whole])),
    ),
  );
});

test('a greeting or an error that is not there yet is waited for', () => {
  for (const whole of [mysqlGreeting, full]) {
    for (let length = 0; length < whole.length; length += 1) {
      assert.equal(feed([whole.subarray(0, length)]).kind, 'need-more', `${length} bytes`);
    }
  }
});

test('an error in place of the greeting refuses, with or without an SQLSTATE', () => {
  const expected = { kind: 'refused', code: '1040', message: 'Too many connections', retryable: true };
  assert.deepEqual(feed([full]), { ...expected, bytes: full });
  const withState = encodePacket(
    0,
    bytes(`ff 1004 ${Buffer.from('#08004Too many connections').toString('hex')}`),
  );
  assert.deepEqual(feed([withState]), { ...expected, bytes: withState });
});

test('another server may do better where this one is full, shuts down or has blocked the host', () => {
  const retryable = (errno: number): boolean => {
    const event = feed([encodePacket(0, Uint8Array.of(0xff, errno & 0xff, errno >> 8, 0x21))]);
    return event.kind === 'refused' && event.retryable;
  };
  assert.deepEqual([1040, 1053, 1080, 1129, 1135].filter(retryable), [1040, 1053, 1080, 1129, 1135]);
  assert.deepEqual([1045, 1130, 1203, 1251].filter(retryable), []);
});

test('whoever else answers is named', () => {
  const why = (sent: Uint8Array | string): string => {
    const event = feed([typeof sent === 'string' ? text(sent) : sent]);
    return event.kind === 'malformed' ? event.why : event.kind;
  };
  assert.match(why('SSH-2.0-OpenSSH_9.2p1\r\n'), /SSH server/);
  assert.match(why('HTTP/1.1 400 Bad Request\r\n'), /HTTP server/);
  assert.match(why('220 mail.example.com ESMTP\r\n'), /mail or FTP/);
  assert.match(why(bytes('05000000 0b 08051a00')), /X Protocol/);
  assert.match(why(bytes('0a000000 09')), /version 9/);
  assert.match(why(bytes('0500000052')), /no greeting/);
  assert.match(why(bytes('00000000')), /no MySQL header/);
  assert.match(why(bytes('4a0000010a')), /no MySQL header/, 'a sequence that does not begin with 0');
  assert.match(why(bytes('ffffff00')), /no MySQL header/, '16 MB announced');
  assert.match(why(encodePacket(0, bytes('0a 382e3000 01'))), /cut short/);
  assert.match(why(encodePacket(0, bytes('ff 10'))), /cut short/);
});

test('a server cannot make the decoder keep more than 64 KB', () => {
  const flood = (length: number) => feed([Uint8Array.of(...mysqlGreeting, ...new Uint8Array(length))]).kind;
  assert.equal(flood(65_536 - mysqlGreeting.length), 'accepted');
  assert.equal(flood(65_537 - mysqlGreeting.length), 'malformed');
});

test('garbage is accepted, refused, malformed or incomplete, and nothing else', () => {
  const nearly = fc
    .tuple(fc.constantFrom(mysqlGreeting, full), fc.nat(80), fc.nat(255))
    .map(([whole, at, value]) => whole.map((byte, index) => (index === at ? value : byte)));
  fc.assert(
    fc.property(
      fc.oneof(fc.uint8Array({ maxLength: 200 }), nearly),
      fc.array(fc.nat(200)),
      (garbage, places) => {
        const chunked = feed(cut(garbage, places));
        const atOnce = feed([garbage]);
        assert.ok(['accepted', 'refused', 'malformed', 'need-more'].includes(atOnce.kind));
        assert.equal(chunked.kind, atOnce.kind);
      },
    ),
    { numRuns: 500 },
  );
});

test('a client that speaks first is no MySQL client', () => {
  assert.equal(mysqlProtocol.speaksFirst, 'server');
  const opening = mysqlProtocol.clientOpening();
  assert.equal(opening.push(text('GET / HTTP/1.1')).kind, 'malformed');
  assert.equal(opening.rest().length, 0);
});
