import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HistoryJson } from '../../src/admin/api.ts';
import { type ClusterSample, History } from '../../src/admin/history.ts';
import { sampleHistory } from '../../src/admin/history-sampler.ts';
import { clusterId, instanceId } from '../../src/base/brand.ts';
import { fakeControls, instanceView } from './fake-controls.ts';
import { runAdmin } from './running-admin.ts';

const options = { capacity: 4, maxSeries: 100, intervalMs: 5_000 };

const sample = (lagSeconds: number | null, changes: Partial<ClusterSample> = {}): ClusterSample => ({
  name: 'orders',
  instances: [{ id: 'orders-1', lagSeconds, sessions: 3, health: 'healthy', role: 'replica' }],
  endpoints: [{ name: 'reader', sessions: 2, held: 1 }],
  ...changes,
});

const lags = (json: HistoryJson) => json.clusters[0]?.instances[0]?.lag_seconds;

test('the last samples are kept, oldest first, and since takes the newer ones', () => {
  const history = new History(options);
  for (let at = 1; at <= 6; at += 1) history.record(at * 1_000, [sample(at / 10)]);
  assert.deepEqual(history.json(), {
    interval_ms: 5_000,
    at_ms: [3_000, 4_000, 5_000, 6_000],
    clusters: [
      {
        name: 'orders',
        instances: [
          {
            id: 'orders-1',
            lag_seconds: [0.3, 0.4, 0.5, 0.6],
            sessions: [3, 3, 3, 3],
            health: 'hhhh',
            role: 'rrrr',
          },
        ],
        endpoints: [{ name: 'reader', sessions: [2, 2, 2, 2], held: [1, 1, 1, 1] }],
      },
    ],
  });
  assert.deepEqual(history.json(4_500).at_ms, [5_000, 6_000]);
  assert.deepEqual(lags(history.json(4_500)), [0.5, 0.6]);
  assert.deepEqual(history.json(6_000).at_ms, []);
});

test('what was not known is null, and what did not exist a dot', () => {
  const history = new History(options);
  history.record(1, [sample(null)]);
  const [instance] = sample(1).instances;
  assert(instance !== undefined);
  const later = { ...instance, id: 'orders-2', health: 'down', role: null } as const;
  history.record(2, [sample(null, { instances: [{ ...instance, lagSeconds: 2 }, later] })]);
  const [first, second] = history.json().clusters[0]?.instances ?? [];
  assert.deepEqual(first?.lag_seconds, [null, 2]);
  assert.deepEqual(second?.lag_seconds, [null, 1]);
  assert.deepEqual(second?.sessions, [null, 3]);
  assert.equal(second?.health, '.d');
  assert.equal(second?.role, '.-');
});

test('an instance that came after a lap does not inherit what stood in its place', () => {
  const history = new History(options);
  for (let at = 1; at <= 5; at += 1) history.record(at, [sample(at)]);
  history.record(6, []);
  history.record(7, [sample(7)]);
  assert.deepEqual(lags(history.json()), [null, null, null, 7]);
});

test('what left the configuration is forgotten, and makes room', () => {
  const history = new History({ ...options, maxSeries: 2 });
  history.record(1, [sample(1), { ...sample(1), name: 'shop' }]);
  assert.deepEqual(
    history.json().clusters.map(({ instances, endpoints }) => instances.length + endpoints.length),
    [2, 0],
  );
  history.record(2, [{ ...sample(2), name: 'shop' }]);
  assert.deepEqual(
    history.json().clusters.map(({ name, instances }) => [name, instances.length]),
    [['shop', 1]],
  );
});

test('a clock that is set back begins anew', () => {
  const history = new History(options);
  history.record(5_000, [sample(5)]);
  history.record(1_000, [sample(1)]);
  assert.deepEqual(history.json().at_ms, [1_000]);
  assert.deepEqual(lags(history.json()), [1]);
});

test('whatever is recorded, every list is as long as the times, and no longer than the ring', () => {
  const names = fc.subarray(['a', 'b', 'c', 'd'], { minLength: 0 });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), names), { maxLength: 40 }), (steps) => {
      const history = new History({ ...options, maxSeries: 3 });
      let at = 0;
      for (const [wait, ids] of steps) {
        at += wait;
        const instances = ids.map(
          (id) => ({ id, lagSeconds: at, sessions: 1, health: 'healthy', role: null }) as const,
        );
        history.record(at, [{ name: 'orders', instances, endpoints: [] }]);
      }
      const json = history.json();
      const { length } = json.at_ms;
      assert.ok(length === Math.min(steps.length, options.capacity));
      const series = json.clusters.flatMap(({ instances }) => instances);
      assert.ok(series.length <= 3);
      for (const { lag_seconds, sessions, health, role } of series) {
        assert.deepEqual(
          [lag_seconds, sessions, health, role].map((list) => list.length),
          [length, length, length, length],
        );
        // Each value is the time it was written down: none stands at another's place.
        for (const [index, value] of lag_seconds.entries())
          assert.ok(value === null || value === json.at_ms[index]);
      }
    }),
  );
});

test('the sampler writes down what the controls show', (t) => {
  const controls = fakeControls();
  controls.sessions.set('orders-2', 12).set('reader', 12);
  controls.held.set('writer', 4);
  const id = instanceId('orders-3');
  const { instances } = controls.view(clusterId('orders'));
  const down = instanceView(id, 2, { health: 'down', role: null, lagSeconds: null });
  controls.change('orders', { instances: new Map([...instances, [id, down]]) });
  const history = new History();
  t.after(sampleHistory(history, controls, 1_000_000));
  const [cluster] = history.json().clusters;
  assert.deepEqual(cluster?.instances[1], {
    ...{ id: 'orders-2', lag_seconds: [0.25], sessions: [12] },
    ...{ health: 'h', role: 'r' },
  });
  assert.deepEqual(
    { ...cluster?.instances[2] },
    { id: 'orders-3', lag_seconds: [null], sessions: [0], health: 'd', role: '-' },
  );
  assert.deepEqual(cluster?.endpoints, [
    { name: 'writer', sessions: [0], held: [4] },
    { name: 'reader', sessions: [12], held: [0] },
  ]);
});

test('it is served, and a moment that is none is refused', { timeout: 30_000 }, async (t) => {
  const { url } = await runAdmin(t, fakeControls());
  const history = (await (await fetch(`${url}/api/v1/history`)).json()) as HistoryJson;
  assert.equal(history.at_ms.length, 1);
  const newer = await fetch(`${url}/api/v1/history?since=${history.at_ms[0]}`);
  assert.deepEqual(((await newer.json()) as HistoryJson).at_ms, []);
  const refused = await fetch(`${url}/api/v1/history?since=yesterday`);
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /milliseconds since 1970, not \\"yesterday\\"/);
});
