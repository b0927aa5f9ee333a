import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidatesOf, consequencesOf, requestOf } from '../../dashboard/src/consequences.ts';
import { clusterJson, endpointJson, instanceJson } from '../admin/status-json.ts';

const cluster = clusterJson({
  instances: [
    instanceJson({ role: 'writer', sessions: 42 }),
    instanceJson({ id: 'orders-2', lag_seconds: 0.2, promotion_tier: 1, sessions: 7 }),
    instanceJson({ id: 'orders-3', lag_seconds: 4, promotion_tier: 0 }),
    instanceJson({ id: 'orders-4', drained: true }),
    instanceJson({ id: 'orders-5', health: 'down' }),
  ],
  endpoints: [
    endpointJson({ held: 2 }),
    endpointJson({ name: 'reader', type: 'reader', members: ['orders-2', 'orders-3'] }),
    endpointJson({ name: 'reports', type: 'custom', members: ['orders-2'] }),
  ],
});
const text = (sentences: readonly string[]): string => sentences.join('\n');

test('those who could take over, by tier and then by lag', () => {
  assert.deepEqual(
    candidatesOf(cluster).map(({ id }) => id),
    ['orders-3', 'orders-2'],
  );
});

test('a switchover says who, how many sessions, who waits, and what is slow', () => {
  const near = consequencesOf({ kind: 'switchover', cluster: 'orders', to: 'orders-2' }, cluster);
  assert.match(
    text(near.will),
    /orders-2 becomes the writer\. orders-1 stays out until it was started as a replica/,
  );
  assert.match(text(near.will), /All 42 sessions on orders-1 are closed/);
  assert.match(text(near.will), /2 connections wait for a writer now and are served/);
  const mysql = { ...cluster, engine: 'mysql' };
  const ofMysql = consequencesOf({ kind: 'switchover', cluster: 'orders', to: 'orders-2' }, mysql);
  assert.match(text(ofMysql.will), /orders-1 becomes a replica of it/);
  assert.deepEqual([near.warnings, near.obstacle, near.isDangerous], [[], null, false]);
  const far = consequencesOf({ kind: 'switchover', cluster: 'orders', to: 'orders-3' }, cluster);
  assert.match(text(far.warnings), /orders-3 is 4 s behind/);
  const nobody = consequencesOf({ kind: 'switchover', cluster: 'orders', to: null }, cluster);
  assert.equal(nobody.obstacle, 'Choose who takes over.');
  const same = consequencesOf({ kind: 'switchover', cluster: 'orders', to: 'orders-1' }, cluster);
  assert.match(same.obstacle ?? '', /the writer already/);
});

test('a failover of a healthy writer is warned of, one of a dead writer is not', () => {
  const action = { kind: 'failover', cluster: 'orders', force: false } as const;
  const well = consequencesOf(action, cluster);
  assert.match(text(well.warnings), /orders-1 is healthy\. A switchover loses nothing/);
  assert.match(text(well.will), /The best of orders-3 \(4 s behind\) and orders-2 \(200 ms behind\)/);
  const dead = {
    ...cluster,
    instances: cluster.instances.map((one, at) => (at === 0 ? { ...one, health: 'down' as const } : one)),
  };
  assert.deepEqual(consequencesOf(action, dead).warnings, []);
  const forced = consequencesOf({ ...action, force: true }, dead);
  assert.match(text(forced.warnings), /at whatever loss/);
  assert.equal(forced.confirm, 'Fail over at any loss');
});

test('nothing is promoted in mode observe, and it is said why', () => {
  const observed = { ...cluster, mode: 'observe' };
  for (const action of [
    { kind: 'switchover', cluster: 'orders', to: 'orders-2' },
    { kind: 'failover', cluster: 'orders', force: false },
  ] as const) {
    assert.match(consequencesOf(action, observed).obstacle ?? '', /mode observe/);
  }
  assert.equal(
    consequencesOf({ kind: 'drain', cluster: 'orders', instance: 'orders-2' }, observed).obstacle,
    null,
  );
});

test('a drain says which endpoints it concerns, what stays, and who has nobody else', () => {
  const drained = consequencesOf({ kind: 'drain', cluster: 'orders', instance: 'orders-2' }, cluster);
  assert.match(text(drained.will), /no new connections of reader and reports/);
  assert.match(text(drained.will), /Its 7 sessions stay until/);
  assert.deepEqual(drained.warnings, [
    'reports has nobody else: it falls back on the writer where it may, or refuses.',
  ]);
  const alone = { ...cluster, instances: cluster.instances.filter(({ id }) => id !== 'orders-3') };
  const last = consequencesOf({ kind: 'drain', cluster: 'orders', instance: 'orders-2' }, alone);
  assert.match(text(last.warnings), /Nobody else could take over/);
  const again = consequencesOf({ kind: 'drain', cluster: 'orders', instance: 'orders-4' }, cluster);
  assert.match(again.obstacle ?? '', /drained already/);
});

test('actions go where the API has them, names as they are', () => {
  assert.deepEqual(requestOf({ kind: 'switchover', cluster: 'a/b', to: 'x' }, true), {
    path: '/api/v1/clusters/a%2Fb/switchover?dry_run=true',
    body: { to: 'x' },
  });
  assert.deepEqual(requestOf({ kind: 'failover', cluster: 'c', force: true }, false), {
    path: '/api/v1/clusters/c/failover?force=true',
    body: null,
  });
  assert.equal(
    requestOf({ kind: 'undrain', cluster: 'c', instance: 'i' }, false).path,
    '/api/v1/clusters/c/instances/i/undrain',
  );
});
