import type { InstanceId } from '../../base/brand.ts';
import type { Prng } from '../../base/prng.ts';

/** An instance that may take the next session, and what a policy may weigh. */
export interface Candidate {
  readonly id: InstanceId;
  /** Sessions that this Aurelay has on it now, over all endpoints, those that are being opened included. */
  readonly sessions: number;
  /** As configured; 1 or more. */
  readonly weight: number;
  /** Share of its normal load that it may take, above 0 and up to 1: less than 1 while it starts slowly. */
  readonly ramp: number;
}

/** What a policy remembers of one endpoint between two picks; what a mark means is the policy's own matter. */
export interface PolicyState {
  /** Picks so far. */
  readonly turn: number;
  readonly marks: ReadonlyMap<InstanceId, number>;
}

export const freshState: PolicyState = { turn: 0, marks: new Map() };

export interface Pick {
  readonly picked: InstanceId;
  readonly state: PolicyState;
}

/** At least one candidate; the order in which they come must not matter for long. */
export type Candidates = readonly [Candidate, ...Candidate[]];

/** Chooses who takes the next session. Pure: the same arguments give the same pick. */
export type Policy = (candidates: Candidates, state: PolicyState, prng: Prng) => Pick;

/** Keeps the memory as small as the cluster: ids that have left it are forgotten. */
export function forget(state: PolicyState, isKnown: (id: InstanceId) => boolean): PolicyState {
  for (const id of state.marks.keys()) {
    if (!isKnown(id))
      return { ...state, marks: new Map([...state.marks].filter(([known]) => isKnown(known))) };
  }
  return state;
}
