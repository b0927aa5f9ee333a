import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterId, epoch, instanceId } from '../../src/base/brand.ts';
import type { Observation, ProbeFailure } from '../../src/cluster/observation.ts';
import type { Position } from '../../src/cluster/position.ts';
import { type ClusterState, initialState, type Policy } from '../../src/cluster/state.ts';
import { step } from '../../src/cluster/step.ts';
import { viewOf } from '../../src/cluster/view-of.ts';
import { numbers, testInstance } from './scenario.ts';

const [a, b] = [instanceId('a'), instanceId('b')];
const policy: Policy = {
  mode: 'automatic',
  fall: 3,
  rise: 2,
  intervalMs: 500,
  minIntervalMs: 0,
  promoteTimeoutMs: 10_000,
  supervised: false,
  formerWriterCanFollow: false,
  durability: null,
  maxLoss: null,
};
const refused: ProbeFailure = { reason: 'refused', detail: 'simulated' };

const writes: Observation = {
  role: 'writer',
  writable: true,
  identity: 'test',
  timeline: null,
  position: '1' as Position,
  lagSeconds: 0,
  replication: null,
  acknowledgement: null,
  version: 'test',
};
const replicates = (streaming: boolean, lagSeconds: number | null): Observation => ({
  ...writes,
  role: 'replica',
  writable: false,
  lagSeconds,
  replication: {
    source: testInstance('a').address,
    streaming,
    heardSecondsAgo: null,
    error: null,
    stopped: false,
    acknowledges: null,
  },
});

/** `a` is the remembered writer and `b` its replica, 2 s behind. */
function running(): ClusterState {
  const durability = { secured: 1, degraded: false, copies: [] };
  const memory = {
    ...{ epoch: epoch(1), writer: a, promoting: false, deposed: [], drained: [] },
    durability,
    began: null,
    followers: [],
  };
  const start = initialState(clusterId('test'), [testInstance('a'), testInstance('b')], memory, 0);
  const seen = heard(start, a, writes, 0);
  return heard(seen, b, replicates(true, 2), 0);
}

const heard = (state: ClusterState, instance: typeof a, observation: Observation, at: number): ClusterState =>
  step(state, { kind: 'probe-succeeded', at, instance, observation }, policy, numbers).state;

const lagOf = (state: ClusterState, at: number) => viewOf(state, at, null).instances.get(b)?.lagSeconds;

test('while there is no writer, a replica is no further behind than when it last heard its source', () => {
  const lost = step(
    running(),
    { kind: 'probe-failed', at: 100, instance: a, failure: refused },
    policy,
    numbers,
  );
  const unable = heard(lost.state, b, replicates(false, null), 200);
  assert.equal(viewOf(unable, 20_000, null).writer, null);
  assert.equal(lagOf(unable, 20_000), 2, 'one that cannot tell');
  assert.equal(
    lagOf(heard(lost.state, b, replicates(false, 30), 200), 20_000),
    2,
    'one that counts the time',
  );
});

test('beside a living writer, a replica without its source falls behind with the time', () => {
  const apart = heard(running(), b, replicates(false, null), 1_000);
  assert.equal(viewOf(apart, 3_000, null).writer, a);
  assert.equal(lagOf(apart, 3_000), 5);
});

test('a lag that could not be told while the source was heard stays unknown', () => {
  const stopped = heard(running(), b, replicates(true, null), 1_000);
  assert.equal(lagOf(heard(stopped, b, replicates(false, null), 2_000), 2_000), null);
});

test('a server that takes writes without being called the writer serves nobody, and the view says why', () => {
  const withheld = 'Patroni does not call it the leader';
  const event = { at: 10, kind: 'probe-succeeded', instance: a } as const;
  const observation: Observation = { ...writes, role: 'replica', withheld };
  const { state } = step(running(), { ...event, observation }, { ...policy, mode: 'observe' }, numbers);
  const view = viewOf(state, 10, null);
  assert.equal(view.writer, null);
  assert.equal(view.instances.get(a)?.replicating, false);
  assert.equal(view.instances.get(a)?.withheld, withheld);
});
