import type { ClusterId, Epoch, InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import type { Instance, Role } from './instance.ts';
import type { ProbeFailure } from './observation.ts';
import type { Position } from './position.ts';

/** `unknown` never answered yet · `suspect` failed, but fewer than `fall` times · `down` failed `fall` times. */
export type Health = 'unknown' | 'healthy' | 'suspect' | 'down';

/** What everybody outside the core sees of a cluster: an immutable snapshot, replaced in one assignment. */
export interface ClusterView {
  readonly cluster: ClusterId;
  readonly epoch: Epoch;
  readonly phase: PhaseName;
  /** Why the phase is what it is, for people; null while stable. */
  readonly reason: string | null;
  /** Who takes writer sessions now; null while nobody may. */
  readonly writer: InstanceId | null;
  readonly instances: ReadonlyMap<InstanceId, InstanceView>;
  /** Null: `durability: async`. */
  readonly durability: DurabilityView | null;
}

export interface DurabilityView {
  readonly copies: number;
  readonly writeQuorum: number;
  /** Copies that have every acknowledged commit, counted together; 1: nothing is promised at the moment. */
  readonly secured: number;
  /** Copies that acknowledge commits now, the writer among them; null while nobody is known to be the writer. */
  readonly acknowledging: number | null;
  /**
   * `securing` not established yet · `secured` kept · `lost` commits wait, since too few copies acknowledge · `degraded`
   * commits go on unprotected, since they had waited for too long.
   */
  readonly state: 'securing' | 'secured' | 'lost' | 'degraded';
}

export type PhaseName =
  | 'starting'
  | 'stable'
  | 'suspect'
  | 'cut-off'
  | 'fencing'
  | 'promoting'
  | 'verifying'
  | 'operator-required';

export interface InstanceView {
  readonly instance: Instance;
  /** Null while there is no fresh evidence. */
  readonly role: Role | null;
  readonly health: Health;
  readonly lastFailure: ProbeFailure | null;
  /** Why it counts as a replica though it takes writes; absent where that is not so. */
  readonly withheld?: string;
  readonly lagSeconds: number | null;
  readonly position: Position | null;
  /** False on a replica that has lost its source while the cluster has a writer, for longer than a failover takes. */
  readonly replicating: boolean;
  /** Takes no new connections, by an operator's wish. */
  readonly drained: boolean;
  /** A former writer that has not been seen replicating from the current one. */
  readonly deposed: boolean;
  /** When it came back from `down`; null where it never was. */
  readonly returnedAt: Instant | null;
  readonly version: string | null;
}
