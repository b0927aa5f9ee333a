import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { leastSkewMs, readClock } from '../../src/engines/clock-reading.ts';

test('the quickest answer counts', () => {
  const reading = readClock([
    { askedAtMs: 1_000, saidMs: 9_000, heardAtMs: 1_900 },
    { askedAtMs: 2_000, saidMs: 2_505, heardAtMs: 2_010 },
  ]);
  assert.deepEqual(reading, { aheadMs: 500, uncertaintyMs: 5 });
  assert.equal(readClock([]), null);
});

test('however long question and answer take, a right clock is never said to be wrong, and a wrong one within its error', () => {
  const delay = fc.integer({ min: 0, max: 5_000 });
  fc.assert(
    fc.property(
      fc.integer({ min: -10_000, max: 10_000 }),
      fc.array(fc.tuple(delay, delay), { minLength: 1 }),
      (skewMs, trips) => {
        const samples = trips.map(([there, back], at) => {
          const askedAtMs = at * 20_000;
          return { askedAtMs, saidMs: askedAtMs + there + skewMs, heardAtMs: askedAtMs + there + back };
        });
        const reading = readClock(samples);
        assert.ok(reading !== null);
        assert.ok(Math.abs(reading.aheadMs - skewMs) <= reading.uncertaintyMs);
        assert.ok(leastSkewMs(reading) <= Math.abs(skewMs));
      },
    ),
  );
});
