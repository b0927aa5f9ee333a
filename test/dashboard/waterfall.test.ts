import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barsOf, factsOf, headlineOf, lossOf } from '../../dashboard/src/waterfall.ts';
import type { FailoverJson } from '../../src/admin/api.ts';

const record = (changes: Partial<FailoverJson> = {}): FailoverJson => ({
  at: '2026-01-01T00:00:00.000Z',
  kind: 'failover',
  outcome: 'completed',
  reason: null,
  epoch: 2,
  from: 'pg-1',
  to: 'pg-2',
  from_position: '1/0/10',
  to_position: '1/0/8',
  lost: { amount: 328, unit: 'bytes', at_least: true },
  durability: 'async',
  quorum: null,
  discarded: [],
  refused: [{ instance: 'pg-3', why: 'is drained' }],
  timeline: [
    { phase: 'suspect', after_ms: 0 },
    { phase: 'fencing', after_ms: 1_000 },
    { phase: 'promoting', after_ms: 1_100 },
    { phase: 'stable', after_ms: 2_000 },
  ],
  duration_ms: 2_000,
  attempts: 1,
  sessions_closed: 12,
  held: { connections: 3, longest_wait_ms: 1_900 },
  ...changes,
});

test('each phase is a bar from when it was reached to the next, and the end is none', () => {
  assert.deepEqual(
    barsOf(record()).map(({ phase, left, width, lengthMs }) => [phase, left, width, lengthMs]),
    [
      ['suspect', 0, 50, 1_000],
      ['fencing', 50, 5, 100],
      ['promoting', 55, 45, 900],
    ],
  );
});

test('a phase of no time is seen, inside the track', () => {
  const timeline = [
    { phase: 'fencing', after_ms: 0 },
    { phase: 'operator-required', after_ms: 10 },
  ];
  for (const duration_ms of [0, 10]) {
    for (const { left, width } of barsOf({ timeline, duration_ms })) {
      assert.ok(width > 0.5 && left >= 0 && left + width <= 100.001);
    }
  }
  assert.deepEqual(barsOf({ timeline: [], duration_ms: 0 }), []);
});

test('what was lost is never made smaller than it is', () => {
  assert.deepEqual(lossOf(record()), { words: 'at least 328 bytes lost', isGood: false });
  assert.deepEqual(lossOf(record({ lost: null })), { words: 'loss unknown', isGood: false });
  const nothing = { amount: 0, unit: 'transactions', at_least: true } as const;
  assert.deepEqual(lossOf(record({ lost: nothing })), { words: 'no known loss', isGood: true });
  assert.equal(
    lossOf(record({ lost: { ...nothing, at_least: false }, kind: 'switchover' })).words,
    'nothing lost',
  );
  assert.equal(lossOf(record({ durability: 'quorum' })).words, 'nothing lost that a client was told of');
  assert.equal(lossOf(record({ outcome: 'undone' })).words, 'nothing lost');
});

test('a receipt has its line and its facts', () => {
  assert.equal(headlineOf(record()), 'Failover: pg-1 → pg-2');
  assert.equal(
    headlineOf(record({ kind: 'switchover', outcome: 'undone' })),
    'Switchover, undone: pg-1 → pg-2',
  );
  assert.equal(headlineOf(record({ kind: 'elected', from: null })), 'First writer: pg-2');
  const facts = factsOf(record({ reason: 'too slow' }));
  assert.deepEqual(facts[0], ['Why', 'too slow']);
  assert.deepEqual(facts.at(-1), ['Passed over', 'pg-3: is drained']);
  assert.match(
    facts.find(([label]) => label === 'Sessions')?.[1] ?? '',
    /12 closed.*3 connections waited, the longest 1\.9 s/,
  );
});
