import type { InstanceId } from '../../base/brand.ts';
import { complete, isCurrent, nextCandidate, promote, verify } from '../plan.ts';
import { withInstance } from '../state.ts';
import type { Context, Rule } from './rule.ts';
import { askedBefore, isPhase, lookAgainMs, stay, withPlan } from './terms.ts';

const attemptsPerCandidate = 2;

/** From the promotion to the proof that it worked. */
export const promotingRules: readonly Rule[] = [
  {
    id: 'promotion-seen',
    comment:
      'A probe of this epoch saw the candidate writable: it is the writer now, whatever its promotion returned.',
    from: ['promoting', 'verifying'],
    to: ['stable'],
    when: (c) => sawWriter(c, withPlan(c.state).plan.to),
    then: ({ state, event, positions }) => complete(state, withPlan(state).plan, event.at, positions),
  },
  {
    id: 'promotion-answered',
    comment: 'The candidate says that it is promoted; only a probe proves it.',
    from: ['promoting'],
    to: ['verifying'],
    when: ({ state, event }) => event.kind === 'promoted' && isCurrent(state.phase, event.epoch),
    then: ({ state, event }) => {
      const phase = withPlan(state);
      const began = event.kind === 'promoted' ? event.position : null;
      const attempt = phase.name === 'promoting' ? phase.attempt : 1;
      return verify({ ...state, began }, phase.plan, attempt, event.at);
    },
  },
  {
    id: 'promotion-retried',
    comment: 'The promotion failed on a candidate that still answers: once more.',
    from: ['promoting'],
    to: ['promoting'],
    when: ({ state, event }) =>
      event.kind === 'not-promoted' &&
      isPhase(state.phase, 'promoting') &&
      isCurrent(state.phase, event.epoch) &&
      event.attempt === state.phase.attempt &&
      state.phase.attempt < attemptsPerCandidate &&
      state.instances.get(state.phase.plan.to)?.health !== 'down',
    then: ({ state, event, policy }) => {
      const phase = withPlan(state);
      const attempt = phase.name === 'promoting' ? phase.attempt + 1 : 1;
      return promote(state, phase.plan, attempt, event.at, policy);
    },
  },
  {
    id: 'promotion-failed',
    comment: 'The candidate could not be promoted: the next one, in an epoch of its own.',
    from: ['promoting'],
    to: ['fencing', 'suspect', 'operator-required'],
    when: ({ state, event }) =>
      event.kind === 'not-promoted' &&
      isPhase(state.phase, 'promoting') &&
      isCurrent(state.phase, event.epoch) &&
      event.attempt === state.phase.attempt,
    then: (c) => {
      const why = c.event.kind === 'not-promoted' ? c.event.why : '';
      return nextCandidate(c.state, withPlan(c.state).plan, c.event.at, c, why);
    },
  },
  {
    id: 'candidate-lost',
    comment: 'The candidate fell away while it was being promoted: the next one, in an epoch of its own.',
    from: ['promoting', 'verifying'],
    to: ['fencing', 'suspect', 'operator-required'],
    when: ({ state }) => state.instances.get(withPlan(state).plan.to)?.health === 'down',
    then: (c) => nextCandidate(c.state, withPlan(c.state).plan, c.event.at, c, 'it stopped answering'),
  },
  {
    id: 'promotion-too-slow',
    comment:
      'The candidate was not seen writable within `promote_timeout`: the next one, in an epoch of its own.',
    from: ['promoting', 'verifying'],
    to: ['fencing', 'suspect', 'operator-required'],
    when: ({ state, event, policy }) => event.at - withPlan(state).since > policy.promoteTimeoutMs,
    then: (c) => {
      const why = `not writable after ${c.policy.promoteTimeoutMs} ms`;
      return nextCandidate(c.state, withPlan(c.state).plan, c.event.at, c, why);
    },
  },
  {
    id: 'look-again',
    comment: 'The candidate is not writable yet; ask it again shortly.',
    from: ['verifying'],
    to: 'same',
    when: (c) =>
      c.event.kind === 'probe-succeeded' &&
      c.event.instance === withPlan(c.state).plan.to &&
      c.event.observation.role === 'replica' &&
      askedBefore(c),
    then: ({ state, event }) => {
      const { plan } = withPlan(state);
      const marked = withInstance(state, plan.to, { correctedAt: event.at });
      return stay(marked, [{ kind: 'probe', instance: plan.to, delayMs: lookAgainMs }]);
    },
  },
];

/** The event is a probe that saw this instance writable just now. */
const sawWriter = ({ event }: Context, id: InstanceId): boolean =>
  event.kind === 'probe-succeeded' && event.instance === id && event.observation.role === 'writer';
