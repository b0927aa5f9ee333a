import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import { copiesNeeded, covered, isCopy } from './durability.ts';
import { isCovered, type Position, type PositionOrder } from './position.ts';
import type { Refusal } from './receipt.ts';
import type { ClusterState, InstanceState, Policy } from './state.ts';

export interface Choice {
  readonly candidate: InstanceState | null;
  /** Everybody else, and why not; in the order of the configuration. */
  readonly refused: readonly Refusal[];
  /** Copies whose position is known: what the choice rests on. */
  readonly answered: number;
}

/** What a choice depends on besides the state of the cluster. */
export interface Terms {
  readonly positions: PositionOrder;
  readonly policy: Policy;
  readonly at: Instant;
  /** Have been tried in this change already. */
  readonly excluded?: ReadonlySet<InstanceId>;
  /** The last position of the writer that is to be replaced. */
  readonly last: Position | null;
  /** What the copies had when they were sealed; null: what they said last. */
  readonly sealed: ReadonlyMap<InstanceId, Position> | null;
  /** Nothing can be lost (a switchover), or an operator wants it at whatever loss. */
  readonly anyLoss: boolean;
  /** Where a switchover's old writer ended: whoever takes over has all of that. Null elsewhere. */
  readonly atLeast?: Position | null;
}

/** A replica that has not heard its source for longer than this was broken before the writer was lost. */
const heardWithinMs = 30_000;

/**
 * Who should become the writer: eligible (with every acknowledged commit, where quorum durability promised that), then
 * those whose replication worked until now (a broken replica of a low tier must not win over a sound one), then the
 * lowest promotion tier, then the most advanced position, then the largest (by its weight), then the name.
 */
export function chooseCandidate(state: ClusterState, terms: Terms): Choice {
  const { positions, at } = terms;
  const refused: Refusal[] = [];
  const eligible: InstanceState[] = [];
  const heard = heardCopies(state, terms);
  for (const known of state.instances.values()) {
    const why = ineligible(known, state, terms) ?? lacksQuorum(known, state, terms, heard);
    if (why === null) eligible.push(known);
    else refused.push({ instance: known.instance.id, why });
  }
  const sound = eligible.filter((known) => isSound(known, at));
  const pool = sound.length > 0 ? sound : eligible;
  const lowest = Math.min(...pool.map((known) => known.instance.promotionTier));
  const tier = pool.filter((known) => known.instance.promotionTier === lowest);
  const [candidate] = tier
    .filter((known) => !tier.some((other) => isBehind(known, other, positions)))
    .sort(bySizeAndName);
  for (const known of eligible) {
    if (known === candidate || candidate === undefined) continue;
    const why = pool.includes(known) ? whyAfter(known, candidate, positions) : 'its replication was broken';
    refused.push({ instance: known.instance.id, why });
  }
  return { candidate: candidate ?? null, refused, answered: heard.size };
}

/** Why this instance cannot become the writer at all, or null. */
export function ineligible(known: InstanceState, state: ClusterState, terms: Terms): string | null {
  const id = known.instance.id;
  if (terms.excluded?.has(id)) return 'its promotion failed';
  if (state.deposed.has(id)) return 'a deposed writer that has not replicated from the current one';
  if (known.drained) return 'drained';
  if (!isCopy(known, terms.policy)) return 'not one of the copies of `durability`';
  if (known.health === 'down') return `down (${known.lastFailure?.reason ?? 'never answered'})`;
  if (known.observation === null) return 'no fresh answer';
  if (known.observation.role === 'writer') return 'writable already, by nobody’s decision here';
  return losesTooMuch(known.observation.position, terms);
}

function losesTooMuch(
  position: Position,
  { positions, policy, last, anyLoss, atLeast = null }: Terms,
): string | null {
  if (atLeast !== null && !isCovered(positions, atLeast, position)) {
    return 'it has not received everything that the old writer had';
  }
  if (policy.maxLoss === null || anyLoss || last === null) return null;
  if (isCovered(positions, last, position)) return null;
  const missing = positions.missing(last, position);
  if (missing !== null && missing.amount <= policy.maxLoss) return null;
  const amount = missing === null ? 'an unknown part' : `${missing.amount} ${missing.unit}`;
  return `lacks ${amount} of the writer, and \`max_loss\` is ${policy.maxLoss}`;
}

/**
 * The copies that answer, and how far each is. A deposed one may hold what never was the cluster's, and counts for
 * nothing; what a copy had when it was sealed is true of it, whatever became of its own promotion after that.
 */
function heardCopies(state: ClusterState, { policy, sealed }: Terms): ReadonlyMap<InstanceId, Position> {
  const heard = new Map<InstanceId, Position>();
  for (const known of state.instances.values()) {
    const { id } = known.instance;
    if (!isCopy(known, policy) || (sealed === null && state.deposed.has(id))) continue;
    const said = known.observation?.role === 'replica' ? known.observation.position : undefined;
    const position = sealed === null ? said : sealed.get(id);
    if (position !== undefined) heard.set(id, position);
  }
  return heard;
}

/** It may lack a commit that a client was told of: too few copies are known to be no further than it is. */
function lacksQuorum(
  known: InstanceState,
  state: ClusterState,
  { positions, policy, sealed, anyLoss }: Terms,
  heard: ReadonlyMap<InstanceId, Position>,
): string | null {
  const needed = copiesNeeded(state, policy);
  if (needed === 0 || anyLoss) return null;
  const position = heard.get(known.instance.id);
  // The writer itself, back without its office: nothing was ever acknowledged that it has not.
  const isHolder = state.proven && known.instance.id === state.writer;
  if (isHolder && known.observation?.replication === null) return null;
  if (position === undefined) return sealed === null ? 'no fresh answer' : 'it could not be sealed';
  if (heard.size < needed) return `${heard.size} of the ${needed} copies answer that a failover needs`;
  const count = covered(known.instance.id, heard, state.followers, positions);
  if (count >= needed) return null;
  return `it may lack acknowledged commits: ${count} of the copies are known to be no further, and it takes ${needed}`;
}

/** It heard its source lately, or has none because it was the writer itself until it came back read-only. */
const isSound = (known: InstanceState, at: Instant): boolean =>
  known.observation?.replication === null ||
  (known.lastStreamingAt !== null && at - known.lastStreamingAt <= heardWithinMs);

const isBehind = (known: InstanceState, other: InstanceState, positions: PositionOrder): boolean =>
  known !== other &&
  known.observation !== null &&
  other.observation !== null &&
  positions.compare(known.observation.position, other.observation.position) === 'behind';

function bySizeAndName({ instance: a }: InstanceState, { instance: b }: InstanceState): number {
  return b.weight - a.weight || (a.id < b.id ? -1 : 1);
}

function whyAfter(known: InstanceState, chosen: InstanceState, positions: PositionOrder): string {
  const [mine, its] = [known.instance, chosen.instance];
  if (mine.promotionTier > its.promotionTier) {
    return `promotion tier ${mine.promotionTier}, after ${its.promotionTier}`;
  }
  if (isBehind(known, chosen, positions)) return `behind ${its.id}`;
  if (mine.weight < its.weight) return `equal to ${its.id}, which is larger (weight ${its.weight})`;
  return `equal to ${its.id}, which is named first`;
}
