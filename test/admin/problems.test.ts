import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemsOf, problemsText } from '../../src/admin/problems.ts';
import { clusterJson, endpointJson, instanceJson } from './status-json.ts';

const textOf = (...[changes]: Parameters<typeof clusterJson>): string[] =>
  problemsText(problemsOf([clusterJson(changes)]))
    .trimEnd()
    .split('\n');

test('a cluster that is well has no problem, and one that an operator drained of an instance neither', () => {
  assert.deepEqual(textOf({}), ['all is well']);
  const out = [{ instance: 'orders-2', why: 'drained' }];
  const endpoints = [endpointJson({}), endpointJson({ name: 'reader', type: 'reader', out })];
  const instances = [instanceJson({ role: 'writer' }), instanceJson({ id: 'orders-2', drained: true })];
  assert.deepEqual(textOf({ instances, endpoints }), ['all is well']);
  assert.equal(problemsText(problemsOf([])), 'all is well\n');
});

test('whatever is not well is a line, the cluster first', () => {
  const failure = { reason: 'refused', detail: 'no\r\nat all' };
  const durability = { mode: 'quorum', copies: 3, write_quorum: 2, secured: 1, acknowledging: 1 } as const;
  const shown = textOf({
    phase: 'operator-required',
    reason: 'no candidate',
    writer: null,
    durability: { ...durability, state: 'lost' },
    instances: [
      instanceJson({ role: null, health: 'down', last_failure: failure }),
      instanceJson({ id: 'orders-2', drained: true, replicating: false }),
      instanceJson({ id: 'orders-3', deposed: true }),
      instanceJson({ id: 'orders-4' }),
      instanceJson({ id: 'orders-5' }),
    ],
    endpoints: [
      endpointJson({ members: [] }),
      endpointJson({ name: 'reader', out: [{ instance: 'orders-4', why: 'lagging' }] }),
      endpointJson({ name: 'reports', listening: false, listen_error: 'address in use', members: [] }),
    ],
  });
  assert.deepEqual(shown, [
    'orders: no writer',
    'orders: operator-required: no candidate',
    'orders: write quorum lost',
    'orders: writer: no members: new connections wait or are refused',
    'orders: reports: not listening: address in use',
    'orders: orders-1: down, refused: no at all',
    'orders: orders-2: not replicating',
    'orders: orders-3: deposed',
    'orders: orders-4: lagging (reader)',
  ]);
});
