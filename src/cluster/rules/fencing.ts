import { chooseCandidate } from '../candidate.ts';
import { copiesNeeded } from '../durability.ts';
import { abort, inVain, isCurrent, promote, record, seal, termsOf, verify } from '../plan.ts';
import { isCovered } from '../position.ts';
import { type ClusterState, type Phase, withInstance } from '../state.ts';
import type { Context, Rule } from './rule.ts';
import { askedBefore, isPhase, lookAgainMs, stay, withPlan } from './terms.ts';

/** A switchover's server that does not give way in this time keeps its office. */
const fenceTimeoutMs = 5_000;

const recordAgainMs = 1_000;

/** Between the decision and the promotion: the old epoch is shut out, the new one is written down. */
export const fencingRules: readonly Rule[] = [
  {
    id: 'sessions-closed',
    comment: 'The old epoch’s sessions are closed.',
    from: ['fencing'],
    to: ['fencing'],
    when: ({ state, event }) =>
      event.kind === 'sessions-closed' &&
      isPhase(state.phase, 'fencing') &&
      !state.phase.sessionsClosed &&
      isCurrent(state.phase, event.epoch),
    then: ({ state, event }) => {
      if (!isPhase(state.phase, 'fencing') || event.kind !== 'sessions-closed') return stay(state);
      const plan = { ...state.phase.plan, sessionsClosed: event.count };
      return stay({ ...state, phase: { ...state.phase, plan, sessionsClosed: true } });
    },
  },
  {
    id: 'old-writer-fenced',
    comment: 'Switchover: the old writer takes no more writes, and said where it ends.',
    from: ['fencing'],
    to: ['fencing'],
    when: ({ state, event }) =>
      event.kind === 'fenced' &&
      isPhase(state.phase, 'fencing') &&
      !state.phase.fenced &&
      isCurrent(state.phase, event.epoch),
    then: ({ state, event }) => {
      if (!isPhase(state.phase, 'fencing') || event.kind !== 'fenced') return stay(state);
      const { position } = event;
      const plan = { ...state.phase.plan, fromPosition: position };
      const next = { ...state, phase: { ...state.phase, plan, fenced: true } };
      const observation = state.instances.get(event.instance)?.observation ?? null;
      if (observation === null) return stay(next);
      // Its own word, and newer than the last probe's: should the target fail, it is a candidate.
      const given = { ...observation, role: 'replica', writable: false, position } as const;
      return stay(withInstance(next, event.instance, { observation: given }));
    },
  },
  {
    id: 'switchover-target-lost',
    comment: 'Switchover: the target fell away before the old writer was deposed, so the old writer stays.',
    from: ['fencing'],
    to: ['suspect'],
    when: ({ state }) =>
      isSwitchover(state) && state.instances.get(withPlan(state).plan.to)?.health === 'down',
    then: ({ state, event, policy }) =>
      abort(state, withPlan(state).plan, event.at, policy, 'the target does not answer'),
  },
  {
    id: 'switchover-not-fenced',
    comment: 'Switchover: the old writer could not be made read-only, so it stays.',
    from: ['fencing'],
    to: ['suspect'],
    when: ({ state, event }) =>
      isSwitchover(state) && event.kind === 'not-fenced' && isCurrent(state.phase, event.epoch),
    then: ({ state, event, policy }) =>
      abort(state, withPlan(state).plan, event.at, policy, event.kind === 'not-fenced' ? event.why : ''),
  },
  {
    id: 'shut-out',
    comment:
      'The old writer is shut out; a switchover’s target now receives the rest, a failover under quorum durability asks its copies, any other change is recorded.',
    from: ['fencing'],
    to: ['fencing'],
    when: ({ state: { phase } }) =>
      isPhase(phase, 'fencing') && phase.stage === 'closing' && phase.sessionsClosed && phase.fenced,
    then: (c) => {
      const { state, event } = c;
      if (!isPhase(state.phase, 'fencing')) return stay(state);
      const { plan } = state.phase;
      if (asksCopies(c)) return seal(state, plan, event.at);
      if (plan.kind !== 'switchover') return record(state, plan, event.at);
      const phase: Phase = { ...state.phase, stage: 'catching-up', since: event.at };
      return stay({ ...state, phase }, [{ kind: 'probe', instance: plan.to, delayMs: 0 }]);
    },
  },
  {
    id: 'copy-sealed',
    comment:
      'Quorum durability: a copy acknowledges nothing to the old writer any more, and said what it has.',
    from: ['fencing'],
    to: ['fencing'],
    when: ({ state, event }) =>
      (event.kind === 'sealed' || event.kind === 'not-sealed') &&
      isSealing(state) &&
      isCurrent(state.phase, event.epoch) &&
      withPlan(state).plan.sealing.has(event.instance),
    then: ({ state, event }) => {
      if (!isPhase(state.phase, 'fencing') || !('instance' in event)) return stay(state);
      const { plan } = state.phase;
      const sealing = new Set([...plan.sealing].filter((id) => id !== event.instance));
      const sealed = new Map(plan.sealed);
      if (event.kind === 'sealed') sealed.set(event.instance, event.position);
      const next = { ...state, phase: { ...state.phase, plan: { ...plan, sealed, sealing } } };
      const observation = state.instances.get(event.instance)?.observation ?? null;
      if (event.kind !== 'sealed' || observation === null) return stay(next);
      const { position } = event;
      return stay(withInstance(next, event.instance, { observation: { ...observation, position } }));
    },
  },
  {
    id: 'copies-sealed',
    comment:
      'Quorum durability: enough copies answered, and one of them has every acknowledged commit; the rest were waited for a moment.',
    from: ['fencing'],
    to: ['fencing'],
    when: (c) => {
      if (!isSealing(c.state)) return false;
      const { plan, since } = withPlan(c.state);
      const isPatient = plan.sealing.size > 0 && c.event.at - since < moreCopiesMs;
      return !isPatient && choiceOf(c).candidate !== null;
    },
    then: (c) => {
      const { state, event } = c;
      const { plan } = withPlan(state);
      const { candidate, refused, answered } = choiceOf(c);
      if (candidate === null || plan.durability.mode === 'async') return stay(state);
      const durability = { ...plan.durability, answered };
      const to = candidate.instance.id;
      const toPosition = plan.sealed?.get(to) ?? null;
      return record(state, { ...plan, to, toPosition, refused, durability }, event.at);
    },
  },
  {
    id: 'too-few-sealed',
    comment:
      'Quorum durability: too few copies could be sealed to know that one of them has every acknowledged commit.',
    from: ['fencing'],
    to: ['suspect', 'operator-required'],
    when: ({ state, event }) => {
      if (!isSealing(state)) return false;
      const { plan, since } = withPlan(state);
      return plan.sealing.size === 0 || event.at - since > sealTimeoutMs;
    },
    then: (c) => {
      const { plan } = withPlan(c.state);
      const { refused } = choiceOf(c);
      const words = refused.map((r) => `${r.instance}: ${r.why}`).join('; ');
      const reason = `nobody could be promoted without the risk of losing acknowledged commits (${words})`;
      return inVain(c.state, { ...plan, refused }, c.event.at, reason);
    },
  },
  {
    id: 'caught-up',
    comment: 'Switchover: the target has everything that the old writer has; nothing can be lost any more.',
    from: ['fencing'],
    to: ['fencing'],
    when: (c) => caughtUp(c) === 'yes',
    then: ({ state, event }) => {
      const { plan } = withPlan(state);
      const toPosition = state.instances.get(plan.to)?.observation?.position ?? null;
      return record(state, { ...plan, toPosition }, event.at);
    },
  },
  {
    id: 'catching-up',
    comment: 'Switchover: the target is not there yet; ask it again shortly.',
    from: ['fencing'],
    to: ['fencing'],
    when: (c) => c.event.kind === 'probe-succeeded' && caughtUp(c) === 'not yet' && askedBefore(c),
    then: ({ state, event }) => {
      const { plan } = withPlan(state);
      const marked = withInstance(state, plan.to, { correctedAt: event.at });
      return stay(marked, [{ kind: 'probe', instance: plan.to, delayMs: lookAgainMs }]);
    },
  },
  {
    id: 'switchover-too-slow',
    comment: 'Switchover: the old writer did not give way, or the target did not catch up, in time: undone.',
    from: ['fencing'],
    to: ['suspect'],
    when: ({ state, event, policy }) =>
      isSwitchover(state) &&
      event.at - withPlan(state).since > Math.max(fenceTimeoutMs, policy.promoteTimeoutMs),
    then: ({ state, event, policy }) =>
      abort(state, withPlan(state).plan, event.at, policy, 'the target did not receive everything in time'),
  },
  {
    id: 'recorded',
    comment: 'The new epoch is on disk: promote, or (where somebody else did) look whether it is writable.',
    from: ['fencing'],
    to: ['promoting', 'verifying'],
    when: ({ state, event }) =>
      event.kind === 'memory-saved' &&
      isPhase(state.phase, 'fencing') &&
      state.phase.stage === 'recording' &&
      isCurrent(state.phase, event.epoch),
    then: ({ state, event, policy }) => {
      const { plan } = withPlan(state);
      const ours = plan.kind === 'failover' || plan.kind === 'switchover';
      return ours ? promote(state, plan, 1, event.at, policy) : verify(state, plan, 1, event.at);
    },
  },
  {
    id: 'not-recorded',
    comment:
      'The new epoch could not be written to disk: going on might give it two writers after a restart.',
    from: ['fencing'],
    to: ['fencing'],
    when: ({ state, event }) =>
      event.kind === 'memory-not-saved' &&
      isPhase(state.phase, 'fencing') &&
      state.phase.stage === 'recording' &&
      state.phase.trouble === null &&
      isCurrent(state.phase, event.epoch),
    then: ({ state, event }) => {
      if (!isPhase(state.phase, 'fencing') || event.kind !== 'memory-not-saved') return stay(state);
      const trouble = `state_dir cannot be written (${event.why})`;
      return stay({ ...state, phase: { ...state.phase, since: event.at, trouble } });
    },
  },
  {
    id: 'recorded-again',
    comment: 'Try to write the new epoch down again.',
    from: ['fencing'],
    to: ['fencing'],
    when: ({ state, event }) =>
      isPhase(state.phase, 'fencing') &&
      state.phase.trouble !== null &&
      event.at - state.phase.since >= recordAgainMs,
    then: ({ state, event }) => record(state, withPlan(state).plan, event.at),
  },
];

/** How long copies that have not answered are waited for once enough have: one of them may suit better. */
const moreCopiesMs = 500;
const sealTimeoutMs = 6_000;

const isSealing = ({ phase }: ClusterState): boolean => phase.name === 'fencing' && phase.stage === 'sealing';

function asksCopies({ state, policy }: Context): boolean {
  const { plan } = withPlan(state);
  return plan.kind === 'failover' && !plan.forced && copiesNeeded(state, policy) > 0;
}

const choiceOf = (c: Context) => chooseCandidate(c.state, termsOf(withPlan(c.state).plan, c, c.event.at));

const isSwitchover = ({ phase }: ClusterState): boolean =>
  phase.name === 'fencing' && phase.plan.kind === 'switchover' && phase.stage !== 'recording';

function caughtUp({ state, positions }: Context): 'yes' | 'not yet' | 'does not apply' {
  const { phase } = state;
  if (!isPhase(phase, 'fencing') || phase.stage !== 'catching-up') return 'does not apply';
  const position = state.instances.get(phase.plan.to)?.observation?.position ?? null;
  if (position === null || phase.plan.fromPosition === null) return 'not yet';
  return isCovered(positions, phase.plan.fromPosition, position) ? 'yes' : 'not yet';
}
