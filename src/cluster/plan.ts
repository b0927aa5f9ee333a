import { assert } from '../base/assert.ts';
import { type Epoch, type InstanceId, nextEpoch } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import { chooseCandidate, type Terms } from './candidate.ts';
import { copiesNeeded, type Durability, type Requirement, requirementFor, unsecured } from './durability.ts';
import type { Answer, Effect } from './effect.ts';
import { isCovered, type Position, type PositionOrder } from './position.ts';
import type { ChangeKind, DurabilityInForce, Receipt } from './receipt.ts';
import { type ClusterState, memoryOf, type Phase, type Plan, type Policy, withInstance } from './state.ts';
import type { PhaseName } from './view.ts';

/** How a change of the writer begins, goes on, and ends. The rules say when. */

export interface Outcome {
  readonly state: ClusterState;
  readonly effects: readonly Effect[];
}

export const lastPosition = (state: ClusterState, id: InstanceId | null) =>
  id === null ? null : (state.instances.get(id)?.lastObservation?.position ?? null);

/** A change that has to outlive a restart: it is written down, before `effects` are begun. */
export const saved = (state: ClusterState, effects: readonly Effect[] = []): Outcome => ({
  state,
  effects: [{ kind: 'save-memory', epoch: state.epoch, memory: memoryOf(state) }, ...effects],
});

interface Start {
  readonly kind: ChangeKind;
  readonly to: InstanceId;
  readonly at: Instant;
  /** When the first sign of trouble was seen; the outage is counted from there. */
  readonly since: Instant;
  readonly refused?: Plan['refused'];
  readonly request?: number | null;
  readonly forced?: boolean;
  readonly policy: Policy;
}

/**
 * Begins a change: the old writer's sessions are shut out first. A switchover can still be undone until its target has
 * caught up; a failover under a write quorum seals the copies then; anything else is recorded at once.
 */
export function begin(state: ClusterState, start: Start): Outcome {
  const from = state.writer;
  const plan: Plan = {
    kind: start.kind,
    epoch: nextEpoch(state.epoch),
    from,
    to: start.to,
    fromPosition: lastPosition(state, from),
    toPosition: lastPosition(state, start.to),
    refused: start.refused ?? [],
    startedAt: start.since,
    timeline: [
      ...(start.at > start.since ? [{ phase: 'suspect', afterMs: 0 } as const] : []),
      { phase: 'fencing', afterMs: start.at - start.since },
    ],
    sessionsClosed: 0,
    attempts: 0,
    request: start.request ?? null,
    durability: durabilityInForce(state, start.policy, start.forced),
    forced: start.forced ?? false,
    sealed: null,
    sealing: new Set(),
  };
  const closing: Phase = {
    name: 'fencing',
    since: start.at,
    plan,
    stage: 'closing',
    sessionsClosed: from === null,
    fenced: start.kind !== 'switchover',
    trouble: null,
  };
  const effects: Effect[] = [];
  if (from !== null) effects.push({ kind: 'close-sessions', epoch: plan.epoch, instance: from });
  if (start.kind === 'switchover' && from !== null) {
    effects.push({ kind: 'fence', epoch: plan.epoch, instance: from });
  }
  return { state: { ...state, phase: closing }, effects };
}

/** What the old writer had promised its clients until now. */
function durabilityInForce({ durability }: ClusterState, policy: Policy, waived = false): DurabilityInForce {
  if (policy.durability === null) return { mode: 'async' };
  const { copies, writeQuorum } = policy.durability;
  if (waived) return { mode: 'waived', copies, writeQuorum, answered: null };
  const mode = durability.degraded ? 'degraded' : durability.secured > 1 ? 'quorum' : 'unsecured';
  return { mode, copies, writeQuorum, answered: null };
}

/**
 * The copies are kept from acknowledging anything to the old writer, each saying what it has after that: whatever the
 * old writer does from then on, it cannot reach its quorum, and what it had told its clients of is on a copy that
 * answered. A former writer that came back without its office has nobody to acknowledge to.
 */
export function seal(state: ClusterState, plan: Plan, at: Instant): Outcome {
  const sealed = new Map<InstanceId, Position>();
  const sealing = new Set<InstanceId>();
  for (const { instance, observation } of state.instances.values()) {
    const { id, copy } = instance;
    if (!copy || observation?.role !== 'replica' || state.deposed.has(id)) continue;
    if (observation.replication === null) sealed.set(id, observation.position);
    else sealing.add(id);
  }
  const effects = [...sealing].map((instance): Effect => ({ kind: 'seal', epoch: plan.epoch, instance }));
  const asked: Plan = { ...plan, sealed, sealing };
  return { state: { ...state, phase: shutOut(asked, 'sealing', at) }, effects };
}

const shutOut = (plan: Plan, stage: 'sealing' | 'recording', since: Instant): Phase => ({
  name: 'fencing',
  since,
  plan,
  stage,
  sessionsClosed: true,
  fenced: true,
  trouble: null,
});

/** Who follows in this change, by what is known now. */
export const termsOf = (
  plan: Plan,
  context: { readonly positions: PositionOrder; readonly policy: Policy },
  at: Instant,
): Terms => ({
  positions: context.positions,
  policy: context.policy,
  at,
  last: plan.fromPosition,
  sealed: plan.sealed,
  anyLoss: plan.forced || plan.kind === 'switchover',
  atLeast: plan.kind === 'switchover' ? plan.fromPosition : null,
});

/**
 * The old writer is shut out: the new epoch begins, and is written down before anything else is done in it. From here
 * on the old writer is deposed, and nothing undoes that but its return as a replica.
 */
export function record(state: ClusterState, plan: Plan, at: Instant): Outcome {
  const deposed = new Set(state.deposed);
  if (plan.from !== null && plan.from !== plan.to) deposed.add(plan.from);
  if (state.absent !== null) deposed.add(state.absent);
  deposed.delete(plan.to);
  const recorded: ClusterState = {
    ...state,
    absent: null,
    durability: handedOver(state.durability, plan),
    began: null,
    followers: new Set(),
    epoch: plan.epoch,
    writer: plan.to,
    proven: false,
    deposed,
    phase: shutOut(plan, 'recording', at),
  };
  return saved(recorded);
}

/** Somebody else's promotion, or one at whatever loss, asked no quorum. */
function handedOver(durability: Durability, plan: Plan): Durability {
  const isOurs = plan.kind === 'switchover' || (plan.kind === 'failover' && !plan.forced);
  const kept = isOurs ? durability : { ...unsecured, degraded: durability.degraded };
  return { ...kept, lostAt: null, told: false, mark: null, ordered: 0, unsavedSince: null };
}

export function promote(
  state: ClusterState,
  plan: Plan,
  attempt: number,
  at: Instant,
  policy: Policy,
): Outcome {
  const tried = { ...reached(plan, 'promoting', at), attempts: plan.attempts + 1 };
  return {
    state: { ...state, phase: { name: 'promoting', since: at, plan: tried, attempt } },
    effects: [
      {
        kind: 'promote',
        epoch: plan.epoch,
        instance: plan.to,
        attempt,
        quorum: requirementFor(state, plan.to, policy),
      },
    ],
  };
}

export function verify(state: ClusterState, plan: Plan, attempt: number, at: Instant): Outcome {
  return {
    state: {
      ...state,
      phase: { name: 'verifying', since: at, plan: reached(plan, 'verifying', at), attempt },
    },
    effects: [{ kind: 'probe', instance: plan.to, delayMs: 0 }],
  };
}

/** The new writer was seen writable in its epoch. */
export function complete(state: ClusterState, plan: Plan, at: Instant, positions: PositionOrder): Outcome {
  const done: ClusterState = {
    ...state,
    proven: true,
    vain: 0,
    phase: { name: 'stable' },
    lastFailoverAt: plan.kind === 'failover' ? at : state.lastFailoverAt,
  };
  // The target fell away after the new epoch was on disk, and the old writer was the best that was left.
  const cameBack = plan.kind === 'switchover' && plan.to === plan.from;
  const back = `it could not be handed over (${plan.refused.map((r) => `${r.instance}: ${r.why}`).join('; ')})`;
  const [outcome, reason] = cameBack ? (['undone', back] as const) : (['completed', null] as const);
  const receipt = receiptOf(reached(plan, 'stable', at), outcome, reason, at, positions);
  const effects: Effect[] = [
    ...saved(done).effects,
    { kind: 'receipt', receipt },
    ...followers(done, plan, positions),
  ];
  if (plan.request !== null) {
    const message = `${plan.to} is the writer of epoch ${plan.epoch}`;
    const answer: Answer = cameBack
      ? { ok: false, kind: 'failed', message: `${back}: ${message}, as before` }
      : { ok: true, message };
    effects.push({ kind: 'answer', request: plan.request, answer });
  }
  return { state: done, effects };
}

/** Of a promotion that was decided before a restart of Aurelay and is proven after it: most of it nobody remembers. */
export function lateReceipt(state: ClusterState, to: InstanceId, policy: Policy): Effect {
  const receipt: Receipt = {
    kind: 'failover',
    outcome: 'completed',
    reason: 'decided before a restart of Aurelay, and seen to have worked after it',
    timeline: [{ phase: 'stable', afterMs: 0 }],
    epoch: state.epoch,
    from: null,
    to,
    fromPosition: null,
    toPosition: lastPosition(state, to),
    refused: [],
    sessionsClosed: 0,
    lost: null,
    durationMs: 0,
    attempts: 1,
    durability: durabilityInForce(state, policy),
  };
  return { kind: 'receipt', receipt };
}

/** Everybody who replicated from the old writer is pointed at the new one, the old one too where it gave way in order. */
function followers(state: ClusterState, plan: Plan, positions: PositionOrder): Effect[] {
  if (plan.kind === 'elected' || plan.kind === 'adopted') return [];
  const effects: Effect[] = [];
  for (const known of state.instances.values()) {
    const instance = known.instance.id;
    if (instance === plan.to || known.observation === null) continue;
    const gaveWay = plan.kind === 'switchover' && instance === plan.from;
    if (state.deposed.has(instance) && !gaveWay) continue;
    // It has more than the new writer began with: it could not follow.
    const { position } = known.observation;
    if (state.began !== null && !gaveWay && !isCovered(positions, position, state.began)) continue;
    effects.push({ kind: 'follow', epoch: plan.epoch, instance, source: plan.to });
  }
  return effects;
}

const reached = (plan: Plan, phase: PhaseName, at: Instant): Plan => ({
  ...plan,
  timeline: [...plan.timeline, { phase, afterMs: at - plan.startedAt }],
});

function receiptOf(
  plan: Plan,
  outcome: Receipt['outcome'],
  reason: string | null,
  at: Instant,
  positions: PositionOrder | null,
): Receipt {
  const { kind, epoch, from, to, fromPosition, toPosition, refused, timeline, sessionsClosed, attempts } =
    plan;
  const { durability } = plan;
  const known = positions !== null && fromPosition !== null && toPosition !== null;
  const lost = known ? positions.missing(fromPosition, toPosition) : null;
  const durationMs = at - plan.startedAt;
  return {
    ...{ kind, outcome, reason, epoch, from, to, fromPosition, toPosition, refused, timeline },
    ...{ sessionsClosed, lost, durationMs, attempts, durability },
  };
}

/**
 * The candidate could not be promoted. It may have become writable all the same (a lost answer), so it is deposed with
 * the rest and the next candidate gets an epoch of its own: one epoch never has two writers. A change that somebody else
 * made is only watched.
 */
export function nextCandidate(
  state: ClusterState,
  plan: Plan,
  at: Instant,
  context: { readonly positions: PositionOrder; readonly policy: Policy },
  why: string,
): Outcome {
  if (plan.kind === 'elected' || plan.kind === 'adopted') {
    const reason = `${plan.to} took writes, and then ${why}`;
    return { state: { ...state, phase: { name: 'suspect', since: at, cause: 'lost', reason } }, effects: [] };
  }
  const tried = new Set([
    ...plan.refused.filter((r) => r.why.startsWith(failed)).map((r) => r.instance),
    plan.to,
  ]);
  const deposed = new Set([...state.deposed, plan.to]);
  // It gave way in order, and has everything.
  if (plan.kind === 'switchover' && plan.from !== null) deposed.delete(plan.from);
  const terms = { ...termsOf(plan, context, at), excluded: tried };
  const choice = chooseCandidate({ ...state, deposed }, terms);
  const refused = [
    ...plan.refused.filter((r) => tried.has(r.instance)),
    { instance: plan.to, why: `${failed}: ${why}` },
  ];
  // Decided before a restart of Aurelay: what the copies had when they were sealed is forgotten, so they are asked again.
  const isBlind = plan.sealed === null && !terms.anyLoss && copiesNeeded(state, context.policy) > 0;
  if (choice.candidate === null || isBlind) {
    const reason = `no candidate could be promoted (${refused.map((r) => `${r.instance}: ${r.why}`).join('; ')})`;
    return inVain(state, plan, at, reason);
  }
  const next: Plan = {
    ...plan,
    epoch: nextEpoch(plan.epoch),
    to: choice.candidate.instance.id,
    toPosition: choice.candidate.observation?.position ?? null,
    refused: [...refused, ...choice.refused.filter((r) => !tried.has(r.instance))],
  };
  return record({ ...state, deposed }, next, at);
}

const failed = 'its promotion failed';
const mostInVain = 5;

/** Nobody could be promoted: try again with whoever is there shortly, but not for ever. */
export function inVain(state: ClusterState, plan: Plan, at: Instant, reason: string): Outcome {
  const vain = state.vain + 1;
  const given = giveUp({ ...state, vain }, plan, at, reason);
  if (vain >= mostInVain) return given;
  const phase: Phase = { name: 'suspect', since: at, cause: 'lost', reason };
  return { state: { ...given.state, phase }, effects: given.effects };
}

/** Only a person can tell what to do now. */
export function giveUp(state: ClusterState, plan: Plan | null, at: Instant, reason: string): Outcome {
  const effects: Effect[] = [];
  if (plan !== null) effects.push({ kind: 'receipt', receipt: receiptOf(plan, 'failed', reason, at, null) });
  if (plan !== null && plan.request !== null) {
    const answer = { ok: false, kind: 'failed', message: reason } as const;
    effects.push({ kind: 'answer', request: plan.request, answer });
  }
  return { state: { ...state, phase: { name: 'operator-required', since: at, reason } }, effects };
}

/** The holder is told what its commits shall wait for; what it says of that counts again when it has reported. */
export function ordered(state: ClusterState, quorum: Requirement, effects: readonly Effect[] = []): Outcome {
  const { durability, epoch, writer } = state;
  assert(writer !== null, 'there is a holder to be told');
  return {
    state: { ...state, durability: { ...durability, ordered: durability.ordered + 1 } },
    effects: [...effects, { kind: 'require-quorum', epoch, instance: writer, quorum }],
  };
}

/** A read-only holder takes writes again, and waits for its quorum from the first one on, though it was restarted. */
export function unfence(state: ClusterState, epoch: Epoch, policy: Policy): Outcome {
  const instance = state.writer;
  assert(instance !== null, 'there is a holder to be opened');
  const quorum = requirementFor(state, instance, policy);
  const told: Outcome = quorum === null ? { state, effects: [] } : ordered(state, quorum);
  return { state: told.state, effects: [...told.effects, { kind: 'unfence', epoch, instance }] };
}

/** A switchover that cannot go on: the old writer takes writes again, as soon as a probe has seen that it does. */
export function abort(state: ClusterState, plan: Plan, at: Instant, policy: Policy, why: string): Outcome {
  const reason = `switchover to ${plan.to} undone: ${why}`;
  const effects: Effect[] = [{ kind: 'receipt', receipt: receiptOf(plan, 'undone', why, at, null) }];
  let open = state;
  if (plan.from !== null) {
    const unfenced = unfence(state, plan.epoch, policy);
    open = unfenced.state;
    effects.push(...unfenced.effects);
    effects.push({ kind: 'probe', instance: plan.from, delayMs: 100 });
  }
  if (plan.request !== null) {
    effects.push({
      kind: 'answer',
      request: plan.request,
      answer: { ok: false, kind: 'failed', message: reason },
    });
  }
  // What was seen of the old writer before it was fenced says nothing any more.
  const blind = plan.from === null ? open : withInstance(open, plan.from, { observation: null });
  return { state: { ...blind, phase: { name: 'suspect', since: at, cause: 'undone', reason } }, effects };
}

/** Whether an effect's report belongs to the change that is under way. */
export const isCurrent = (phase: Phase, epoch: Epoch): boolean =>
  'plan' in phase && phase.plan.epoch === epoch;
