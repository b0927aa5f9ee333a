import type { Epoch, InstanceId } from '../base/brand.ts';
import type { Position } from './position.ts';

/**
 * What must survive a restart of Aurelay, and is on disk before it takes effect: otherwise a process that comes back
 * could admit a writer whose epoch had ended.
 */
export interface Memory {
  readonly epoch: Epoch;
  /** Who holds the epoch. */
  readonly writer: InstanceId | null;
  /** The holder's promotion was decided, and not yet seen to have worked. */
  readonly promoting: boolean;
  readonly deposed: readonly InstanceId[];
  readonly drained: readonly InstanceId[];
  /** Every acknowledged commit is on `secured` of these `copies`; raised only once it is so, lowered before it is not. */
  readonly durability: {
    readonly secured: number;
    readonly degraded: boolean;
    readonly copies: readonly InstanceId[];
  };
  /** Where the holder's own history begins. */
  readonly began: Position | null;
  /** Seen replicating from the holder. */
  readonly followers: readonly InstanceId[];
}
