import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import type { PositionOrder } from './position.ts';
import type { Refusal } from './receipt.ts';
import type { ClusterState, InstanceState } from './state.ts';

export interface Choice {
  readonly candidate: InstanceState | null;
  /** Everybody else, and why not; in the order of the configuration. */
  readonly refused: readonly Refusal[];
}

/** A replica that has not heard its source for longer than this was broken before the writer was lost. */
const heardWithinMs = 30_000;

/**
 * Who should become the writer: eligible, then those whose replication worked until now (a broken replica of a low tier
 * must not win over a sound one), then the lowest promotion tier, then the most advanced position, then the name.
 * `excluded` have been tried in this change already.
 */
export function chooseCandidate(
  state: ClusterState,
  positions: PositionOrder,
  excluded: ReadonlySet<InstanceId>,
  at: Instant,
): Choice {
  const refused: Refusal[] = [];
  const eligible: InstanceState[] = [];
  for (const known of state.instances.values()) {
    const why = ineligible(known, state, excluded);
    if (why === null) eligible.push(known);
    else refused.push({ instance: known.instance.id, why });
  }
  const sound = eligible.filter((known) => isSound(known, at));
  const pool = sound.length > 0 ? sound : eligible;
  const lowest = Math.min(...pool.map((known) => known.instance.promotionTier));
  const tier = pool.filter((known) => known.instance.promotionTier === lowest);
  const [candidate] = tier
    .filter((known) => !tier.some((other) => isBehind(known, other, positions)))
    .sort((a, b) => (a.instance.id < b.instance.id ? -1 : 1));
  for (const known of eligible) {
    if (known === candidate || candidate === undefined) continue;
    const why = pool.includes(known) ? whyAfter(known, candidate, positions) : 'its replication was broken';
    refused.push({ instance: known.instance.id, why });
  }
  return { candidate: candidate ?? null, refused };
}

/** Why this instance cannot become the writer at all, or null. */
export function ineligible(
  known: InstanceState,
  state: ClusterState,
  excluded: ReadonlySet<InstanceId>,
): string | null {
  const id = known.instance.id;
  if (excluded.has(id)) return 'its promotion failed';
  if (state.deposed.has(id)) return 'a deposed writer that has not replicated from the current one';
  if (known.drained) return 'drained';
  if (known.health === 'down') return `down (${known.lastFailure?.reason ?? 'never answered'})`;
  if (known.observation === null) return 'no fresh answer';
  if (known.observation.role === 'writer') return 'writable already, by nobody’s decision here';
  return null;
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

function whyAfter(known: InstanceState, chosen: InstanceState, positions: PositionOrder): string {
  if (known.instance.promotionTier > chosen.instance.promotionTier) {
    return `promotion tier ${known.instance.promotionTier}, after ${chosen.instance.promotionTier}`;
  }
  if (isBehind(known, chosen, positions)) return `behind ${chosen.instance.id}`;
  return `equal to ${chosen.instance.id}, which is named first`;
}
