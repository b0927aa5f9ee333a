import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import type { Acknowledgement } from './observation.ts';
import { isCovered, type Position, type PositionOrder } from './position.ts';
import type { ClusterState, InstanceState, Policy } from './state.ts';

/**
 * Quorum durability, as Aurora has it, on stock engines: of `copies` N, an acknowledged commit is on `writeQuorum` W, the
 * writer's own among them. Any N - W + 1 copies then hold, between them, every acknowledged commit; and since replicas
 * receive in the order of the commits, one that has all that N - W + 1 copies have, itself among them, has every one.
 */
export interface QuorumPolicy {
  readonly copies: number;
  readonly writeQuorum: number;
  /** When too few copies acknowledge: commits wait (`stall`), or go on unprotected (`degrade`) after `degradeAfterMs`. */
  readonly onLostQuorum: 'stall' | 'degrade';
  readonly degradeAfterMs: number;
}

/** How far the promise of the policy is kept at a time. */
export interface Durability {
  /** Every acknowledged commit is on so many copies; 1: on the writer's disk, and nobody knows where else. */
  readonly secured: number;
  /** Commits wait for nobody, since the quorum was lost for too long. */
  readonly degraded: boolean;
  /** Since when too few copies acknowledge; null while enough do. */
  readonly lostAt: Instant | null;
  /** An operator was told so: not of the moment that replicas take to follow a new writer. */
  readonly told: boolean;
  /** Where the writer was when it was first seen to wait for its quorum: what came later is secured by that alone. */
  readonly mark: Position | null;
  /** Orders to the writer to wait, or not to, of which no report has come: what it says until then may not last. */
  readonly ordered: number;
  /** The promise was taken back at this time, and that is not on disk yet: until it is, the writer goes on waiting. */
  readonly unsavedSince: Instant | null;
}

/** Whose receipt a writer counts, and how many of them. */
export interface Requirement {
  readonly count: number;
  readonly from: readonly InstanceId[];
}

export const unsecured: Durability = {
  secured: 1,
  degraded: false,
  lostAt: null,
  told: false,
  mark: null,
  ordered: 0,
  unsavedSince: null,
};

export const isCopy = ({ instance }: InstanceState, { durability }: Policy): boolean =>
  durability === null || instance.copy;

/** What commits on `writer` shall wait for; null: that is nobody's business here (`durability: async`). */
export function requirementFor(state: ClusterState, writer: InstanceId, policy: Policy): Requirement | null {
  if (policy.durability === null) return null;
  const others = [...state.instances.values()].filter(
    (known) => known.instance.copy && known.instance.id !== writer,
  );
  const isOneItself = state.instances.get(writer)?.instance.copy === true;
  const { writeQuorum } = policy.durability;
  const count = state.durability.degraded ? 0 : writeQuorum - (isOneItself ? 1 : 0);
  return { count, from: others.map(({ instance }) => instance.id).sort() };
}

/** The server waits for what it shall, as far as it is able to. */
export function isMet({ count, from }: Requirement, actual: Acknowledgement): boolean {
  if (actual.count !== reachable(count, actual)) return false;
  if (actual.from === null || count === 0) return true;
  return actual.from.length === from.length && from.every((id, index) => id === actual.from?.[index]);
}

/** MariaDB waits for one acknowledgement, whatever is asked. */
export const reachable = (count: number, { most }: Acknowledgement): number =>
  most === null ? count : Math.min(count, most);

/** Copies that must be no further than the next writer, itself among them; 0: nothing was promised. */
export function copiesNeeded({ durability: { secured } }: ClusterState, policy: Policy): number {
  if (policy.durability === null || secured <= 1) return 0;
  return policy.durability.copies - secured + 1;
}

/**
 * How many copies are known to be no further than `id` at its position. What was received from the last writer, one that
 * was not seen to follow it cannot be known to have, whatever its position says.
 */
export function covered(
  id: InstanceId,
  heard: ReadonlyMap<InstanceId, Position>,
  followers: ReadonlySet<InstanceId>,
  order: PositionOrder,
): number {
  const position = heard.get(id);
  if (position === undefined) return 0;
  return [...heard].filter(
    ([other, its]) =>
      isCovered(order, its, position) && (other === id || followers.has(id) || !followers.has(other)),
  ).length;
}
