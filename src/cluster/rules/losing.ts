import type { InstanceId } from '../../base/brand.ts';
import type { Instant } from '../../base/clock.ts';
import { othersAnswer } from '../claims.ts';
import type { Effect } from '../effect.ts';
import { isReachedAt } from '../instance.ts';
import { isSilence } from '../observation.ts';
import { giveUp, type Outcome, unfence } from '../plan.ts';
import { type ClusterState, type InstanceState, withInstance } from '../state.ts';
import type { Context, Rule } from './rule.ts';
import { hasCandidate, noCandidate, sinceOf, startFailover } from './succession.ts';
import {
  holder,
  isPhase,
  lookAgainMs,
  mayCorrect,
  noWrites,
  probed,
  says,
  startTogetherMs,
  stay,
} from './terms.ts';

/** Between two changes in vain. */
const againMs = 1_000;
/** A writer that came back as somebody's standby is waited for this long, in case somebody else promotes. */
const standbyMs = 10_000;

/** The writer gives no evidence any more: doubt, and the decision to replace it. */
export const losingRules: readonly Rule[] = [
  {
    id: 'holder-missing',
    comment:
      'The writer that Aurelay remembers does not answer, or answers without its office, and everybody else was heard: ' +
      'where all start together, the first to answer need not be the one with the most data.',
    from: ['starting'],
    to: ['suspect'],
    when: ({ state, event }) => {
      const known = holder(state);
      if (known === null || !isPhase(state.phase, 'starting')) return false;
      const heard = othersAnswer(state) || event.at - state.phase.since >= startTogetherMs;
      return heard && (known.health === 'down' || says(known, 'replica'));
    },
    then: (c) => {
      const known = holder(c.state);
      const state = known?.observation?.withheld === undefined ? 'is not writable' : noWrites(known);
      const words = `${c.state.writer}, the writer before Aurelay was restarted, ${state}`;
      return suspect({ ...c, since: silentSince(c) }, 'lost', words);
    },
  },
  {
    id: 'writer-suspected',
    comment: 'The writer did not answer a probe: new connections wait, and everybody is asked at once.',
    from: ['stable'],
    to: ['suspect'],
    when: ({ state }) => holder(state)?.observation === null,
    then: (c) => {
      const failure = holder(c.state)?.lastFailure;
      const words = `${c.state.writer} does not answer (${failure?.reason}: ${failure?.detail})`;
      return suspect(c, 'lost', words, askEverybody(c.state));
    },
  },
  {
    id: 'writer-demoted',
    comment: 'The writer answers that it takes no writes any more: its sessions must not go on there.',
    from: ['stable'],
    to: ['suspect'],
    when: ({ state }) => says(holder(state), 'replica'),
    then: (c) =>
      suspect(c, 'demoted', `${c.state.writer} ${noWrites(holder(c.state))}`, [
        { kind: 'close-sessions', epoch: c.state.epoch, instance: c.state.writer as InstanceId },
        ...(c.policy.mode === 'observe' ? askEverybody(c.state) : []),
      ]),
  },
  {
    id: 'demoted-for-good',
    comment:
      'The writer was made read-only, nobody took over and it did not come back: somebody meant something by it.',
    from: ['suspect'],
    to: ['operator-required'],
    when: ({ state, event }) =>
      isPhase(state.phase, 'suspect') &&
      state.phase.cause === 'demoted' &&
      says(holder(state), 'replica') &&
      event.at - state.phase.since > standbyMs,
    then: ({ state, event, policy }) => {
      const remedy =
        policy.mode === 'automatic'
          ? 'open it for writes, or run `aurelay failover`'
          : 'whoever promotes here has to';
      return giveUp(state, null, event.at, `${state.writer} ${noWrites(holder(state))}: ${remedy}`);
    },
  },
  {
    id: 'still-fenced',
    comment: 'A switchover was given up, and its old writer is still read-only: open it again.',
    from: ['suspect'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || !isPhase(c.state.phase, 'suspect') || c.state.phase.cause !== 'undone')
        return false;
      return known === holder(c.state) && says(known, 'replica') && mayCorrect(known, c.event.at);
    },
    then: ({ state, event, policy }) => {
      const instance = state.writer as InstanceId;
      const marked = withInstance(state, instance, { correctedAt: event.at });
      const { state: next, effects } = unfence(marked, state.epoch, policy);
      return stay(next, [...effects, { kind: 'probe', instance, delayMs: lookAgainMs }]);
    },
  },
  {
    id: 'cut-off',
    comment:
      'The writer is silent towards Aurelay and replicas still hear it: the network is to blame, and a second writer would be the worse evil.',
    from: ['suspect'],
    to: ['cut-off'],
    when: ({ state, event, policy }) =>
      policy.mode === 'automatic' && holder(state)?.health === 'down' && isHeard(state, event.at),
    then: ({ state, event }) => {
      const witnesses = [...state.instances.values()].filter((known) => hearsHolder(state, known, event.at));
      const names = witnesses.map(({ instance }) => instance.id).join(', ');
      const reason = `${state.writer} does not answer Aurelay, but ${names} still hears it: mend the network between Aurelay and ${state.writer}`;
      return stay({ ...state, phase: { name: 'cut-off', since: sinceOf(state, event), reason } });
    },
  },
  {
    id: 'no-longer-heard',
    comment: 'Nobody hears the writer any more.',
    from: ['cut-off'],
    to: ['suspect'],
    when: ({ state, event }) => !isHeard(state, event.at),
    then: (c) => {
      const reason = `${c.state.writer} does not answer, and no replica hears it any more`;
      return stay({
        ...c.state,
        phase: { name: 'suspect', since: sinceOf(c.state, c.event), cause: 'lost', reason },
      });
    },
  },
  {
    id: 'failover-too-soon',
    comment:
      'The writer is gone again within `min_interval`: something is wrong that a failover does not mend.',
    from: ['suspect'],
    to: ['operator-required'],
    when: (c) => c.policy.mode === 'automatic' && isLost(c) && hasCandidate(c) && tooSoon(c),
    then: ({ state, event }) =>
      giveUp(
        state,
        null,
        event.at,
        `${state.writer} is gone less than min_interval after the last failover: run \`aurelay failover\` to go on`,
      ),
  },
  {
    id: 'writer-lost',
    comment: 'The writer is gone and there is a candidate: shut the old epoch out, then promote.',
    from: ['suspect'],
    to: ['fencing'],
    when: (c) => c.policy.mode === 'automatic' && isLost(c) && hasCandidate(c),
    then: (c) => startFailover(c, null),
  },
  {
    id: 'no-candidate',
    comment: 'The writer is gone and nobody can take over: wait for either to return.',
    from: ['suspect'],
    to: ['suspect'],
    when: (c) => {
      if (c.policy.mode !== 'automatic' || !isLost(c)) return false;
      const next = noCandidate(c).state.phase;
      return (
        isPhase(c.state.phase, 'suspect') && isPhase(next, 'suspect') && next.reason !== c.state.phase.reason
      );
    },
    then: (c) => noCandidate(c),
  },
];

const askEverybody = ({ instances }: ClusterState): Effect[] =>
  [...instances.keys()].map((instance) => ({ kind: 'probe', instance, delayMs: 0 }));

const suspect = (
  { state, event, since = event.at }: Context & { readonly since?: Instant },
  cause: 'lost' | 'demoted',
  reason: string,
  effects: readonly Effect[] = [],
): Outcome => stay({ ...state, phase: { name: 'suspect', since, cause, reason } }, effects);

/**
 * Since when Aurelay has been without the holder that it remembers: whoever heard that one after Aurelay was started is a
 * witness. One that answers, be it a refusal, is missed from now on.
 */
function silentSince({ state, event }: Context): Instant {
  const failure = holder(state)?.lastFailure;
  const isSilent = failure != null && isSilence(failure.reason);
  return isSilent && isPhase(state.phase, 'starting') ? state.phase.since : event.at;
}

const tooSoon = ({ state, event, policy }: Context): boolean =>
  state.lastFailoverAt !== null && event.at - state.lastFailoverAt < policy.minIntervalMs;

/** A witness of the holder's life that is older than this is no witness of it now. */
const hearsayMs = 5_000;

/** This replica had word of the holder after Aurelay had lost it. */
function hearsHolder(state: ClusterState, known: InstanceState, at: Instant): boolean {
  const { phase } = state;
  if (!isPhase(phase, 'suspect', 'cut-off') || known.heardAt === null || known.observation === null)
    return false;
  const source = known.observation.replication?.source ?? null;
  const ours = holder(state);
  const fromHolder = source !== null && ours !== null && isReachedAt(ours.instance, source);
  return fromHolder && known.heardAt > phase.since && at - known.heardAt <= hearsayMs;
}

/** The holder is silent towards Aurelay only. */
const isHeard = (state: ClusterState, at: Instant): boolean => {
  const failure = holder(state)?.lastFailure;
  if (failure == null || !isSilence(failure.reason)) return false;
  return [...state.instances.values()].some((known) => hearsHolder(state, known, at));
};

/**
 * The holder is gone for good as far as anyone can tell: down; back from silence without its office; or never proven in
 * it, a while after its promotion failed.
 */
const isLost = ({ state, event }: Context): boolean => {
  const known = holder(state);
  const { phase } = state;
  if (!isPhase(phase, 'suspect') || known === null) return false;
  if ((!state.proven || state.vain > 0) && event.at - phase.since < againMs) return false;
  if (known.health === 'down') return !isHeard(state, event.at);
  if (phase.cause !== 'lost' || !says(known, 'replica')) return false;
  return !state.proven || known.observation?.replication === null || event.at - phase.since > standbyMs;
};
