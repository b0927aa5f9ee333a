import type { Brand } from '../base/brand.ts';

/**
 * How far a server's data goes, in its engine's own notation (`3/0/5000148`: timeline and LSN; a GTID set).
 * Opaque here: only the engine's `PositionOrder` reads it.
 */
export type Position = Brand<string, 'Position'>;

/** `ahead`: the first holds all that the second holds, and more. `diverged`: each holds what the other lacks. */
export type Comparison = 'equal' | 'ahead' | 'behind' | 'diverged';

export interface Distance {
  readonly amount: number;
  readonly unit: 'bytes' | 'transactions';
}

export interface PositionOrder {
  compare(a: Position, b: Position): Comparison;
  /** What `b` lacks of `a` (0 where it lacks nothing), or null where that cannot be known. */
  missing(a: Position, b: Position): Distance | null;
  /** What `a` has beyond the place where another history, which `fork` is the beginning of, parted from its own; null where that cannot be known. */
  beyond(a: Position, fork: Position): Distance | null;
}

/** Whoever is at `by` has everything that one at `position` has. */
export function isCovered(order: PositionOrder, position: Position, by: Position): boolean {
  const compared = order.compare(by, position);
  return compared === 'equal' || compared === 'ahead';
}
