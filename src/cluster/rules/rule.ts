import type { Event } from '../event.ts';
import type { Outcome } from '../plan.ts';
import type { PositionOrder } from '../position.ts';
import type { ClusterState, Policy } from '../state.ts';
import type { PhaseName } from '../view.ts';

export interface Context {
  readonly state: ClusterState;
  readonly event: Event;
  readonly policy: Policy;
  readonly positions: PositionOrder;
}

/**
 * One row of the table: in a phase of `from`, if `when`, then `then`, which leads to a phase of `to`. The first row that
 * applies fires, and the table is read again from the top until none does.
 */
export interface Rule {
  readonly id: string;
  readonly comment: string;
  readonly from: readonly PhaseName[] | 'any';
  readonly to: readonly PhaseName[] | 'same';
  readonly when: (context: Context) => boolean;
  readonly then: (context: Context) => Outcome;
}
