import type { InstanceId } from '../base/brand.ts';
import { meansAlive } from './observation.ts';
import type { ClusterState, InstanceState, Policy } from './state.ts';

/** Servers other than the holder of the epoch that say they take writes. */
function claimants(state: ClusterState): InstanceState[] {
  return [...state.instances.values()].filter(
    (known) => known.instance.id !== state.writer && known.observation?.role === 'writer',
  );
}

const trusted = (state: ClusterState, known: InstanceState): boolean => !state.deposed.has(known.instance.id);

/** A timeline newer than any that the holder was seen on proves a promotion that came after it. */
function isNewer(state: ClusterState, known: InstanceState): boolean {
  const mine = state.writer === null ? null : state.instances.get(state.writer)?.lastObservation?.timeline;
  const theirs = known.observation?.timeline;
  return mine != null && theirs != null && theirs > mine;
}

/** Of several, the one that alone is on the newest timeline; null where timelines do not tell. */
function newest(known: readonly InstanceState[]): InstanceState | null {
  const timelines = known.map((one) => one.observation?.timeline ?? null);
  if (timelines.some((timeline) => timeline === null)) return null;
  const latest = Math.max(...(timelines as number[]));
  const [first, second] = known.filter((one) => one.observation?.timeline === latest);
  return first !== undefined && second === undefined ? first : null;
}

/**
 * The one server beside the holder that takes writes and may be believed. A deposed writer is believed only in `observe`
 * and on a newer timeline, which is somebody else's promotion and not its old term.
 */
export function soleClaim(state: ClusterState, mode: Policy['mode']): InstanceId | null {
  const believed = claimants(state).filter(
    (known) => trusted(state, known) || (mode === 'observe' && isNewer(state, known)),
  );
  const one = believed.length === 1 ? believed[0] : newest(believed);
  return one?.instance.id ?? null;
}

/** A server that takes writes on a newer timeline than the holder's. */
export function newestClaim(state: ClusterState): InstanceId | null {
  return newest(claimants(state).filter((known) => isNewer(state, known)))?.instance.id ?? null;
}

/** Two or more servers that take writes with nothing to tell which is right; null where there is no such doubt. */
export function conflict(state: ClusterState): readonly InstanceId[] | null {
  const all = [...state.instances.values()].filter(
    (known) => known.observation?.role === 'writer' && trusted(state, known),
  );
  if (all.length < 2 || newest(all) !== null) return null;
  return all.map((known) => known.instance.id);
}

/** Everybody but the holder of the epoch answers, be it with an error. */
export const othersAnswer = (state: ClusterState): boolean =>
  [...state.instances.values()].every(
    (known) =>
      known.instance.id === state.writer ||
      known.observation !== null ||
      (known.lastFailure !== null && meansAlive(known.lastFailure.reason)),
  );

/** Everybody has been asked at least once, and has answered or failed to. */
export const othersHeard = (state: ClusterState): boolean =>
  [...state.instances.values()].every(
    (known) => known.lastObservation !== null || known.lastFailure !== null,
  );
