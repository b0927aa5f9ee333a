import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  emptyHistory,
  type History,
  keptMs,
  keyOf,
  mergeHistory,
} from '../../dashboard/src/history-merge.ts';
import type { HistoryJson } from '../../src/admin/api.ts';

/** The server's answer for these moments, with the moment as lag, so that a value in a wrong place shows. */
const answer = (at: readonly number[], ids: readonly string[] = ['a']): HistoryJson => ({
  interval_ms: 5_000,
  at_ms: at,
  clusters: [
    {
      name: 'pg',
      instances: ids.map((id) => ({
        id,
        lag_seconds: at,
        sessions: at.map(() => 1),
        health: 'h'.repeat(at.length),
        role: 'r'.repeat(at.length),
      })),
      endpoints: [{ name: 'writer', sessions: at.map(() => 2), held: at.map(() => 0) }],
    },
  ],
});

const lag = (history: History, id = 'a') => history.values.get(keyOf('pg', 'instance', id, 'lag'));
const health = (history: History, id = 'a') => history.letters.get(keyOf('pg', 'instance', id, 'health'));

test('what is newer is put behind what the page had, and nothing twice', () => {
  const first = mergeHistory(emptyHistory, answer([1, 2, 3]));
  const second = mergeHistory(first, answer([2, 3, 4]));
  assert.deepEqual(second.at, [1, 2, 3, 4]);
  assert.deepEqual(lag(second), [1, 2, 3, 4]);
  assert.equal(mergeHistory(second, answer([3, 4])), second);
  assert.deepEqual(mergeHistory(second, answer([])).at, second.at);
});

test('after a restart the page keeps what the server has forgotten', () => {
  const before = mergeHistory(emptyHistory, answer([1_000, 2_000]));
  const after = mergeHistory(before, answer([9_000]));
  assert.deepEqual(after.at, [1_000, 2_000, 9_000]);
  assert.deepEqual(lag(after), [1_000, 2_000, 9_000]);
});

test('who comes and who goes has gaps, and is forgotten with the last of its samples', () => {
  const both = mergeHistory(emptyHistory, answer([1, 2], ['a', 'b']));
  const gone = mergeHistory(both, answer([3], ['a', 'c']));
  assert.deepEqual(lag(gone, 'b'), [1, 2, null]);
  assert.equal(health(gone, 'b'), 'hh.');
  assert.deepEqual(lag(gone, 'c'), [null, null, 3]);
  assert.equal(health(gone, 'c'), '..h');
  const later = mergeHistory(gone, answer([keptMs + 2]));
  assert.equal(lag(later, 'b'), undefined);
  assert.equal(health(later, 'b'), undefined);
  assert.deepEqual(later.at, [3, keptMs + 2]);
});

test("a clock that was set back: the server's present counts", () => {
  const before = mergeHistory(emptyHistory, answer([50_000, 60_000]));
  assert.deepEqual(mergeHistory(before, answer([10_000])).at, [10_000]);
});

test('whatever comes, every list is as long as the times, which grow, and every value stands at its own', () => {
  const chunk = fc.tuple(
    fc.array(fc.integer({ min: 1, max: 2 * keptMs }), { maxLength: 6 }),
    fc.subarray(['a', 'b']),
  );
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 12 }), (chunks) => {
      let history = emptyHistory;
      for (const [times, ids] of chunks) {
        const at = [...new Set(times)].sort((one, other) => one - other);
        history = mergeHistory(history, answer(at, ids));
        for (const values of history.values.values()) assert.equal(values.length, history.at.length);
        for (const letters of history.letters.values()) assert.equal(letters.length, history.at.length);
        assert.ok(history.at.every((moment, index) => moment > (history.at[index - 1] ?? 0)));
        assert.ok((history.at.at(-1) ?? 0) - (history.at[0] ?? 0) <= keptMs);
        for (const id of ['a', 'b']) {
          for (const [index, value] of (lag(history, id) ?? []).entries())
            assert.ok(value === null || value === history.at[index]);
        }
      }
    }),
  );
});
