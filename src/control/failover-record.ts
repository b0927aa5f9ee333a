import type { InstanceId } from '../base/brand.ts';
import type { Divergence } from '../cluster/effect.ts';
import type { Receipt } from '../cluster/receipt.ts';

/** A receipt as it is kept and served: what the core knows of a change of the writer, and what the shell adds. */
export interface FailoverRecord extends Receipt {
  /** When it ended: ISO 8601, UTC. */
  readonly at: string;
  /** New connections that waited for a writer when it ended, and for how long the first of them had. */
  readonly held: { readonly connections: number; readonly longestWaitMs: number };
  /** What was thrown away to make replicas of deposed servers again: written down before it was done. */
  readonly discarded: readonly Discarded[];
}

export interface Discarded extends Divergence {
  readonly id: InstanceId;
  /** When it was decided: ISO 8601, UTC. */
  readonly at: string;
}
