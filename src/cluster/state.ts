import { type ClusterId, type Epoch, epoch, type InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import { type Durability, type QuorumPolicy, unsecured } from './durability.ts';
import type { RejoinReason } from './effect.ts';
import type { Instance } from './instance.ts';
import type { Memory } from './memory.ts';
import type { Observation, ProbeFailure } from './observation.ts';
import type { Position } from './position.ts';
import type { ChangeKind, DurabilityInForce, Milestone, Refusal } from './receipt.ts';
import type { Health } from './view.ts';

/** All that the core knows of a cluster. Replaced whole by each step, never changed in place. */
export interface ClusterState {
  readonly cluster: ClusterId;
  readonly epoch: Epoch;
  /** Who holds the epoch, alive or not; null before the first writer was seen. */
  readonly writer: InstanceId | null;
  /** Held the epoch before Aurelay was restarted with a configuration without it; null once somebody else does. */
  readonly absent: InstanceId | null;
  /** The holder was seen writable in its epoch; until then its promotion may still fail, or have failed. */
  readonly proven: boolean;
  /** Changes in a row that ended without a writer. */
  readonly vain: number;
  readonly phase: Phase;
  readonly deposed: ReadonlySet<InstanceId>;
  readonly instances: ReadonlyMap<InstanceId, InstanceState>;
  /** When the last failover of this process ended. */
  readonly lastFailoverAt: Instant | null;
  /** The deposed instance that is being brought back from outside; one at a time. */
  readonly rejoining: InstanceId | null;
  readonly durability: Durability;
  /** Where the holder's own history begins; null where that is not known. */
  readonly began: Position | null;
  /**
   * Seen replicating from the holder in this epoch: their history is the holder's. Two servers that were promoted apart
   * from each other may give their timelines the same number, so that positions alone do not tell.
   */
  readonly followers: ReadonlySet<InstanceId>;
}

export interface InstanceState {
  readonly instance: Instance;
  readonly health: Health;
  /** Good and bad probes in a row; at most one of them is above 0. Below 0: so many bad ones do not count. */
  readonly successes: number;
  readonly failures: number;
  readonly lastFailure: ProbeFailure | null;
  /** When one was last counted among `failures`. */
  readonly failedAt: Instant | null;
  /** Evidence of role and position; null after a failed probe. */
  readonly observation: Observation | null;
  /** What it said when it was last heard, however long ago. */
  readonly lastObservation: Observation | null;
  readonly lastStreamingAt: Instant | null;
  /** When its source was last alive, by its own word. */
  readonly heardAt: Instant | null;
  /** Its lag then, in seconds; null where it could not tell. */
  readonly lastStreamingLag: number | null;
  readonly returnedAt: Instant | null;
  readonly drained: boolean;
  /** When Aurelay last tried to repoint or fence it, so that it does not do so with each probe. */
  readonly correctedAt: Instant | null;
  /** Only of a deposed instance: what keeps it from being a replica again; null while nothing does. */
  readonly stray: Stray | null;
  /** How often it was brought back from outside since it was deposed, and when that may be tried again. */
  readonly rejoins: { readonly attempts: number; readonly notBefore: Instant };
}

export interface Stray {
  /** `starting`: it says that it starts up, which may take its time. */
  readonly why: RejoinReason | 'starting';
  readonly since: Instant;
  /** An operator was told that it stays out. */
  readonly told: boolean;
}

/** One change of the writer, from decision to proof. */
export interface Plan {
  readonly kind: ChangeKind;
  readonly epoch: Epoch;
  readonly from: InstanceId | null;
  readonly to: InstanceId;
  readonly fromPosition: Position | null;
  readonly toPosition: Position | null;
  readonly refused: readonly Refusal[];
  readonly startedAt: Instant;
  readonly timeline: readonly Milestone[];
  readonly sessionsClosed: number;
  /** Promotions tried, over all candidates. */
  readonly attempts: number;
  /** The operator's request that waits for the outcome. */
  readonly request: number | null;
  readonly durability: DurabilityInForce;
  /** An operator wants whoever is there, at whatever loss. */
  readonly forced: boolean;
  /** Quorum durability: what each copy had when it was sealed; null where none are asked, or before that. */
  readonly sealed: ReadonlyMap<InstanceId, Position> | null;
  /** Copies that were asked to seal themselves and have not answered. */
  readonly sealing: ReadonlySet<InstanceId>;
}

export type Phase =
  /** The holder does not answer Aurelay, but its replicas hear it: it is Aurelay that is cut off. */
  | { readonly name: 'cut-off'; readonly since: Instant; readonly reason: string }
  /** Nobody has been seen to be the writer yet. */
  | { readonly name: 'starting'; readonly since: Instant }
  | { readonly name: 'stable' }
  /**
   * The holder of the epoch gives no evidence that it is writable. `lost`: it does not answer, or came back from that;
   * `demoted`: it answers, and says that it is no writer · `undone`: a switchover made it read-only and was given up.
   */
  | {
      readonly name: 'suspect';
      readonly since: Instant;
      readonly cause: 'lost' | 'demoted' | 'undone';
      readonly reason: string;
    }
  /**
   * `closing` the old epoch's sessions (and, in a switchover, its server) are being shut out; `catching-up` the target
   * of a switchover receives the rest; `sealing` the copies are kept from acknowledging anything to the old writer, and
   * say what they have; `recording` the new epoch is being written to disk.
   */
  | {
      readonly name: 'fencing';
      readonly since: Instant;
      readonly plan: Plan;
      readonly stage: 'closing' | 'catching-up' | 'sealing' | 'recording';
      readonly sessionsClosed: boolean;
      readonly fenced: boolean;
      /** Why the new epoch is not on disk yet; null while nothing went wrong. */
      readonly trouble: string | null;
    }
  | { readonly name: 'promoting'; readonly since: Instant; readonly plan: Plan; readonly attempt: number }
  | { readonly name: 'verifying'; readonly since: Instant; readonly plan: Plan; readonly attempt: number }
  | { readonly name: 'operator-required'; readonly since: Instant; readonly reason: string };

/** What the configuration decides, in the core's terms. */
export interface Policy {
  readonly mode: 'automatic' | 'observe';
  readonly fall: number;
  readonly rise: number;
  /** Between two turns of a probe. */
  readonly intervalMs: number;
  readonly minIntervalMs: number;
  readonly promoteTimeoutMs: number;
  /** There is somebody who starts, rewinds or rebuilds a server when asked. */
  readonly supervised: boolean;
  /** The engine makes a replica of a former writer through SQL alone, where its data allows. */
  readonly formerWriterCanFollow: boolean;
  /** Null: `async`. */
  readonly durability: QuorumPolicy | null;
  /** A replica known to lack more than this of the lost writer is not promoted, in the engine's unit; null: any. */
  readonly maxLoss: number | null;
}

/** A server that was never asked. */
export const unknownInstance = (instance: Instance, drained: boolean, at: Instant): InstanceState => ({
  instance,
  health: 'unknown',
  successes: 0,
  failures: 0,
  lastFailure: null,
  failedAt: null,
  observation: null,
  lastObservation: null,
  lastStreamingAt: null,
  heardAt: null,
  lastStreamingLag: null,
  returnedAt: null,
  drained,
  correctedAt: null,
  stray: null,
  rejoins: { attempts: 0, notBefore: at },
});

export function initialState(
  cluster: ClusterId,
  instances: Iterable<Instance>,
  memory: Memory | null,
  at: Instant,
): ClusterState {
  const known = new Map<InstanceId, InstanceState>();
  for (const instance of instances) {
    known.set(instance.id, unknownInstance(instance, memory?.drained.includes(instance.id) ?? false, at));
  }
  const writer = memory?.writer != null && known.has(memory.writer) ? memory.writer : null;
  return {
    cluster,
    epoch: memory?.epoch ?? epoch(0),
    writer,
    absent: writer === null ? (memory?.writer ?? null) : null,
    proven: !(memory?.promoting ?? false),
    vain: 0,
    phase: { name: 'starting', since: at },
    // Of those that are no instances any more too: one that is put back is not trusted for having been away.
    deposed: new Set(memory?.deposed ?? []),
    instances: known,
    lastFailoverAt: null,
    rejoining: null,
    durability: rememberedDurability(memory, known),
    began: memory?.began ?? null,
    followers: new Set(memory?.followers.filter((id) => known.has(id)) ?? []),
  };
}

/** A copy that is no instance any more may have been the one that held a commit. */
function rememberedDurability(
  memory: Memory | null,
  known: ReadonlyMap<InstanceId, InstanceState>,
): Durability {
  if (memory === null) return unsecured;
  const { secured, degraded, copies } = memory.durability;
  const gone = copies.filter((id) => known.get(id)?.instance.copy !== true).length;
  return { ...unsecured, secured: Math.max(1, secured - gone), degraded };
}

/** What must be on disk for this state. */
export function memoryOf(state: ClusterState): Memory {
  const ids = [...state.instances.values()];
  return {
    epoch: state.epoch,
    writer: state.writer ?? state.absent,
    promoting: !state.proven,
    deposed: [...state.deposed].sort(),
    drained: ids.filter((known) => known.drained).map((known) => known.instance.id),
    durability: {
      secured: state.durability.secured,
      degraded: state.durability.degraded,
      copies: ids.filter(({ instance }) => instance.copy).map(({ instance }) => instance.id),
    },
    began: state.began,
    followers: [...state.followers].sort(),
  };
}

export const withInstance = (
  state: ClusterState,
  id: InstanceId,
  change: Partial<InstanceState>,
): ClusterState => {
  const before = state.instances.get(id);
  if (before === undefined) return state;
  return { ...state, instances: new Map(state.instances).set(id, { ...before, ...change }) };
};
