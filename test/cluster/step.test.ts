import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clusterId, type Epoch, epoch, type InstanceId, instanceId } from '../../src/base/brand.ts';
import type { Effect } from '../../src/cluster/effect.ts';
import type { Happening } from '../../src/cluster/event.ts';
import type { Memory } from '../../src/cluster/memory.ts';
import { aliveReasons, deadReasons, type Observation } from '../../src/cluster/observation.ts';
import type { Position } from '../../src/cluster/position.ts';
import { initialState, type Policy } from '../../src/cluster/state.ts';
import { step } from '../../src/cluster/step.ts';
import { viewOf, viewWriter } from '../../src/cluster/view-of.ts';
import { numbers, testInstance } from './scenario.ts';

const names = ['a', 'b', 'c'].map(instanceId);
const anyInstance = fc.constantFrom(...names);
const anyEpoch = fc.nat(6).map(epoch);

const anyObservation: fc.Arbitrary<Observation> = fc.record({
  role: fc.constantFrom('writer', 'replica'),
  writable: fc.boolean(),
  identity: fc.constant('x'),
  timeline: fc.option(fc.nat(3)),
  position: fc.nat(50).map((n) => String(n) as Position),
  lagSeconds: fc.option(fc.nat(9)),
  replication: fc.option(
    fc.record({
      source: fc.option(anyInstance.map((host) => ({ host, port: 5432 }))),
      streaming: fc.boolean(),
      heardSecondsAgo: fc.option(fc.nat(9)),
      error: fc.constant(null),
      stopped: fc.boolean(),
      acknowledges: fc.option(fc.boolean()),
    }),
  ),
  acknowledgement: fc.option(
    fc.record({
      count: fc.nat(2),
      from: fc.option(fc.subarray(names)),
      connected: fc.nat(2),
      most: fc.constantFrom(null, 1),
    }),
  ),
  version: fc.constant('x'),
});

/** Whatever a network, servers and an operator could come up with, in any order: most of it makes no sense together. */
const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({ kind: fc.constant('tick' as const) }),
  fc.record({
    kind: fc.constant('probe-succeeded' as const),
    instance: anyInstance,
    observation: anyObservation,
  }),
  fc.record({
    kind: fc.constant('probe-failed' as const),
    instance: anyInstance,
    failure: fc.record({ reason: fc.constantFrom(...deadReasons, ...aliveReasons), detail: fc.constant('') }),
  }),
  fc.record({
    kind: fc.constant('memory-saved' as const),
    epoch: anyEpoch,
    secured: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    kind: fc.constant('sealed' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    position: fc.nat(50).map((n) => String(n) as Position),
  }),
  fc.record({
    kind: fc.constant('not-sealed' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    why: fc.constant(''),
  }),
  fc.record({ kind: fc.constant('memory-not-saved' as const), epoch: anyEpoch, why: fc.constant('') }),
  fc.record({
    kind: fc.constant('sessions-closed' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    count: fc.nat(3),
  }),
  fc.record({
    kind: fc.constant('fenced' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    position: fc.nat(50).map((n) => String(n) as Position),
  }),
  fc.record({
    kind: fc.constant('not-fenced' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    why: fc.constant(''),
  }),
  fc.record({
    kind: fc.constant('promoted' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    attempt: fc.nat(2),
    position: fc.nat(50).map((n) => String(n) as Position),
  }),
  fc.record({
    kind: fc.constant('not-promoted' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    attempt: fc.nat(2),
    why: fc.constant(''),
  }),
  fc.record({ kind: fc.constant('rejoined' as const), epoch: anyEpoch, instance: anyInstance }),
  fc.record({
    kind: fc.constant('not-rejoined' as const),
    epoch: anyEpoch,
    instance: anyInstance,
    why: fc.constant(''),
  }),
  fc.record({
    kind: fc.constant('failover-requested' as const),
    request: fc.nat(9),
    force: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('switchover-requested' as const),
    request: fc.nat(9),
    to: anyInstance,
    dryRun: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('drain-requested' as const),
    request: fc.nat(9),
    instance: anyInstance,
    drained: fc.boolean(),
  }),
);

const quorum = { copies: 3, writeQuorum: 2, onLostQuorum: 'degrade', degradeAfterMs: 2_000 } as const;
const policies: Policy[] = (
  [
    ['automatic', null],
    ['automatic', quorum],
    ['observe', null],
  ] as const
).map(([mode, durability]) => ({
  mode,
  durability,
  maxLoss: null,
  fall: 2,
  rise: 2,
  intervalMs: 500,
  minIntervalMs: 5_000,
  promoteTimeoutMs: 1_000,
  supervised: true,
  formerWriterCanFollow: true,
}));

function run(
  policy: Policy,
  script: readonly (readonly [number, Happening])[],
  memory: Memory | null = null,
) {
  let state = initialState(
    clusterId('t'),
    names.map((id) => testInstance(id)),
    memory,
    0,
  );
  let at = 0;
  const admitted = new Map<Epoch, InstanceId>();
  const trail: { effects: readonly Effect[]; happening: Happening }[] = [];
  const saved = new Set<Epoch>();
  for (const [wait, happening] of script) {
    at += wait;
    // A report can only follow its effect: an epoch is on disk when the core asked for that and was told so.
    const { state: next, effects } = step(state, { at, ...happening }, policy, numbers);
    for (const effect of effects) if (effect.kind === 'save-memory') saved.add(effect.epoch);
    const writer = viewWriter(next);
    if (writer !== null) {
      assert.equal(admitted.get(next.epoch) ?? writer, writer, 'an epoch with two writers');
      assert.ok(saved.has(next.epoch), 'an epoch that was never written down');
      admitted.set(next.epoch, writer);
    }
    const view = viewOf(next, at, policy.durability);
    assert.equal(view.writer, writer);
    state = next;
    trail.push({ effects, happening });
  }
  return trail;
}

test('no order of events breaks an invariant, and observe never touches a server', () => {
  for (const policy of policies) {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(800), anyHappening), { maxLength: 60 }), (script) => {
        for (const { effects } of run(policy, script)) {
          if (policy.mode === 'automatic') continue;
          assert.ok(
            effects.every(
              ({ kind }) =>
                !['promote', 'follow', 'fence', 'unfence', 'rejoin', 'seal', 'require-quorum'].includes(kind),
            ),
          );
        }
      }),
      { numRuns: 3_000 },
    );
  }
});

test('every request of an operator is answered once: at once, or by the change that it began', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(800), anyHappening), { maxLength: 60 }), (script) => {
      const numbered = script.map(([wait, happening], index): [number, Happening] => [
        wait,
        'request' in happening ? { ...happening, request: index } : happening,
      ]);
      const open = new Set<number>();
      for (const { effects, happening } of run(policies[0] as Policy, numbered)) {
        if ('request' in happening) open.add(happening.request);
        for (const effect of effects) {
          if (effect.kind === 'answer')
            assert.ok(open.delete(effect.request), 'answered twice, or never asked');
        }
        assert.ok(open.size <= 1, 'two changes of the writer at a time');
      }
    }),
    { numRuns: 2_000 },
  );
});

const [a, b, c] = names as [InstanceId, InstanceId, InstanceId];
/** `b` took over from both of the others. */
const afterTwoFailovers: Memory = {
  epoch: epoch(3),
  writer: b,
  promoting: false,
  deposed: [a, c],
  drained: [],
  durability: { secured: 1, degraded: false, copies: [] },
  began: null,
  followers: [],
};
const seen = (instance: InstanceId, role: 'writer' | 'replica', number: number): Happening => ({
  kind: 'probe-succeeded',
  instance,
  observation: {
    ...{ role, writable: role === 'writer', identity: 'x', timeline: null, lagSeconds: 0, version: 'x' },
    position: String(number) as Position,
    replication: null,
    acknowledgement: null,
  },
});
const anyDeposed = fc.constantFrom(a, c);
/** What comes to pass around deposed servers, and now and then anything else. */
const anyReturn: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: fc.constant(seen(b, 'writer', 40)) },
  { weight: 4, arbitrary: fc.tuple(anyDeposed, fc.nat(50)).map(([id, n]) => seen(id, 'replica', n)) },
  {
    weight: 4,
    arbitrary: anyDeposed.map((instance) => ({
      kind: 'probe-failed' as const,
      instance,
      failure: { reason: 'refused' as const, detail: '' },
    })),
  },
  {
    weight: 2,
    arbitrary: anyDeposed.map((instance) => ({ kind: 'rejoined' as const, epoch: epoch(3), instance })),
  },
  { weight: 1, arbitrary: anyHappening },
);

test('one server at a time is brought back, a deposed one, and not before the last attempt has ended', () => {
  let begun = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(8_000), anyReturn), { maxLength: 60 }), (script) => {
      let underWay: InstanceId | null = null;
      for (const { effects, happening } of run(policies[0] as Policy, script, afterTwoFailovers)) {
        const isEnd = happening.kind === 'rejoined' || happening.kind === 'not-rejoined';
        if (isEnd && happening.instance === underWay) underWay = null;
        for (const effect of effects) {
          if (effect.kind !== 'rejoin') continue;
          assert.equal(underWay, null, 'two at a time');
          assert.notEqual(effect.instance, effect.writer);
          underWay = effect.instance;
          begun += 1;
        }
      }
    }),
    { numRuns: 1_000 },
  );
  assert.ok(begun > 100, 'none was ever begun: the test says nothing');
});
