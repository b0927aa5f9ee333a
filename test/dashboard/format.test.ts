import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatAgo,
  formatBytes,
  formatExact,
  formatLag,
  formatMs,
  listed,
} from '../../dashboard/src/format.ts';

test('durations have their units, and no more digits than one reads', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0 ms'],
    [999.4, '999 ms'],
    [1_000, '1 s'],
    [1_550, '1.6 s'],
    [12_400, '12 s'],
    [59_999, '1 min'],
    [125_000, '2 min 5 s'],
    [3_600_000, '1 h'],
    [11_400_000, '3 h 10 min'],
    [90_000_000, '1 d 1 h'],
  ];
  for (const [ms, text] of cases) assert.equal(formatMs(ms), text);
});

test('lag below a twentieth of a second is none, and unknown is said', () => {
  assert.deepEqual([null, 0, 0.04, 0.25, 1.3, 75].map(formatLag), [
    '–',
    '0 s',
    '0 s',
    '300 ms',
    '1.3 s',
    '1 min 15 s',
  ]);
});

test('bytes, ages and lists', () => {
  assert.deepEqual([0, 1, 328, 12_345, 3_400_000, 2e9].map(formatBytes), [
    '0 bytes',
    '1 byte',
    '328 bytes',
    '12 kB',
    '3.4 MB',
    '2 GB',
  ]);
  assert.deepEqual([0, 4_999, 12_000, 200_000, 7_300_000, 4e8].map(formatAgo), [
    'just now',
    'just now',
    '12 s ago',
    '3 min ago',
    '2 h ago',
    '4 d ago',
  ]);
  assert.deepEqual(
    [listed([]), listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c'])],
    ['', 'a', 'a and b', 'a, b and c'],
  );
  assert.match(formatExact(new Date('2026-01-02T03:04:05.067Z')), /^2026-01-0[123] .*\(03:04:05\.067 UTC\)$/);
});
