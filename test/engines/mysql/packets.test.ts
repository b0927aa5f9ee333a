import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodePacket, joinBytes, readHeader } from '../../../src/engines/mysql/packets.ts';

test('a packet says how long it is and which it is', () => {
  const packet = encodePacket(7, new Uint8Array(0x010203));
  assert.deepEqual([...packet.subarray(0, 4)], [0x03, 0x02, 0x01, 7]);
  assert.deepEqual(readHeader(packet), { payloadLength: 0x010203, sequence: 7 });
});

test('any payload that fits one packet is read back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(255), (payload, sequence) => {
      const packet = encodePacket(sequence, payload);
      assert.deepEqual(readHeader(packet), { payloadLength: payload.length, sequence });
      assert.deepEqual(packet.subarray(4), payload);
    }),
  );
});

test('a header that has not come whole is not read', () => {
  for (let length = 0; length < 4; length += 1) assert.equal(readHeader(new Uint8Array(length)), null);
});

test('a payload that needs more than one packet is refused', () => {
  assert.throws(() => encodePacket(0, new Uint8Array(0xffffff)), RangeError);
});

test('pieces join in order', () => {
  assert.deepEqual(joinBytes([]), new Uint8Array(0));
  assert.deepEqual(
    joinBytes([Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(2, 3)]),
    Uint8Array.of(1, 2, 3),
  );
});
