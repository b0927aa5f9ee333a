import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type InstanceId, instanceId } from '../../src/base/brand.ts';
import { seededPrng } from '../../src/base/prng.ts';
import type { ClusterView } from '../../src/cluster/view.ts';
import type { BalanceName, Endpoint } from '../../src/endpoints/endpoint.ts';
import { members } from '../../src/endpoints/members.ts';
import { freshState, type PolicyState } from '../../src/endpoints/policies/policy.ts';
import { ramp, select } from '../../src/endpoints/select.ts';
import { custom, type InstanceSketch, reader, viewOf } from './support/view.ts';

const balances: readonly BalanceName[] = ['round-robin', 'least-connections', 'random', 'weighted'];

/** Picks `times` in a row, the sessions ending at once; returns how often each instance was picked. */
function spread(
  view: ClusterView,
  endpoint: Endpoint,
  times: number,
  {
    seed = 1,
    now = 0,
    sessions = new Map<InstanceId, number>(),
    keep = false,
    maxSessions = (_: InstanceId): number | null => null,
  } = {},
): Record<string, number> {
  const prng = seededPrng(seed);
  const picks: Record<string, number> = {};
  let state: PolicyState = freshState;
  for (let i = 0; i < times; i++) {
    const balancing = { counts: (id: InstanceId) => sessions.get(id) ?? 0, maxSessions, state, prng, now };
    const selection = select(view, endpoint, balancing, new Set());
    if (selection.picked === null) throw new Error(selection.why);
    picks[selection.picked] = (picks[selection.picked] ?? 0) + 1;
    if (keep) sessions.set(selection.picked, (sessions.get(selection.picked) ?? 0) + 1);
    state = selection.state;
  }
  return picks;
}

const once = (view: ClusterView, endpoint: Endpoint, tried: readonly string[] = []) =>
  select(
    view,
    endpoint,
    { counts: () => 0, maxSessions: () => null, state: freshState, prng: seededPrng(1), now: 0 },
    new Set(tried.map(instanceId)),
  );

const three = viewOf({ w: {}, a: {}, b: {}, c: {} }, 'w');

describe('balancing', () => {
  it('spreads 40 short sessions one after the other evenly over two replicas', () => {
    const view = viewOf({ w: {}, a: {}, b: {} }, 'w');
    for (const balance of ['least-connections', 'round-robin', 'weighted'] as const) {
      assert.deepEqual(spread(view, reader({ balance }), 40), { a: 20, b: 20 }, balance);
    }
  });

  it('random is even within tolerance', () => {
    const picks = spread(three, reader({ balance: 'random' }), 3000);
    for (const id of ['a', 'b', 'c'])
      assert.ok(Math.abs((picks[id] ?? 0) - 1000) < 120, JSON.stringify(picks));
  });

  it('least-connections fills up whoever has fewer sessions', () => {
    const sessions = new Map([[instanceId('a'), 10]]);
    assert.deepEqual(spread(three, reader(), 20, { sessions, keep: true }), { b: 10, c: 10 });
    assert.deepEqual(spread(three, reader(), 3, { sessions, keep: true }), { a: 1, b: 1, c: 1 });
  });

  it('passes over who is full under every policy, and whose zone is preferred too', () => {
    const view = viewOf({ w: {}, a: { zone: 'near' }, b: {}, c: {} }, 'w');
    const maxSessions = (id: InstanceId) => (id === 'a' ? 2 : id === 'b' ? 5 : null);
    for (const balance of balances) {
      const sessions = new Map<InstanceId, number>();
      const endpoint = reader({ balance, preferZone: 'near' });
      const picks = spread(view, endpoint, 40, { sessions, keep: true, maxSessions });
      assert.equal(picks.a, 2, balance);
      assert.ok((picks.b ?? 0) <= 5, balance);
      assert.equal((picks.b ?? 0) + (picks.c ?? 0), 38, balance);
    }
  });

  it('spares the writer while members are full, and says who is', () => {
    const pick = (view: ClusterView, tried: readonly string[] = []) =>
      select(
        view,
        reader({ fallback: 'writer' }),
        { counts: () => 1, maxSessions: () => 1, state: freshState, prng: seededPrng(1), now: 0 },
        new Set(tried.map(instanceId)),
      );
    assert.deepEqual(pick(three), { picked: null, full: true, why: 'a: full, b: full, c: full' });
    assert.deepEqual(pick(three, ['b']), { picked: null, full: true, why: 'a: full, b: refused, c: full' });
    const alone = viewOf({ w: {}, a: { health: 'down' } }, 'w');
    assert.deepEqual(pick(alone), { picked: null, full: true, why: 'w: full, a: unhealthy' });
    const nobody = viewOf({ a: { health: 'down' } }, null);
    assert.deepEqual(pick(nobody), { picked: null, full: false, why: 'a: unhealthy' });
  });

  it('weighted honours the weights exactly over a round, without bursts', () => {
    const view = viewOf({ w: {}, a: { weight: 5 }, b: { weight: 1 }, c: { weight: 2 } }, 'w');
    assert.deepEqual(spread(view, reader({ balance: 'weighted' }), 80), { a: 50, b: 10, c: 20 });
    assert.deepEqual(spread(view, reader({ balance: 'weighted' }), 4), { a: 3, c: 1 });
  });

  it('round-robin stays fair to the others while a member comes and goes', () => {
    const without = viewOf({ w: {}, a: { drained: true }, b: {}, c: {} }, 'w');
    const prng = seededPrng(1);
    const picks: Record<string, number> = {};
    let state: PolicyState = freshState;
    for (let i = 0; i < 300; i++) {
      const selection = select(
        i % 2 === 0 ? three : without,
        reader({ balance: 'round-robin' }),
        { counts: () => 0, maxSessions: () => null, state, prng, now: 0 },
        new Set(),
      );
      assert.ok(selection.picked !== null);
      picks[selection.picked] = (picks[selection.picked] ?? 0) + 1;
      state = selection.state;
    }
    for (const id of ['a', 'b', 'c'])
      assert.ok(Math.abs((picks[id] ?? 0) - 100) <= 51, JSON.stringify(picks));
    assert.ok(Math.abs((picks.b ?? 0) - (picks.c ?? 0)) <= 1, JSON.stringify(picks));
  });

  it('lets a returned replica start slowly under every policy', () => {
    const view = viewOf({ w: {}, a: { returnedAt: 0 }, b: {}, c: {} }, 'w');
    for (const balance of balances) {
      const endpoint = reader({ balance, slowStartMs: 10_000 });
      const early = spread(view, endpoint, 3000, { now: 0, keep: true });
      const share = (early.a ?? 0) / 3000;
      assert.ok(share > 0.01 && share < 0.09, `${balance}: ${share} at first`);
      const late = spread(view, endpoint, 3000, { now: 10_000, keep: true });
      assert.ok(Math.abs((late.a ?? 0) - 1000) < 120, `${balance}: ${late.a} in the end`);
    }
  });

  it('ramps in a straight line from a tenth to one', () => {
    assert.equal(ramp(null, 1000, 5), 1);
    assert.equal(ramp(100, 0, 100), 1);
    assert.equal(ramp(100, 1000, 100), 0.1);
    assert.equal(ramp(100, 1000, 600), 0.55);
    assert.equal(ramp(100, 1000, 1100), 1);
    assert.equal(ramp(100, 1000, 50), 0.1);
  });
});

describe('select', () => {
  it('prefers the zone while it has an untried member, then goes elsewhere, then to the fallback', () => {
    const view = viewOf({ w: { zone: 'x' }, a: { zone: 'x' }, b: { zone: 'y' } }, 'w');
    const endpoint = reader({ preferZone: 'x', fallback: 'writer' });
    assert.equal(once(view, endpoint).picked, 'a');
    assert.equal(once(view, endpoint, ['a']).picked, 'b');
    const last = once(view, endpoint, ['a', 'b']);
    assert.deepEqual([last.picked, last.picked !== null && last.tier], ['w', 'fallback']);
    assert.equal(once(view, endpoint, ['a', 'b', 'w']).picked, null);
  });

  it('says who is left and, when nobody is, why', () => {
    const view = viewOf({ w: {}, a: {}, b: { lagSeconds: 9 }, c: { health: 'down' } }, 'w');
    const some = once(view, reader({ maxLagMs: 1000 }));
    assert.equal(some.picked !== null && some.others, 0);
    const none = once(view, reader({ maxLagMs: 1000 }), ['a']);
    assert.deepEqual(none, {
      picked: null,
      full: false,
      why: 'w: is the writer, a: refused, b: lagging, c: unhealthy',
    });
    const nobody = once(view, custom({ members: { kind: 'static', instances: [] } }));
    assert.deepEqual(nobody, { picked: null, full: false, why: 'no instance of the cluster is a member' });
  });
});

const sketch: fc.Arbitrary<InstanceSketch> = fc.record({
  role: fc.constantFrom('writer', 'replica', null),
  health: fc.constantFrom('healthy', 'healthy', 'suspect', 'down', 'unknown'),
  lagSeconds: fc.constantFrom(null, 0, 1, 100),
  replicating: fc.boolean(),
  drained: fc.boolean(),
  deposed: fc.boolean(),
  returnedAt: fc.constantFrom(null, 0, 500),
  zone: fc.constantFrom(null, 'x', 'y'),
  weight: fc.integer({ min: 1, max: 10 }),
});
const ids = ['i0', 'i1', 'i2', 'i3', 'i4', 'i5'] as const;
const views = fc
  .tuple(fc.array(sketch, { minLength: 1, maxLength: ids.length }), fc.option(fc.nat(ids.length - 1)))
  .map(([sketches, writer]) =>
    viewOf(
      Object.fromEntries(sketches.map((one, i) => [ids[i] as string, one])),
      writer === null || writer >= sketches.length ? null : (ids[writer] as string),
    ),
  );
const endpoints = fc
  .record({
    balance: fc.constantFrom(...balances),
    maxLagMs: fc.constantFrom(null, 2000),
    preferZone: fc.constantFrom(null, 'x'),
    fallback: fc.constantFrom('writer' as const, 'none' as const),
    slowStartMs: fc.constantFrom(0, 1000),
    any: fc.constantFrom('reader', 'replica', 'any'),
  })
  .map(({ any, ...changes }) =>
    any === 'reader' ? reader(changes) : custom({ ...changes, roles: any === 'any' ? 'any' : 'replica' }),
  );

describe('select, whatever happens', () => {
  it('never picks an instance that may not serve, and picks one whenever one may', () => {
    fc.assert(
      fc.property(
        fc.array(views, { minLength: 1, maxLength: 20 }),
        endpoints,
        fc.subarray([...ids]),
        fc.integer(),
        (sequence, endpoint, tried, seed) => {
          const prng = seededPrng(seed);
          const refused = new Set(tried.map(instanceId));
          let state: PolicyState = freshState;
          for (const view of sequence) {
            const balancing = {
              counts: () => Math.floor(prng.next() * 3),
              maxSessions: () => null,
              state,
              prng,
              now: prng.next() * 2000,
            };
            const selection = select(view, endpoint, balancing, refused);
            const serving = members(view, endpoint).filter((m) => m.serves && !refused.has(m.instance));
            assert.equal(selection.picked === null, serving.length === 0);
            if (selection.picked === null) continue;
            const { picked, tier } = selection;
            const instance = view.instances.get(picked);
            assert.ok(instance !== undefined && serving.some((m) => m.instance === picked));
            assert.ok(!instance.drained);
            if (picked === view.writer) {
              assert.ok(tier === 'fallback' || (endpoint.type === 'custom' && endpoint.roles === 'any'));
            } else {
              assert.equal(instance.health, 'healthy');
              assert.equal(instance.role, 'replica');
              assert.ok(instance.replicating && !instance.deposed);
            }
            state = selection.state;
            assert.ok(state.marks.size <= view.instances.size);
            for (const mark of state.marks.values())
              assert.ok(Number.isFinite(mark) && Math.abs(mark) <= 1000);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('picks every member in the end, fairly, however the candidates are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 16 }),
        fc.constantFrom(...balances),
        fc.integer(),
        (weights, balance, seed) => {
          const view = viewOf(Object.fromEntries(weights.map((weight, i) => [`i${i}`, { weight }])), null);
          const rounds = 40;
          const picks = spread(view, reader({ balance }), weights.length * rounds, { seed });
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          weights.forEach((weight, i) => {
            const got = picks[`i${i}`] ?? 0;
            const share = balance === 'weighted' ? (weights.length * rounds * weight) / total : rounds;
            const slack = balance === 'random' ? 7 * Math.sqrt(share) : 2;
            assert.ok(
              got > 0 && Math.abs(got - share) <= slack,
              `${balance} i${i}: ${got} instead of ${share}`,
            );
          });
        },
      ),
      { numRuns: 200 },
    );
  });
});
