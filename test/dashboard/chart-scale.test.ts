import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { linePath, nearest, runsOf, ticksTo } from '../../dashboard/src/chart-scale.ts';

const plane = { width: 100, height: 50, from: 0, to: 100_000, top: 10 };

test('axes have few and round ticks that reach the largest value', () => {
  assert.deepEqual(ticksTo(0, 1), [0, 0.5, 1]);
  assert.deepEqual(ticksTo(3.2, 1), [0, 1, 2, 3, 4]);
  assert.deepEqual(ticksTo(66, 4), [0, 20, 40, 60, 80]);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (largest) => {
      const ticks = ticksTo(largest, 1);
      assert.ok(ticks.length >= 2 && ticks.length <= 6, `${ticks}`);
      assert.ok((ticks.at(-1) ?? 0) >= largest * 0.999);
      assert.equal(ticks[0], 0);
    }),
  );
});

test('a line has a gap where a value is unknown and where a sample is missing', () => {
  const at = [0, 5_000, 10_000, 15_000, 60_000];
  const path = linePath(plane, at, [1, 2, null, 4, 5], 12_500);
  assert.equal(path, 'M0 45h.01L5 40M15 30h.01M60 25h.01');
});

test('what is before the plane is left out, what is above it stays at its edge', () => {
  assert.equal(
    linePath({ ...plane, from: 5_000, to: 105_000 }, [0, 5_000, 10_000], [1, 1, 99], 12_500),
    'M0 45h.01L5 0',
  );
});

test('the nearest sample, and none of none', () => {
  assert.equal(nearest([], 5), null);
  assert.equal(nearest([0, 10, 20], 14), 1);
  assert.equal(nearest([0, 10, 20], 1e9), 2);
});

test('runs of letters cover the whole strip', () => {
  assert.deepEqual(runsOf('hhdh'), [
    { letter: 'h', from: 0, to: 50 },
    { letter: 'd', from: 50, to: 75 },
    { letter: 'h', from: 75, to: 100 },
  ]);
  assert.deepEqual(runsOf(''), []);
});
