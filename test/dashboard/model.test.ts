import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesRecords, filterEvents, mergeEvents } from '../../dashboard/src/event-merge.ts';
import { firstModel, nextModel } from '../../dashboard/src/model.ts';
import type { EventJson } from '../../src/admin/api.ts';
import { clusterJson } from '../admin/status-json.ts';

const event = (seq: number, second: number, changes: Partial<EventJson> = {}): EventJson => ({
  seq,
  at: new Date(second * 1_000).toISOString(),
  cluster: 'pg',
  level: 'info',
  name: 'instance.up',
  epoch: 1,
  instance: null,
  rule: null,
  message: `event ${seq}`,
  details: {},
  ...changes,
});
const hello = (changes: object = {}) =>
  ({ process: 'p1', started_at: '', version: '1', dashboard: 'd1', ...changes }) as const;

test('events are there once, the newest first, over a restart whose numbers begin again', () => {
  const before = mergeEvents([], [event(41, 100), event(42, 101)]);
  const after = mergeEvents(before, [event(1, 200), event(2, 200), event(42, 101)]);
  assert.deepEqual(
    after.map(({ seq }) => seq),
    [2, 1, 42, 41],
  );
  assert.equal(mergeEvents(after, [event(2, 200)]), after);
});

test('the page keeps a thousand events', () => {
  const many = Array.from({ length: 1_200 }, (_, seq) => event(seq, seq));
  const kept = mergeEvents([], many);
  assert.equal(kept.length, 1_000);
  assert.equal(kept[0]?.seq, 1_199);
});

test('events are filtered by cluster and by whether they mean trouble', () => {
  const events = [
    event(1, 1),
    event(2, 2, { level: 'warn' }),
    event(3, 3, { cluster: 'my', level: 'error' }),
  ];
  const seqs = (filter: Parameters<typeof filterEvents>[1]) =>
    filterEvents(events, filter).map(({ seq }) => seq);
  assert.deepEqual(seqs({ cluster: null, troubleOnly: false }), [1, 2, 3]);
  assert.deepEqual(seqs({ cluster: 'pg', troubleOnly: false }), [1, 2]);
  assert.deepEqual(seqs({ cluster: null, troubleOnly: true }), [2, 3]);
});

test('records are asked for again after whatever leaves one', () => {
  const names = ['failover.completed', 'switchover.undone', 'rejoin.started', 'instance.up'];
  assert.deepEqual(
    names.map((name) => changesRecords(event(1, 1, { name }))),
    [true, true, true, false],
  );
});

test('another page on the server is offered, its first greeting and a missing build are not', () => {
  const greeted = nextModel(firstModel, { kind: 'hello', hello: hello() });
  assert.equal(greeted.isOutdated, false);
  const restarted = nextModel(greeted, { kind: 'hello', hello: hello({ process: 'p2' }) });
  assert.equal(restarted.isOutdated, false);
  const updated = nextModel(restarted, { kind: 'hello', hello: hello({ dashboard: 'd2' }) });
  assert.equal(updated.isOutdated, true);
  assert.equal(nextModel(updated, { kind: 'hello', hello: hello({ dashboard: null }) }).isOutdated, false);
});

test('who cannot see the page is told who the writer is, and of trouble', () => {
  const one = nextModel(firstModel, { kind: 'clusters', clusters: [clusterJson({})] });
  assert.equal(one.announcement, '');
  const none = nextModel(one, { kind: 'clusters', clusters: [clusterJson({ writer: null })] });
  assert.equal(none.announcement, 'orders has no writer');
  const other = nextModel(none, { kind: 'clusters', clusters: [clusterJson({ writer: 'orders-2' })] });
  assert.equal(other.announcement, 'The writer of orders is now orders-2');
  const calm = nextModel(other, { kind: 'event', event: event(1, 1) });
  assert.equal(calm.announcement, other.announcement);
  const alarmed = nextModel(calm, { kind: 'event', event: event(2, 2, { level: 'error' }) });
  assert.equal(alarmed.announcement, 'pg: event 2');
});

test("the server's clock is only followed where it is really another", () => {
  const model = nextModel(firstModel, { kind: 'clock', aheadMs: 900 });
  assert.equal(model.aheadMs, 0);
  assert.equal(nextModel(model, { kind: 'clock', aheadMs: 90_000 }).aheadMs, 90_000);
});

test('nothing new is the same model, so that nothing is drawn again', () => {
  const model = nextModel(firstModel, { kind: 'connection', event: { kind: 'heard', at: 1 } });
  assert.equal(nextModel(model, { kind: 'connection', event: { kind: 'looked', at: 2 } }), model);
});
