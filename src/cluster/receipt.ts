import type { Epoch, InstanceId } from '../base/brand.ts';
import type { Distance, Position } from './position.ts';
import type { PhaseName } from './view.ts';

/** `elected` the first writer was found · `adopted` somebody else promoted · the other two are Aurelay's own doing. */
export type ChangeKind = 'elected' | 'adopted' | 'failover' | 'switchover';

export interface Refusal {
  readonly instance: InstanceId;
  readonly why: string;
}

/**
 * Which commits the old writer had told its clients of. `async`: those on its own disk · `quorum`: those on
 * `writeQuorum` of `copies`, of which `answered` were heard before the choice (null where nobody had to be asked) ·
 * `degraded`: as `async`, since the quorum had been lost · `unsecured`: the quorum was not established yet · `waived`: an
 * operator had whoever answered promoted, at whatever loss.
 */
export type DurabilityInForce =
  | { readonly mode: 'async' }
  | {
      readonly mode: 'quorum' | 'degraded' | 'unsecured' | 'waived';
      readonly copies: number;
      readonly writeQuorum: number;
      readonly answered: number | null;
    };

/** When a change of the writer reached a phase, in milliseconds from the first sign. */
export interface Milestone {
  readonly phase: PhaseName;
  readonly afterMs: number;
}

/** What a change of the writer did and cost. No change goes without one, whether it succeeded or not. */
export interface Receipt {
  readonly kind: ChangeKind;
  /** `undone` the old writer stayed · `failed` nobody could be promoted in this attempt. */
  readonly outcome: 'completed' | 'undone' | 'failed';
  /** Why it did not succeed; null where it did. */
  readonly reason: string | null;
  readonly timeline: readonly Milestone[];
  readonly epoch: Epoch;
  readonly from: InstanceId | null;
  readonly to: InstanceId;
  /** The last position that the old writer was seen at; after a switchover, its final one. */
  readonly fromPosition: Position | null;
  /** Where the new writer was when it was chosen. */
  readonly toPosition: Position | null;
  readonly refused: readonly Refusal[];
  readonly sessionsClosed: number;
  /**
   * What the new writer lacks of `fromPosition`. Null: unknown. After an unplanned failover it is a lower bound, since
   * nobody saw what the old writer did after its last probe.
   */
  readonly lost: Distance | null;
  /** From the first sign to the new writer seen writable, in milliseconds. */
  readonly durationMs: number;
  /** Attempts to promote, over all candidates. */
  readonly attempts: number;
  readonly durability: DurabilityInForce;
}
