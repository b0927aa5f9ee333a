import type { ClusterId, Epoch } from '../base/brand.ts';
import type { RejoinReason } from '../cluster/effect.ts';
import type { Address, Instance } from '../cluster/instance.ts';
import type { Position } from '../cluster/position.ts';

/** Whoever runs the servers: starts, rewinds or rebuilds one that Aurelay asks for, and nothing by itself. */
export interface Supervisor {
  /**
   * Makes `instance` a replica of `writer`, throwing away what it has and the writer lacks. Resolves once its server was
   * started so; rejects, in words for an operator, where it could not be, after `timeoutMs` at the latest, or when
   * `signal` says that Aurelay stops. Never two at a time for one cluster, and harmless when repeated.
   */
  rejoin(request: RejoinRequest, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export interface RejoinRequest {
  readonly cluster: ClusterId;
  /** The deposed server. It may be dead, frozen, or alive and read-only. */
  readonly instance: Instance;
  readonly writer: Instance;
  /** Where the other instances reach the writer. */
  readonly writerAddress: Address;
  readonly epoch: Epoch;
  /** As each was last seen; null: never. */
  readonly positions: { readonly instance: Position | null; readonly writer: Position | null };
  readonly reason: RejoinReason;
}
