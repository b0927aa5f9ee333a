import type { Epoch, InstanceId } from '../base/brand.ts';
import type { Memory } from './memory.ts';
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
    }
  | {
      readonly kind: 'follow';
      readonly epoch: Epoch;
      readonly instance: InstanceId;
      readonly source: InstanceId;
    }
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  | { readonly kind: 'answer'; readonly request: number; readonly answer: Answer };

export type Answer =
  | { readonly ok: true; readonly message: string }
  | { readonly ok: false; readonly kind: 'conflict' | 'failed'; readonly message: string };
