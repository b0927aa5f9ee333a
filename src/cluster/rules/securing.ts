import type { InstanceId } from '../../base/brand.ts';
import { type Durability, isMet, reachable, requirementFor } from '../durability.ts';
import type { Acknowledgement } from '../observation.ts';
import { ordered, saved } from '../plan.ts';
import { isCovered } from '../position.ts';
import { type ClusterState, type InstanceState, withInstance } from '../state.ts';
import { replicatesFromWriter } from './correcting.ts';
import type { Context, Rule } from './rule.ts';
import { holder, mayCorrect, stay } from './terms.ts';

const saveAgainMs = 1_000;
const tellAfterMs = 2_000;

/**
 * Quorum durability while there is a writer: that it waits for its quorum, from when on that protects everything, and
 * what happens when the quorum is lost. The promise is taken back on disk before the writer is let off, and given again
 * only when every commit that a client was ever told of is on enough copies.
 */
export const securingRules: readonly Rule[] = [
  {
    id: 'quorum-required',
    comment: 'The writer does not wait for the copies that it should wait for: it is made to.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = askedWriter(c);
      if (known === null || c.state.durability.unsavedSince !== null || !mayCorrect(known, c.event.at))
        return false;
      const wanted = requirementFor(c.state, known.instance.id, c.policy);
      if (wanted === null) return false;
      const actual = known.observation?.acknowledgement ?? null;
      return actual === null || !isMet(wanted, actual);
    },
    then: ({ state, event, policy }) => {
      const instance = state.writer as InstanceId;
      const quorum = requirementFor(state, instance, policy);
      if (quorum === null) return stay(state);
      const marked = withInstance(state, instance, { correctedAt: event.at });
      return ordered(marked, quorum, [{ kind: 'probe', instance, delayMs: 100 }]);
    },
  },
  {
    id: 'quorum-ordered',
    comment: 'The writer did what it was ordered, or said why not; or nobody knows.',
    from: 'any',
    to: 'same',
    when: ({ state, event }) =>
      (event.kind === 'quorum-set' || event.kind === 'quorum-not-set') &&
      event.epoch === state.epoch &&
      event.instance === state.writer &&
      state.durability.ordered > 0,
    then: ({ state }) => {
      return stay(promising(state, { ordered: state.durability.ordered - 1 }));
    },
  },
  {
    id: 'quorum-begun',
    comment:
      'The writer was seen to wait for its quorum: what was written before that is waited for on the copies.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const { durability } = c.state;
      const waits = waiting(c);
      return waits !== null && durability.mark === null && durability.secured < waits.count + 1;
    },
    then: (c) => {
      const mark = holder(c.state)?.observation?.position ?? null;
      return stay(promising(c.state, { mark }));
    },
  },
  {
    id: 'durability-secured',
    comment:
      'Enough copies have all that was written before the writer began to wait: every acknowledged commit is on the write quorum.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const waits = waiting(c);
      return waits !== null && c.state.durability.mark !== null && holdingMark(c) >= waits.count;
    },
    then: (c) => {
      const secured = (waiting(c)?.count ?? 0) + 1;
      return saved(promising(c.state, { secured, mark: null }));
    },
  },
  {
    id: 'quorum-broken',
    comment:
      'The writer was seen not to wait as it did: somebody changed it, or it was restarted without. Commits may have been acknowledged unprotected.',
    from: ['stable'],
    to: 'same',
    when: (c) => c.state.durability.secured > 1 && waitsForLess(c),
    then: ({ state }) => saved(promising(state, { secured: 1, mark: null })),
  },
  {
    id: 'quorum-missing',
    comment: 'Too few copies acknowledge: commits wait from here on.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const actual = askedWriter(c)?.observation?.acknowledgement ?? null;
      return actual !== null && c.state.durability.lostAt === null && actual.connected < actual.count;
    },
    then: ({ state, event }) => stay(promising(state, { lostAt: event.at })),
  },
  {
    id: 'quorum-lost',
    comment: 'Too few copies have acknowledged for longer than replicas take to follow a new writer.',
    from: ['stable'],
    to: 'same',
    when: ({ state, event }) => {
      const { lostAt, told } = state.durability;
      return lostAt !== null && !told && event.at - lostAt >= tellAfterMs;
    },
    then: ({ state }) => stay(promising(state, { told: true })),
  },
  {
    id: 'quorum-regained',
    comment: 'Enough copies acknowledge again.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const { lostAt, unsavedSince } = c.state.durability;
      if (lostAt === null || unsavedSince !== null || askedWriter(c) === null) return false;
      return isBack(c);
    },
    then: ({ state, policy }) => {
      const next = promising(state, { lostAt: null, told: false, degraded: false });
      // An order to let it off may still be on its way, and this one comes after it; and what waits is let go by it.
      const quorum = requirementFor(next, state.writer as InstanceId, policy);
      const { state: waiting, effects } = quorum === null ? stay(next) : ordered(next, quorum);
      return state.durability.degraded ? saved(waiting, effects) : stay(waiting, effects);
    },
  },
  {
    id: 'durability-degraded',
    comment:
      '`on_lost_quorum: degrade`: commits have waited for long enough. First it is written down that they are not protected any more.',
    from: ['stable'],
    to: 'same',
    when: ({ state, event, policy }) => {
      const { lostAt, degraded } = state.durability;
      if (policy.mode !== 'automatic' || policy.durability?.onLostQuorum !== 'degrade') return false;
      return !degraded && lostAt !== null && event.at - lostAt >= policy.durability.degradeAfterMs;
    },
    then: ({ state, event }) => {
      return saved(promising(state, { secured: 1, degraded: true, mark: null, unsavedSince: event.at }));
    },
  },
  {
    id: 'degrading-recorded',
    comment: 'It is on disk that commits are not protected: the writer is let off.',
    from: 'any',
    to: 'same',
    when: ({ state, event }) =>
      event.kind === 'memory-saved' &&
      state.durability.unsavedSince !== null &&
      event.epoch === state.epoch &&
      event.secured <= state.durability.secured,
    then: ({ state }) =>
      stay(promising(state, { unsavedSince: null }), [
        ...(state.writer === null ? [] : [{ kind: 'probe', instance: state.writer, delayMs: 0 } as const]),
      ]),
  },
  {
    id: 'degrading-recorded-again',
    comment: 'That commits are not protected could not be written down yet: try again.',
    from: ['stable'],
    to: 'same',
    when: ({ state, event }) => {
      const { unsavedSince } = state.durability;
      return unsavedSince !== null && event.at - unsavedSince >= saveAgainMs;
    },
    then: ({ state, event }) => saved(promising(state, { unsavedSince: event.at })),
  },
  {
    id: 'durability-dropped',
    comment: 'The configuration says `async` now: the promise is taken back, and the writer let off.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      if (c.policy.durability !== null || c.policy.mode !== 'automatic') return false;
      const { secured, degraded } = c.state.durability;
      return (
        (secured > 1 || degraded) && c.event.kind === 'probe-succeeded' && c.event.instance === c.state.writer
      );
    },
    then: ({ state }) => {
      const dropped = promising(state, { secured: 1, degraded: false, lostAt: null, mark: null });
      const { state: next, effects } = saved(dropped);
      return ordered(next, { count: 0, from: [] }, effects);
    },
  },
];

const promising = (state: ClusterState, change: Partial<Durability>): ClusterState => ({
  ...state,
  durability: { ...state.durability, ...change },
});

/** The writer has just answered, and its quorum is ours to see to. */
function askedWriter({ state, event, policy }: Context): InstanceState | null {
  if (policy.mode !== 'automatic' || policy.durability === null) return null;
  if (event.kind !== 'probe-succeeded' || event.instance !== state.writer) return null;
  return holder(state);
}

/** What the writer waits for, where it has just said that it waits for as much as it can; null elsewhere. */
function waiting(c: Context): Acknowledgement | null {
  const known = askedWriter(c);
  const actual = known?.observation?.acknowledgement ?? null;
  const { degraded, ordered } = c.state.durability;
  if (known === null || actual === null || degraded || ordered > 0) return null;
  const wanted = requirementFor(c.state, known.instance.id, c.policy);
  return wanted !== null && wanted.count > 0 && isMet(wanted, actual) ? actual : null;
}

/**
 * It said so itself just now; what it shall wait for when it is let off, it need not. Receipts of others than the copies
 * count for nothing.
 */
function waitsForLess(c: Context): boolean {
  const known = askedWriter(c);
  const actual = known?.observation?.acknowledgement ?? null;
  if (known === null || actual === null || c.state.durability.unsavedSince !== null) return false;
  const wanted = requirementFor(c.state, known.instance.id, c.policy);
  if (wanted === null || isMet(wanted, actual)) return false;
  const others = (actual.from ?? []).filter((id) => !wanted.from.includes(id));
  return actual.count - others.length < c.state.durability.secured - 1;
}

/** Copies that replicate from the writer and were seen to have the mark. */
function holdingMark(c: Context): number {
  const { mark } = c.state.durability;
  if (mark === null) return 0;
  return acknowledging(c).filter(
    ({ observation }) => observation !== null && isCovered(c.positions, mark, observation.position),
  ).length;
}

/** Copies that say themselves that they receive from the writer, and acknowledge. */
const acknowledging = (c: Context): InstanceState[] =>
  [...c.state.instances.values()].filter(
    (known) =>
      known.instance.copy &&
      known.instance.id !== c.state.writer &&
      !c.state.deposed.has(known.instance.id) &&
      known.observation?.replication?.acknowledges !== false &&
      replicatesFromWriter(c, known),
  );

function isBack(c: Context): boolean {
  const actual = holder(c.state)?.observation?.acknowledgement ?? null;
  const wanted = requirementFor(
    promising(c.state, { degraded: false }),
    c.state.writer as InstanceId,
    c.policy,
  );
  if (actual === null || wanted === null) return false;
  const count = reachable(wanted.count, actual);
  // A writer that waits for nobody does not say who could acknowledge.
  return c.state.durability.degraded ? acknowledging(c).length >= count : actual.connected >= count;
}
