import { assert } from '../base/assert.ts';
import type { InstanceId } from '../base/brand.ts';
import { chooseCandidate, ineligible } from './candidate.ts';
import { conflict, newestClaim, othersAnswer, othersHeard, soleClaim } from './claims.ts';
import type { Effect } from './effect.ts';
import type { Event } from './event.ts';
import { type Address, isReachedAt } from './instance.ts';
import {
  abort,
  begin,
  complete,
  giveUp,
  isCurrent,
  nextCandidate,
  type Outcome,
  promote,
  record,
  verify,
} from './plan.ts';
import type { PositionOrder } from './position.ts';
import type { ClusterState, InstanceState, Phase, Policy } from './state.ts';
import { memoryOf, withInstance } from './state.ts';
import type { PhaseName } from './view.ts';

export interface Context {
  readonly state: ClusterState;
  readonly event: Event;
  readonly policy: Policy;
  readonly positions: PositionOrder;
}

/**
 * One row of the table: in a phase of `from`, if `when`, then `then`, which leads to a phase of `to`. The first row that
 * applies fires, and the table is read again from the top until none does.
 */
export interface Rule {
  readonly id: string;
  readonly comment: string;
  readonly from: readonly PhaseName[] | 'any';
  readonly to: readonly PhaseName[] | 'same';
  readonly when: (context: Context) => boolean;
  readonly then: (context: Context) => Outcome;
}

/** A switchover's server that does not give way in this time keeps its office. */
const fenceTimeoutMs = 5_000;
/** How often a candidate is asked whether it is there yet. */
const lookAgainMs = 50;
/** A correction that did not help is not tried again for this long. */
const correctAgainMs = 5_000;
/** Servers that start together with Aurelay (after a power cut, say) may take this long to answer. */
const startTogetherMs = 10_000;
const recordAgainMs = 1_000;
const attemptsPerCandidate = 2;
const waiting: readonly PhaseName[] = ['starting', 'suspect', 'operator-required'];
const settled: readonly PhaseName[] = ['starting', 'stable', 'suspect', 'operator-required'];

const isPhase = <N extends PhaseName>(phase: Phase, ...names: N[]): phase is Extract<Phase, { name: N }> =>
  (names as readonly string[]).includes(phase.name);
const holder = ({ writer, instances }: ClusterState): InstanceState | null =>
  writer === null ? null : (instances.get(writer) ?? null);
const says = (known: InstanceState | null, role: 'writer' | 'replica'): boolean =>
  known?.observation?.role === role;
const stay = (state: ClusterState, effects: readonly Effect[] = []): Outcome => ({ state, effects });
const suspect = (
  { state, event }: Context,
  cause: 'lost' | 'demoted',
  reason: string,
  effects: readonly Effect[] = [],
): Outcome => stay({ ...state, phase: { name: 'suspect', since: event.at, cause, reason } }, effects);

/** The event is a probe that saw this instance writable just now. */
const sawWriter = ({ event }: Context, id: InstanceId): boolean =>
  event.kind === 'probe-succeeded' && event.instance === id && event.observation.role === 'writer';

const withPlan = (state: ClusterState) => {
  const { phase } = state;
  assert(isPhase(phase, 'fencing', 'promoting', 'verifying'), 'no change is under way');
  return phase;
};

const isSwitchover = ({ phase }: ClusterState): boolean =>
  phase.name === 'fencing' && phase.plan.kind === 'switchover' && phase.stage !== 'recording';

/** How long the holder has been gone already, so that the outage is counted from the first sign. */
const sinceOf = (state: ClusterState, event: Event) =>
  isPhase(state.phase, 'suspect') ? state.phase.since : event.at;

function startFailover(context: Context, request: number | null): Outcome {
  const { state, event, positions } = context;
  const choice = chooseCandidate(state, positions, new Set(), event.at);
  if (choice.candidate === null)
    return noCandidate(
      context,
      choice.refused.map((r) => `${r.instance}: ${r.why}`),
    );
  return begin(state, {
    kind: 'failover',
    to: choice.candidate.instance.id,
    at: event.at,
    since: sinceOf(state, event),
    refused: choice.refused,
    request,
  });
}

function noCandidate({ state, event }: Context, refusals: readonly string[]): Outcome {
  const reason = `the writer ${state.writer} is gone and nobody can take over (${refusals.join('; ')})`;
  const since = sinceOf(state, event);
  return stay({ ...state, phase: { name: 'suspect', since, cause: 'lost', reason } });
}

const hasCandidate = ({ state, positions, event }: Context): boolean =>
  chooseCandidate(state, positions, new Set(), event.at).candidate !== null;

const tooSoon = ({ state, event, policy }: Context): boolean =>
  state.lastFailoverAt !== null && event.at - state.lastFailoverAt < policy.minIntervalMs;

/** The holder is gone for good as far as anyone can tell: down, or back from silence without its office. */
const isLost = ({ state }: Context): boolean => {
  const known = holder(state);
  if (!isPhase(state.phase, 'suspect') || known === null) return false;
  if (known.health === 'down') return true;
  return state.phase.cause === 'lost' && says(known, 'replica') && known.observation?.replication === null;
};

const refusalsNow = ({ state, positions, event }: Context): string[] =>
  chooseCandidate(state, positions, new Set(), event.at).refused.map((r) => `${r.instance}: ${r.why}`);

/** Replicates from a server that is not the writer, and gets nothing from there. */
function isAstray({ state }: Context, known: InstanceState): boolean {
  const writer = holder(state);
  const replication = known.observation?.replication;
  if (writer === null || known === writer || state.deposed.has(known.instance.id)) return false;
  if (!says(known, 'replica') || replication == null || replication.source === null) return false;
  const { source } = replication;
  const fromWriter = isAt(writer, source);
  const fromDeposed = [...state.instances.values()].some(
    (other) => state.deposed.has(other.instance.id) && isAt(other, source),
  );
  return fromDeposed || (!fromWriter && !replication.streaming);
}

const isAt = ({ instance }: InstanceState, source: Address): boolean => isReachedAt(instance, source);

/** Seen replicating from the current writer: by its address, or by the timeline that only this writer has. */
function isRejoined({ state }: Context, known: InstanceState): boolean {
  const writer = holder(state);
  const replication = known.observation?.replication;
  if (writer === null || !says(known, 'replica') || replication?.streaming !== true) return false;
  if (replication.source !== null && isAt(writer, replication.source)) return true;
  const timeline = known.observation?.timeline ?? null;
  return timeline !== null && timeline === writer.observation?.timeline;
}

const mayCorrect = (known: InstanceState, at: number): boolean =>
  known.correctedAt === null || at - known.correctedAt >= correctAgainMs;

const probed = ({ state, event }: Context): InstanceState | null =>
  event.kind === 'probe-succeeded' ? (state.instances.get(event.instance) ?? null) : null;

export const rules: readonly Rule[] = [
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
    id: 'two-writers',
    comment:
      'Two servers that Aurelay has no reason to prefer take writes: nobody gets sessions until a person decides.',
    from: ['starting', 'suspect'],
    to: ['operator-required'],
    when: (c) => conflict(c.state) !== null && !says(holder(c.state), 'writer') && othersHeard(c.state),
    then: ({ state, event }) =>
      giveUp(state, null, event.at, `more than one writable server: ${conflict(state)?.join(', ')}`),
  },
  {
    id: 'writer-seen',
    comment:
      'The holder of the epoch takes writes (again): nothing was changed meanwhile, so nothing has to be.',
    from: waiting,
    to: ['stable'],
    when: ({ state }) =>
      says(holder(state), 'writer') &&
      !state.deposed.has(state.writer as InstanceId) &&
      conflictIsSettled(state),
    then: ({ state }) => {
      const stable: ClusterState = { ...state, phase: { name: 'stable' } };
      return stay(stable, [{ kind: 'save-memory', epoch: state.epoch, memory: memoryOf(stable, false) }]);
    },
  },
  {
    id: 'promoted-elsewhere',
    comment:
      'The holder has lost its office and exactly one other server takes writes: somebody else promoted it.',
    from: waiting,
    to: ['fencing'],
    when: ({ state, policy }) => {
      const known = holder(state);
      if (known === null || !(known.health === 'down' || says(known, 'replica'))) return false;
      return soleClaim(state, policy.mode) !== null;
    },
    then: ({ state, event, policy }) =>
      begin(state, {
        kind: 'adopted',
        to: soleClaim(state, policy.mode) as InstanceId,
        at: event.at,
        since: sinceOf(state, event),
      }),
  },
  {
    id: 'promoted-elsewhere-in-spite',
    comment:
      'Observe: a server on a newer timeline takes writes, so the holder has been replaced and has not noticed.',
    from: ['stable'],
    to: ['fencing'],
    when: ({ state, policy }) => policy.mode === 'observe' && newestClaim(state) !== null,
    then: ({ state, event }) =>
      begin(state, {
        kind: 'adopted',
        to: newestClaim(state) as InstanceId,
        at: event.at,
        since: event.at,
      }),
  },
  {
    id: 'first-writer',
    comment:
      'No epoch yet, everybody was asked, and exactly one server takes writes: it holds the first epoch.',
    from: ['starting', 'operator-required'],
    to: ['fencing'],
    when: ({ state, policy }) =>
      state.writer === null && othersHeard(state) && soleClaim(state, policy.mode) !== null,
    then: ({ state, event, policy }) =>
      begin(state, {
        kind: 'elected',
        to: soleClaim(state, policy.mode) as InstanceId,
        at: event.at,
        since: event.at,
      }),
  },
  {
    id: 'no-first-writer',
    comment:
      'No epoch yet, everybody was asked, and nobody takes writes: promoting one might lose another’s data.',
    from: ['starting'],
    to: ['operator-required'],
    when: ({ state }) =>
      state.writer === null && [...state.instances.values()].every((known) => known.health !== 'unknown'),
    then: ({ state, event, policy }) =>
      giveUp(
        state,
        null,
        event.at,
        policy.mode === 'automatic'
          ? 'no instance takes writes and none was known to be the writer: start the writer, or run `aurelay failover`'
          : 'no instance takes writes: whoever promotes here has to',
      ),
  },
  {
    id: 'promotion-resumed',
    comment:
      'Aurelay was restarted between the decision to promote the holder and the proof: the decision stands.',
    from: ['starting'],
    to: ['promoting'],
    when: ({ state, policy }) =>
      policy.mode === 'automatic' &&
      state.phase.name === 'starting' &&
      state.phase.resume &&
      says(holder(state), 'replica'),
    then: ({ state, event }) => {
      const to = state.writer as InstanceId;
      const { state: begun } = begin(
        { ...state, writer: null },
        { kind: 'failover', to, at: event.at, since: event.at },
      );
      return promote({ ...begun, writer: to }, { ...withPlan(begun).plan, epoch: state.epoch }, 1, event.at);
    },
  },
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
    then: (c) =>
      suspect(c, 'lost', `${c.state.writer}, the writer before Aurelay was restarted, is not writable`),
  },
  {
    id: 'writer-suspected',
    comment: 'The writer did not answer a probe: new connections wait, and everybody is asked at once.',
    from: ['stable'],
    to: ['suspect'],
    when: ({ state }) => holder(state)?.observation === null,
    then: (c) => {
      const failure = holder(c.state)?.lastFailure;
      const ask = [...c.state.instances.keys()].map(
        (instance): Effect => ({ kind: 'probe', instance, delayMs: 0 }),
      );
      const words = `${c.state.writer} does not answer (${failure?.reason}: ${failure?.detail})`;
      return suspect(c, 'lost', words, ask);
    },
  },
  {
    id: 'writer-demoted',
    comment: 'The writer answers that it takes no writes any more: its sessions must not go on there.',
    from: ['stable'],
    to: ['suspect'],
    when: ({ state }) => says(holder(state), 'replica'),
    then: (c) =>
      suspect(c, 'demoted', `${c.state.writer} answers, but takes no writes`, [
        { kind: 'close-sessions', epoch: c.state.epoch, instance: c.state.writer as InstanceId },
      ]),
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
    then: ({ state, event }) => {
      const instance = state.writer as InstanceId;
      const marked = withInstance(state, instance, { correctedAt: event.at });
      return stay(marked, [
        { kind: 'unfence', epoch: state.epoch, instance },
        { kind: 'probe', instance, delayMs: lookAgainMs },
      ]);
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
      const next = noCandidate(c, refusalsNow(c)).state.phase;
      return (
        isPhase(c.state.phase, 'suspect') && isPhase(next, 'suspect') && next.reason !== c.state.phase.reason
      );
    },
    then: (c) => noCandidate(c, refusalsNow(c)),
  },
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
      const plan = { ...state.phase.plan, fromPosition: event.position };
      return stay({ ...state, phase: { ...state.phase, plan, fenced: true } });
    },
  },
  {
    id: 'switchover-target-lost',
    comment: 'Switchover: the target fell away before the old writer was deposed, so the old writer stays.',
    from: ['fencing'],
    to: ['suspect'],
    when: ({ state }) =>
      isSwitchover(state) && state.instances.get(withPlan(state).plan.to)?.health === 'down',
    then: ({ state, event }) => abort(state, withPlan(state).plan, event.at, 'the target does not answer'),
  },
  {
    id: 'switchover-not-fenced',
    comment: 'Switchover: the old writer could not be made read-only, so it stays.',
    from: ['fencing'],
    to: ['suspect'],
    when: ({ state, event }) =>
      isSwitchover(state) && event.kind === 'not-fenced' && isCurrent(state.phase, event.epoch),
    then: ({ state, event }) =>
      abort(state, withPlan(state).plan, event.at, event.kind === 'not-fenced' ? event.why : ''),
  },
  {
    id: 'shut-out',
    comment:
      'The old writer is shut out; a switchover’s target now receives the rest, any other change is recorded.',
    from: ['fencing'],
    to: ['fencing'],
    when: ({ state: { phase } }) =>
      isPhase(phase, 'fencing') && phase.stage === 'closing' && phase.sessionsClosed && phase.fenced,
    then: ({ state, event }) => {
      if (!isPhase(state.phase, 'fencing')) return stay(state);
      const { plan } = state.phase;
      if (plan.kind !== 'switchover') return record(state, plan, event.at);
      const phase: Phase = { ...state.phase, stage: 'catching-up', since: event.at };
      return stay({ ...state, phase }, [{ kind: 'probe', instance: plan.to, delayMs: 0 }]);
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
    then: ({ state, event }) =>
      abort(state, withPlan(state).plan, event.at, 'the target did not receive everything in time'),
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
    then: ({ state, event }) => {
      const { plan } = withPlan(state);
      const ours = plan.kind === 'failover' || plan.kind === 'switchover';
      return ours ? promote(state, plan, 1, event.at) : verify(state, plan, 1, event.at);
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
  {
    id: 'promotion-answered',
    comment: 'The candidate says that it is promoted; only a probe proves it.',
    from: ['promoting'],
    to: ['verifying'],
    when: ({ state, event }) => event.kind === 'promoted' && isCurrent(state.phase, event.epoch),
    then: ({ state, event }) => {
      const phase = withPlan(state);
      return verify(state, phase.plan, phase.name === 'promoting' ? phase.attempt : 1, event.at);
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
    then: ({ state, event }) => {
      const phase = withPlan(state);
      const attempt = phase.name === 'promoting' ? phase.attempt + 1 : 1;
      return promote(state, phase.plan, attempt, event.at);
    },
  },
  {
    id: 'promotion-failed',
    comment: 'The candidate could not be promoted: the next one, in an epoch of its own.',
    from: ['promoting'],
    to: ['fencing', 'operator-required'],
    when: ({ state, event }) =>
      event.kind === 'not-promoted' &&
      isPhase(state.phase, 'promoting') &&
      isCurrent(state.phase, event.epoch) &&
      event.attempt === state.phase.attempt,
    then: ({ state, event, positions }) => {
      const why = event.kind === 'not-promoted' ? event.why : '';
      return nextCandidate(state, withPlan(state).plan, event.at, positions, why);
    },
  },
  {
    id: 'candidate-lost',
    comment: 'The candidate fell away while it was being promoted: the next one, in an epoch of its own.',
    from: ['promoting', 'verifying'],
    to: ['fencing', 'suspect', 'operator-required'],
    when: ({ state }) => state.instances.get(withPlan(state).plan.to)?.health === 'down',
    then: ({ state, event, positions }) =>
      nextCandidate(state, withPlan(state).plan, event.at, positions, 'it stopped answering'),
  },
  {
    id: 'promotion-too-slow',
    comment:
      'The candidate was not seen writable within `promote_timeout`: the next one, in an epoch of its own.',
    from: ['promoting', 'verifying'],
    to: ['fencing', 'suspect', 'operator-required'],
    when: ({ state, event, policy }) => event.at - withPlan(state).since > policy.promoteTimeoutMs,
    then: ({ state, event, positions, policy }) => {
      const why = `not writable after ${policy.promoteTimeoutMs} ms`;
      return nextCandidate(state, withPlan(state).plan, event.at, positions, why);
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
  {
    id: 'deposed-rejoined',
    comment: 'A deposed writer was seen replicating from the current one: it is a replica like any other.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      return known !== null && c.state.deposed.has(known.instance.id) && isRejoined(c, known);
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded') return stay(state);
      const deposed = new Set([...state.deposed].filter((id) => id !== event.instance));
      const next = { ...state, deposed };
      return stay(next, [{ kind: 'save-memory', epoch: state.epoch, memory: memoryOf(next, false) }]);
    },
  },
  {
    id: 'deposed-writable',
    comment:
      'A deposed writer takes writes: it gets no sessions here, and is made read-only for everybody else.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || c.policy.mode !== 'automatic' || !mayCorrect(known, c.event.at)) return false;
      return c.state.deposed.has(known.instance.id) && known.observation?.writable === true;
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded') return stay(state);
      const marked = withInstance(state, event.instance, { correctedAt: event.at });
      return stay(marked, [{ kind: 'fence', epoch: state.epoch, instance: event.instance }]);
    },
  },
  {
    id: 'second-writer',
    comment:
      'Somebody opened another server for writes beside the writer: it is not trusted until it replicates.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || c.policy.mode !== 'automatic' || known === holder(c.state)) return false;
      return says(known, 'writer') && !c.state.deposed.has(known.instance.id);
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded') return stay(state);
      const next = { ...state, deposed: new Set([...state.deposed, event.instance]) };
      return stay(next, [{ kind: 'save-memory', epoch: state.epoch, memory: memoryOf(next, false) }]);
    },
  },
  {
    id: 'replica-astray',
    comment: 'A replica waits for a server that is not the writer: it is pointed at the writer.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || c.policy.mode !== 'automatic') return false;
      return mayCorrect(known, c.event.at) && isAstray(c, known);
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded' || state.writer === null) return stay(state);
      const marked = withInstance(state, event.instance, { correctedAt: event.at });
      return stay(marked, [
        { kind: 'follow', epoch: state.epoch, instance: event.instance, source: state.writer },
      ]);
    },
  },
];

/** How an operator's request is met: exactly one row fires, and answers it or begins the change that will. */
export const requestRules: readonly Rule[] = [
  {
    id: 'drain',
    comment: 'An operator takes an instance out, or puts it back.',
    from: 'any',
    to: 'same',
    when: ({ event }) => event.kind === 'drain-requested',
    then: ({ state, event }) => {
      if (event.kind !== 'drain-requested') return stay(state);
      const { request, instance, drained } = event;
      const before = state.instances.get(instance);
      if (before === undefined) return reject(state, request, `no instance "${instance}"`);
      const next = withInstance(state, instance, { drained });
      const message = drained
        ? `${instance} takes no new connections`
        : `${instance} takes connections again`;
      const changing = !settled.includes(state.phase.name);
      return stay(next, [
        { kind: 'save-memory', epoch: state.epoch, memory: memoryOf(next, changing) },
        { kind: 'answer', request, answer: { ok: true, message } },
      ]);
    },
  },
  {
    id: 'request-refused',
    comment: 'An operator asked for a change of the writer that cannot be made now.',
    from: 'any',
    to: 'same',
    when: (c) => requestRefusal(c) !== null,
    then: (c) => {
      const request = 'request' in c.event ? c.event.request : 0;
      return reject(c.state, request, requestRefusal(c) ?? '');
    },
  },
  {
    id: 'switchover-requested',
    comment: 'An operator moves the office of a writer that lives: nothing may be lost.',
    from: ['stable'],
    to: ['fencing'],
    when: ({ event }) => event.kind === 'switchover-requested' || event.kind === 'failover-requested',
    then: ({ state, event, positions }) => {
      const choice = chooseCandidate(state, positions, new Set(), event.at);
      const to =
        event.kind === 'switchover-requested' ? event.to : (choice.candidate?.instance.id as InstanceId);
      const request = 'request' in event ? event.request : null;
      return begin(state, { kind: 'switchover', to, at: event.at, since: event.at, request });
    },
  },
  {
    id: 'failover-requested',
    comment: 'An operator wants a new writer in place of one that does not answer, `min_interval` or not.',
    from: waiting,
    to: ['fencing'],
    when: ({ event }) => event.kind === 'failover-requested',
    then: (c) => startFailover(c, 'request' in c.event ? c.event.request : null),
  },
];

/** The event was dealt with once in this step already when the mark is its own time. */
const askedBefore = ({ state, event }: Context): boolean =>
  state.instances.get(withPlan(state).plan.to)?.correctedAt !== event.at;

function caughtUp({ state, positions }: Context): 'yes' | 'not yet' | 'does not apply' {
  const { phase } = state;
  if (!isPhase(phase, 'fencing') || phase.stage !== 'catching-up') return 'does not apply';
  const position = state.instances.get(phase.plan.to)?.observation?.position ?? null;
  if (position === null || phase.plan.fromPosition === null) return 'not yet';
  const compared = positions.compare(position, phase.plan.fromPosition);
  return compared === 'equal' || compared === 'ahead' ? 'yes' : 'not yet';
}

/** More than one writable server matters only until the holder of an epoch is one of them. */
const conflictIsSettled = (state: ClusterState): boolean => state.epoch > 0 || conflict(state) === null;

const reject = (state: ClusterState, request: number, message: string): Outcome =>
  stay(state, [{ kind: 'answer', request, answer: { ok: false, kind: 'conflict', message } }]);

function requestRefusal(c: Context): string | null {
  const { state, event, policy } = c;
  if (event.kind !== 'switchover-requested' && event.kind !== 'failover-requested') return null;
  if (policy.mode === 'observe') {
    return `cluster "${state.cluster}" is in mode observe: promote with the tool that manages it`;
  }
  if (!settled.includes(state.phase.name)) return `a change of the writer is under way (${state.phase.name})`;
  const disputed = conflict(state);
  if (disputed !== null && state.phase.name !== 'stable') {
    return `${disputed.join(' and ')} take writes: make all but the right one read-only, or stop them`;
  }
  if (event.kind === 'failover-requested') {
    return hasCandidate(c) ? null : `nobody can take over: ${refusalsNow(c).join('; ')}`;
  }
  const target = state.instances.get(event.to);
  if (target === undefined) return `no instance "${event.to}" in cluster "${state.cluster}"`;
  if (event.to === state.writer && state.phase.name === 'stable')
    return `"${event.to}" is the writer already`;
  if (state.phase.name !== 'stable') {
    return `the writer does not answer, so nothing can be handed over in order: use \`aurelay failover ${state.cluster}\``;
  }
  const why = ineligible(target, state, new Set());
  if (why !== null) return `"${event.to}" cannot become the writer: ${why}`;
  return target.observation?.replication?.streaming === true
    ? null
    : `"${event.to}" does not receive from the writer now, so it could not catch up`;
}
