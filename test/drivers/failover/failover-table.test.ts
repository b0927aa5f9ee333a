import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failoverTables, summarise } from './failover-table.ts';
import type { DriverRun } from './measure.ts';

const run = (given: Partial<DriverRun>): DriverRun => ({
  ...{ driver: 'pg', title: 'node-postgres', version: '8', settings: 'defaults', fault: 'switchover' },
  ...{ gapMs: 100, end: 'goes on', errors: {}, again: {}, messages: {}, remarks: [] },
  ...{ acknowledged: 100, missing: 0, twice: 0 },
  ...given,
});

test('runs of a driver come to a median, a maximum and the sums of what went wrong', () => {
  const [summary, ...more] = summarise([
    run({ gapMs: 300, errors: { '57P01': 1 }, missing: 2 }),
    run({ gapMs: 100.4 }),
    run({ gapMs: 200, errors: { '57P01': 2, '08006': 1 }, twice: 1 }),
  ]);
  assert.deepEqual(more, []);
  assert.deepEqual(summary, {
    ...{ driver: 'pg', title: 'node-postgres', version: '8', settings: 'defaults', fault: 'switchover' },
    ...{ runs: 3, gapMs: { p50: 200, max: 300 }, hung: 0, died: 0 },
    ...{ errors: { '57P01': 3, '08006': 1 }, again: {}, missing: 2, twice: 1 },
  });
});

test('a gap that has no end is no number', () => {
  const [summary] = summarise([
    run({}),
    run({ gapMs: null, end: 'hung' }),
    run({ gapMs: null, end: 'died' }),
  ]);
  assert.equal(summary?.gapMs, null);
  assert.deepEqual([summary?.hung, summary?.died], [1, 1]);
});

test('the tables have a row for each driver and a column for each fault that was tried', () => {
  const text = failoverTables(
    summarise([
      run({ errors: { '57P01': 1 } }),
      run({ fault: 'kill -9', gapMs: null, end: 'died' }),
      run({ fault: 'kill -9', gapMs: 5, missing: 3 }),
      run({ settings: 'recommended', again: { '08006': 2 } }),
      run({ settings: 'recommended', driver: 'mysql2', title: 'mysql2', version: '3' }),
    ]),
  );
  assert.equal(
    text,
    [
      '**Without any settings, each row tried once**',
      '',
      '| driver | switchover | kill -9 |',
      '|---|---|---|',
      '| node-postgres 8 | 100 ms; gave up: 1 × 57P01 | **died** in 1 of 2; 3 acknowledged and lost |',
      '',
      '**As recommended, each row tried until it is in**',
      '',
      '| driver | switchover |',
      '|---|---|',
      '| node-postgres 8 | 100 ms; again: 2 × 08006 |',
      '| mysql2 3 | 100 ms |',
    ].join('\n'),
  );
});
