import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Position } from '../../../src/cluster/position.ts';
import { parseWalPosition, walOrder, walPosition } from '../../../src/engines/postgres/position.ts';

const { compare, missing } = walOrder;
const at = (text: string) => text as Position;

const anyPosition = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
  .map(([timeline, lsn]) =>
    walPosition(timeline, `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`),
  );

describe('WAL positions', () => {
  it('are read and written in the notation of the server', () => {
    assert.deepEqual(parseWalPosition('3/0/5000148'), { timeline: 3, lsn: 0x5000148n });
    assert.deepEqual(parseWalPosition('1/FF/0'), { timeline: 1, lsn: 0xff00000000n });
    assert.equal(walPosition(2, '1/ab'), '2/1/AB');
    for (const text of ['', '0/5000148', '1/0/', 'x/0/1', '1/0/123456789', '1/0/1 ']) {
      assert.equal(parseWalPosition(text), null, text);
    }
  });

  it('compare as numbers, not as text', () => {
    assert.equal(compare(at('1/0/F'), at('1/0/10')), 'behind');
    assert.equal(compare(at('1/2/0'), at('1/1/FFFFFFFF')), 'ahead');
    assert.equal(compare(at('1/0/10'), at('1/0/10')), 'equal');
    assert.deepEqual(missing(at('1/1/0'), at('1/0/FFFFFFF0')), { amount: 16, unit: 'bytes' });
    assert.deepEqual(missing(at('1/0/10'), at('1/0/20')), { amount: 0, unit: 'bytes' });
  });

  it('on two timelines are ahead or diverged, by an unknown amount', () => {
    assert.equal(compare(at('2/0/20'), at('1/0/20')), 'ahead');
    assert.equal(compare(at('1/0/20'), at('2/0/20')), 'behind');
    assert.equal(compare(at('2/0/10'), at('1/0/20')), 'diverged');
    assert.equal(compare(at('1/0/20'), at('2/0/10')), 'diverged');
    assert.equal(missing(at('2/0/20'), at('1/0/10')), null);
  });

  it('compare the other way round to the opposite', () => {
    const opposite = { equal: 'equal', ahead: 'behind', behind: 'ahead', diverged: 'diverged' };
    fc.assert(
      fc.property(anyPosition, anyPosition, (a, b) => {
        assert.equal(compare(b, a), opposite[compare(a, b)]);
        assert.equal(compare(a, a), 'equal');
        const distance = missing(a, b);
        if (distance !== null) assert.equal(distance.amount > 0, compare(a, b) === 'ahead');
      }),
    );
  });

  it('order transitively', () => {
    fc.assert(
      fc.property(anyPosition, anyPosition, anyPosition, (a, b, c) => {
        if (compare(a, b) === 'ahead' && compare(b, c) === 'ahead') assert.equal(compare(a, c), 'ahead');
      }),
    );
  });
});

it('past the place where a newer timeline forked off, and nowhere else', () => {
  assert.deepEqual(walOrder.beyond(at('1/0/5000'), at('2/0/4F00')), { amount: 256, unit: 'bytes' });
  assert.deepEqual(walOrder.beyond(at('1/0/4000'), at('2/0/4F00')), { amount: 0, unit: 'bytes' });
  assert.equal(walOrder.beyond(at('2/0/5000'), at('2/0/4F00')), null);
});
