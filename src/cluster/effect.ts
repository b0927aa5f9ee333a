import type { Epoch, InstanceId } from '../base/brand.ts';
import type { Requirement } from './durability.ts';
import type { Memory } from './memory.ts';
import type { Comparison, Distance, Position } from './position.ts';
import type { Receipt } from './receipt.ts';

/** What the core wants done. The shell does it and reports back with an event that carries the epoch. */
export type Effect =
  /** Look at an instance soon, rather than at its next turn. */
  | { readonly kind: 'probe'; readonly instance: InstanceId; readonly delayMs: number }
  /** Write to disk, then `memory-saved`. */
  | { readonly kind: 'save-memory'; readonly epoch: Epoch; readonly memory: Memory }
  /** Cut every session to this instance, then `sessions-closed`. */
  | { readonly kind: 'close-sessions'; readonly epoch: Epoch; readonly instance: InstanceId }
  | { readonly kind: 'fence'; readonly epoch: Epoch; readonly instance: InstanceId }
  | { readonly kind: 'unfence'; readonly epoch: Epoch; readonly instance: InstanceId }
  | {
      readonly kind: 'promote';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly attempt: number;
      /** What its commits shall wait for from the first one on; null: left as it is. */
      readonly quorum: Requirement | null;
    }
  /** Keep a copy from acknowledging anything to the old writer, then `sealed` or `not-sealed`. */
  | { readonly kind: 'seal'; readonly epoch: Epoch; readonly instance: InstanceId }
  | {
      readonly kind: 'require-quorum';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly quorum: Requirement;
    }
  | {
      readonly kind: 'follow';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly source: InstanceId;
    }
  /** Have a deposed server brought back as a replica of `writer`, then `rejoined` or `not-rejoined`. */
  | {
      readonly kind: 'rejoin';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly writer: InstanceId;
      readonly reason: RejoinReason;
      /** From 1; in a row without success. */
      readonly attempt: number;
      readonly divergence: Divergence;
    }
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  | { readonly kind: 'answer'; readonly request: number; readonly answer: Answer };

export type Answer =
  | { readonly ok: true; readonly message: string }
  | { readonly ok: false; readonly kind: 'conflict' | 'failed'; readonly message: string };

/**
 * Why a deposed server needs help from outside: it does not answer · it has what the writer lacks · it answers, and
 * replicates from nobody or in vain.
 */
export type RejoinReason = 'down' | 'diverged' | 'not-replicating';

/** How a deposed server's data stands to the writer's, as far as it was seen: whoever rewinds it throws that away. */
export interface Divergence {
  /** Where the deposed server was when it was last heard; null where it never was. */
  readonly instance: Position | null;
  readonly writer: Position | null;
  /** The writer's position compared with the instance's; null where either is unknown. */
  readonly compared: Comparison | null;
  /** What the writer lacks of the instance; null where that cannot be known. */
  readonly lost: Distance | null;
}
