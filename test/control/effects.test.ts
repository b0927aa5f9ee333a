import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epoch } from '../../src/base/brand.ts';
import type { Happening } from '../../src/cluster/event.ts';
import type { Position } from '../../src/cluster/position.ts';
import { EffectRunner } from '../../src/control/effects.ts';
import { memoryStore } from '../../src/control/state-store.ts';
import type { Engine, Operations } from '../../src/engines/engine.ts';
import { plainClient } from '../../src/tls/tls-client.ts';
import { numbers, testInstance } from '../cluster/scenario.ts';
import { defaultClusterConfig } from '../support/default-cluster-config.ts';

const a = testInstance('a');

/** One server whose operations end when the test says so. */
function setUp() {
  const deeds: string[] = [];
  const reports: Happening[] = [];
  const waiting: (() => void)[] = [];
  const deed = (words: string) =>
    new Promise<Position>((resolve) => {
      deeds.push(words);
      waiting.push(() => resolve(String(deeds.length) as Position));
    });
  const operations: Operations = {
    promote: () => deed('promote'),
    follow: async () => void (await deed('follow')),
    fence: () => deed('fence'),
    unfence: async () => void (await deed('unfence')),
    seal: () => deed('seal'),
    requireQuorum: async () => void (await deed('require quorum')),
  };
  const engine: Engine = {
    name: 'postgres',
    defaultPort: 5432,
    positions: numbers,
    protocol: null as unknown as Engine['protocol'],
    formerWriterCanFollow: false,
    createProbe: () => assert.fail('nothing is probed'),
    survey: () => assert.fail('nobody surveys here'),
    createOperations: () => operations,
    discover: () => Promise.reject(new Error('nothing is discovered here')),
  };
  const config = defaultClusterConfig('test', [a], {
    failover: { holdMs: 1, maxHeld: 1, minIntervalMs: 0, promoteTimeoutMs: 1_000 },
  });
  const runner = new EffectRunner({
    config,
    engine,
    tls: plainClient,
    store: memoryStore(),
    supervisor: null,
    stopping: new AbortController().signal,
    closeSessions: async () => 0,
    onDiscard: async () => {},
    report: (happening) => reports.push(happening),
    isStale: () => false,
  });
  const run = (kind: 'fence' | 'unfence') => void runner.run({ kind, epoch: epoch(2), instance: a.id });
  /** Lets the operation that is under way end, and the next one begin. */
  const finish = async () => {
    waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { run, finish, deeds, reports };
}

test('a fence that was taken back does not answer for that of the next switchover', async () => {
  const { run, finish, deeds, reports } = setUp();
  run('fence');
  await new Promise((resolve) => setImmediate(resolve));
  await finish();
  assert.deepEqual(
    reports.map(({ kind }) => kind),
    ['fenced'],
  );
  reports.length = 0;
  run('fence');
  await new Promise((resolve) => setImmediate(resolve));
  run('unfence');
  run('fence');
  await new Promise((resolve) => setImmediate(resolve));
  await finish();
  assert.deepEqual(deeds, ['fence', 'fence', 'unfence']);
  assert.deepEqual(reports, [], 'the server is about to be opened again');
  await finish();
  await finish();
  assert.deepEqual(deeds, ['fence', 'fence', 'unfence', 'fence']);
  assert.deepEqual(
    reports.map(({ kind }) => kind),
    ['fenced'],
  );
});

test('a fence that was taken back before its turn came is not done', async () => {
  const { run, finish, deeds } = setUp();
  run('unfence');
  run('fence');
  run('unfence');
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await finish();
  }
  assert.deepEqual(deeds, ['unfence', 'unfence']);
});
