import type { Epoch, InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import type { Instance } from './instance.ts';
import type { Observation, ProbeFailure } from './observation.ts';
import type { Position } from './position.ts';
import type { Policy } from './state.ts';

/** Everything that can happen to a cluster, as the core sees it. `at` never decreases. */
export type Event = { readonly at: Instant } & Happening;

export type Happening =
  | { readonly kind: 'tick' }
  | { readonly kind: 'probe-succeeded'; readonly instance: InstanceId; readonly observation: Observation }
  | { readonly kind: 'probe-failed'; readonly instance: InstanceId; readonly failure: ProbeFailure }
  // What an effect achieved; of an epoch that is not the current one it is ignored.
  | {
      readonly kind: 'memory-saved';
      readonly epoch: Epoch;
      /** What is on disk now of the promise of durability. */
      readonly secured: number;
    }
  | { readonly kind: 'memory-not-saved'; readonly epoch: Epoch; readonly why: string }
  | {
      readonly kind: 'sessions-closed';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly count: number;
    }
  | {
      readonly kind: 'fenced';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly position: Position;
    }
  | {
      readonly kind: 'not-fenced';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly why: string;
    }
  | {
      readonly kind: 'sealed';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly position: Position;
    }
  | {
      readonly kind: 'not-sealed';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly why: string;
    }
  | {
      readonly kind: 'quorum-set';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly count: number;
    }
  | {
      readonly kind: 'quorum-not-set';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly why: string;
    }
  | {
      readonly kind: 'promoted';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly attempt: number;
      /** Where its own history begins. */
      readonly position: Position;
    }
  | {
      readonly kind: 'not-promoted';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly attempt: number;
      readonly why: string;
    }
  | { readonly kind: 'following'; readonly epoch: Epoch; readonly instance: InstanceId }
  | {
      readonly kind: 'not-following';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly why: string;
    }
  | { readonly kind: 'rejoined'; readonly epoch: Epoch; readonly instance: InstanceId }
  | {
      readonly kind: 'not-rejoined';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly why: string;
    }
  /** Another configuration is in force from this event on: it is the policy that the core is given with it. */
  | {
      readonly kind: 'reconfigured';
      readonly instances: readonly Instance[];
      /** The policy until now. */
      readonly before: Policy;
      /** What changed, for people. */
      readonly summary: string;
    }
  // What an operator asks for; answered by one `answer` effect with the same `request`.
  | {
      readonly kind: 'failover-requested';
      readonly request: number;
      /** Promote whoever answers, though acknowledged commits may be lost. */
      readonly force: boolean;
    }
  | {
      readonly kind: 'switchover-requested';
      readonly request: number;
      readonly to: InstanceId;
      /** Only say whether it could be begun now. */
      readonly dryRun: boolean;
    }
  | {
      readonly kind: 'drain-requested';
      readonly request: number;
      readonly instance: InstanceId;
      readonly drained: boolean;
    };
