import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import { type Durability, unsecured } from './durability.ts';
import { type Instance, sameAddress } from './instance.ts';
import { type ClusterState, type InstanceState, type Policy, unknownInstance } from './state.ts';

/** What another configuration does to a cluster that is at work. */

/** Why a configuration cannot come into force: `later` not in this moment, `never` not as long as the cluster is as it is. */
export interface Objection {
  readonly kind: 'later' | 'never';
  readonly why: string;
}

export function objection(
  state: ClusterState,
  instances: readonly Instance[],
  after: Policy,
): Objection | null {
  const { phase } = state;
  // Each step of a change of the writer rests on the one before it, and all on one configuration.
  if ('plan' in phase) return { kind: 'later', why: `a change of the writer is under way (${phase.name})` };
  if (phase.name === 'suspect' && phase.cause === 'undone') {
    return { kind: 'later', why: 'a switchover is being undone' };
  }
  const gone = leaving(state, instances);
  if (state.rejoining !== null && gone.has(state.rejoining)) {
    return { kind: 'later', why: `${state.rejoining} is being brought back as a replica` };
  }
  if (state.writer !== null && gone.has(state.writer)) return keepsWriter(state.writer, instances);
  const former = formerCopies(state, instances);
  if (
    after.durability !== null &&
    former.length > 0 &&
    state.durability.secured > 1 &&
    phase.name !== 'stable'
  ) {
    const why = `${former.join(', ')} cannot cease to be a copy of \`durability\` while the writer cannot be told so (${phase.name})`;
    return { kind: 'later', why };
  }
  return semiSynchronous(state, instances, after);
}

/** A writer that Aurelay does not know of any more could not be shut out when another one is promoted. */
function keepsWriter(writer: InstanceId, instances: readonly Instance[]): Objection {
  const what = instances.some(({ id }) => id === writer)
    ? `${writer} is the writer, and its address cannot be changed`
    : `${writer} is the writer, and cannot be removed`;
  return {
    kind: 'never',
    why: `${what} while it is: hand over first (\`aurelay switchover\`, or \`aurelay failover\` where it is gone), or restart Aurelay with this configuration`,
  };
}

/** A writer that cannot choose whose receipts it counts would go on to count those of a copy that is none any more. */
function semiSynchronous(
  state: ClusterState,
  instances: readonly Instance[],
  { durability }: Policy,
): Objection | null {
  const writer = state.writer === null ? null : state.instances.get(state.writer);
  const acknowledgement = writer?.lastObservation?.acknowledgement;
  if (durability === null || acknowledgement == null || acknowledgement.from !== null) return null;
  for (const id of formerCopies(state, instances)) {
    if (state.instances.get(id)?.observation?.replication?.acknowledges !== true) continue;
    const why = `the writer counts the receipts of ${id}, which would be no copy of \`durability\` any more: stop its replication first`;
    return { kind: 'never', why };
  }
  return null;
}

const isSame = (one: Instance | undefined, other: Instance): boolean =>
  one !== undefined && one.id === other.id && sameAddress(one.address, other.address);

/** Instances that are removed, or are another server under the same name. */
export function leaving(state: ClusterState, instances: readonly Instance[]): ReadonlySet<InstanceId> {
  const next = new Map(instances.map((instance) => [instance.id, instance]));
  const gone = [...state.instances.values()].filter(
    ({ instance }) => !isSame(next.get(instance.id), instance),
  );
  return new Set(gone.map(({ instance }) => instance.id));
}

/** The copies of quorum durability that are none in `instances`. */
function formerCopies(state: ClusterState, instances: readonly Instance[]): readonly InstanceId[] {
  const next = new Map(instances.map((instance) => [instance.id, instance]));
  return [...state.instances.values()]
    .map(({ instance }) => instance)
    .filter((instance) => instance.copy)
    .filter((instance) => !isSame(next.get(instance.id), instance) || next.get(instance.id)?.copy !== true)
    .map(({ id }) => id);
}

/**
 * What is left of the promise, as the same object where nothing changes. A commit is on `secured` of the copies until now; of those that are no copies any more,
 * each may have been one. And the writer may be told to wait for fewer.
 */
export function promiseLeft(
  state: ClusterState,
  instances: readonly Instance[],
  before: Policy,
  after: Policy,
): Durability {
  const { durability } = state;
  if (after.durability === null) return durability;
  if (before.durability === null) return { ...unsecured, ordered: durability.ordered };
  const { copies, writeQuorum } = after.durability;
  const gone = formerCopies(state, instances).length;
  const isOther =
    gone > 0 || copies !== before.durability.copies || writeQuorum !== before.durability.writeQuorum;
  if (!isOther) return durability;
  const secured = Math.max(1, Math.min(durability.secured - gone, writeQuorum));
  return { ...durability, secured, mark: null };
}

/** The state with `instances` in place of those it has: what is known of a server that stays, stays. */
export function withInstances(
  state: ClusterState,
  instances: readonly Instance[],
  at: Instant,
): ClusterState {
  const next = new Map<InstanceId, InstanceState>();
  const deposed = new Set(state.deposed);
  for (const instance of instances) {
    const known = state.instances.get(instance.id);
    if (known !== undefined && isSame(known.instance, instance)) {
      next.set(instance.id, { ...known, instance });
      continue;
    }
    next.set(instance.id, unknownInstance(instance, known?.drained ?? false, at));
    // Another name makes a deposed server no better.
    if (isDeposedAt(state, instance)) deposed.add(instance.id);
  }
  const gone = leaving(state, instances);
  const followers = new Set([...state.followers].filter((id) => !gone.has(id)));
  return { ...state, instances: next, deposed, followers };
}

const isDeposedAt = (state: ClusterState, { address }: Instance): boolean =>
  [...state.deposed].some((id) => {
    const known = state.instances.get(id);
    return known !== undefined && sameAddress(known.instance.address, address);
  });
