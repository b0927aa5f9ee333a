import type { Receipt } from '../cluster/receipt.ts';

/** A receipt as it is kept and served: what the core knows of a change of the writer, and what the shell adds. */
export interface FailoverRecord extends Receipt {
  /** When it ended: ISO 8601, UTC. */
  readonly at: string;
  /** New connections that waited for a writer when it ended, and for how long the first of them had. */
  readonly held: { readonly connections: number; readonly longestWaitMs: number };
  /** Which commits the old writer had acknowledged: `async`, those on its own disk. */
  readonly durability: 'async';
}
