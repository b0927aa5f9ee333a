import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readGreeting, withConnectionId } from '../../../src/engines/mysql/greeting.ts';
import { failedKill, killSql, readKill, renumberKill } from '../../../src/engines/mysql/kill.ts';
import { KillWatch } from '../../../src/engines/mysql/kill-watch.ts';
import { encodePacket, joinBytes } from '../../../src/engines/mysql/packets.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const attributes = Uint8Array.of(0, 1);
const query = (sql: string, prefix: Uint8Array = new Uint8Array(0)): Uint8Array =>
  encodePacket(0, joinBytes([Uint8Array.of(0x03), prefix, bytesOf(sql)]));
const processKill = (session: number): Uint8Array => {
  const payload = new Uint8Array(5);
  payload[0] = 0x0c;
  new DataView(payload.buffer).setUint32(1, session, true);
  return encodePacket(0, payload);
};
const login = (capabilities: number): Uint8Array => {
  const payload = new Uint8Array(60);
  new DataView(payload.buffer).setUint32(0, capabilities, true);
  return encodePacket(1, payload);
};
const textOf = (packet: Uint8Array): string => new TextDecoder('latin1').decode(packet.subarray(4));

const session = fc.integer({ min: 0, max: 0xffff_ffff });
const command = fc.record({
  session,
  scope: fc.constantFrom('connection' as const, 'query' as const),
  force: fc.constantFrom('hard' as const, 'soft' as const, null),
});
const prefix = fc.constantFrom(new Uint8Array(0), attributes);

describe('KILL', () => {
  test('is read in every form that names a session by its number', () => {
    const bare = { session: 7, scope: 'connection', force: null };
    for (const [sql, expected] of [
      ['KILL 7', bare],
      ['kill 7;', bare],
      ['Kill\tConnection\n 7 ; ', bare],
      ['KILL QUERY 7', { ...bare, scope: 'query' }],
      ['KILL HARD QUERY 7', { ...bare, scope: 'query', force: 'hard' }],
      ['KILL SOFT 7', { ...bare, force: 'soft' }],
    ] as const) {
      assert.deepEqual(readKill(query(sql)), expected, sql);
      assert.deepEqual(readKill(query(sql, attributes)), expected, sql);
    }
    assert.deepEqual(readKill(processKill(7)), bare);
  });

  test('is read where a driver took the number for a signed one (MariaDB Connector/J 2)', () => {
    assert.equal(readKill(query('KILL QUERY -515383870'))?.session, 0x1_0000_0000 - 515383870);
    assert.equal(readKill(query('KILL -2147483648'))?.session, 0x8000_0000);
    assert.equal(readKill(query('KILL QUERY 3779583426'))?.session, 3779583426);
  });

  test('is not read where it names somebody otherwise, or is more than that', () => {
    for (const sql of [
      ...[
        'KILL',
        'KILL QUERY',
        'KILLS 7',
        'KILL7',
        'KILL - 7',
        'KILL -2147483649',
        'KILL 7 + 1',
        'KILL CONNECTION_ID()',
        'KILL 0x7',
      ],
      ...['KILL QUERY ID 7', 'KILL USER 7', 'KILL 7; SELECT 1', 'SELECT 7', 'KILL 4294967296', "KILL '7'"],
    ]) {
      assert.equal(readKill(query(sql)), null, sql);
    }
    assert.equal(readKill(encodePacket(0, Uint8Array.of(0x0c, 1, 2))), null);
    assert.equal(readKill(new Uint8Array(0)), null);
  });

  test('gets another number, and stays the same otherwise', () => {
    fc.assert(
      fc.property(command, session, prefix, (before, number, form) => {
        const renumbered = renumberKill(query(killSql(before), form), number);
        assert.deepEqual(renumbered, query(killSql({ ...before, session: number }), form));
        assert.deepEqual(readKill(renumbered), { ...before, session: number });
        assert.deepEqual(renumberKill(processKill(before.session), number), processKill(number));
      }),
    );
  });

  test('an error is a statement of the same form, whose text cannot end its string', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), prefix, (message, form) => {
        const packet = failedKill(query('KILL 7', form), { errno: 1095, message });
        const head = form.length === 0 ? '\x03' : '\x03\0\x01';
        const text = textOf(packet);
        assert.ok(text.startsWith(`${head}SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1095, MESSAGE_TEXT = '`));
        assert.match(text.slice(head.length), /MESSAGE_TEXT = '[^'\\]{0,128}'$/);
      }),
    );
    const old = processKill(7);
    assert.equal(failedKill(old, { errno: 1095, message: 'no' }), old);
  });

  test('anything at all is read or not, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readKill(bytes);
        new KillWatch('start').sees(bytes);
        new KillWatch('command').sees(bytes);
      }),
    );
  });
});

describe('the watch for a KILL', () => {
  const statement = fc.string({ maxLength: 200 }).map((text) => query(`SELECT ${text}`));
  const answer = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 255 }))
    .map(([payload, sequence]) => encodePacket(sequence, payload));
  const kill = fc.tuple(command, prefix).map(([one, form]) => query(killSql(one), form));

  test('finds each KILL that comes by itself, whatever comes before, in pieces of any size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(statement, answer), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        kill,
        (packets, sizes, wanted) => {
          const watch = new KillWatch('start');
          assert.equal(watch.sees(login(0)), false);
          const before = joinBytes(packets.length === 0 ? [new Uint8Array(0)] : packets);
          for (let at = 0, turn = 0; at < before.length; turn += 1) {
            const size = sizes[turn % sizes.length] ?? 1;
            assert.equal(watch.sees(before.subarray(at, at + size)), false);
            at += size;
          }
          assert.equal(watch.sees(wanted), true);
          assert.equal(watch.sees(wanted), true, 'the next one begins where this one did');
        },
      ),
    );
  });

  test('finds none inside of another packet, wherever that is cut', () => {
    fc.assert(
      fc.property(kill, fc.uint8Array({ maxLength: 50 }), (hidden, rest) => {
        const outer = encodePacket(0, joinBytes([Uint8Array.of(0x03), hidden, rest]));
        const watch = new KillWatch('command');
        assert.equal(watch.sees(outer.subarray(0, 5)), false);
        assert.equal(watch.sees(hidden), false);
        assert.equal(watch.sees(rest), false);
        assert.equal(watch.sees(hidden), true, 'the packet is over');
      }),
    );
  });

  test('finds none that comes in two pieces, or with another command: these go to the server', () => {
    const watch = new KillWatch('command');
    const packet = query('KILL 7');
    assert.equal(watch.sees(packet.subarray(0, 6)), false);
    assert.equal(watch.sees(packet.subarray(6)), false);
    assert.equal(watch.sees(joinBytes([packet, query('SELECT 1')])), false);
    assert.equal(watch.sees(packet), true);
  });

  test('gives up where TLS or compression begins, or the first packet is cut short', () => {
    for (const first of [login(0x800), login(0x20), login(0x400_0000), login(0).subarray(0, 6)]) {
      const watch = new KillWatch('start');
      assert.equal(watch.sees(first), false);
      assert.equal(watch.sees(query('KILL 7')), false);
    }
  });
});

test('a greeting gets another number, and stays the same otherwise', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{1,40}$/), session, session, (version, before, after) => {
      const tail = new Uint8Array(40).fill(7);
      const payload = joinBytes([
        Uint8Array.of(10),
        bytesOf(`${version}\0`),
        new Uint8Array(new Uint32Array([before]).buffer),
        tail,
      ]);
      // A view into something larger, as a socket's chunk is.
      const packet = Buffer.concat([Buffer.from('xx'), encodePacket(0, payload)]).subarray(2);
      const copy = Buffer.from(packet);
      const renumbered = withConnectionId(packet, after);
      assert.equal(readGreeting(renumbered)?.connectionId, after);
      assert.deepEqual(Buffer.from(withConnectionId(renumbered, before)), copy);
      assert.deepEqual(packet, copy, 'the original is untouched');
    }),
  );
});
