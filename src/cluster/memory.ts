import type { Epoch, InstanceId } from '../base/brand.ts';

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
}
