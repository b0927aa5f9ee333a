import type { Clock, Timer } from '../base/clock.ts';

/** A connection that waits for a writer. */
export interface Held {
  /** When its patience ends; set once, however often it has to wait again. */
  readonly deadline: number;
  /** A writer may be there: try it. The connection has left the queue. */
  release(): void;
  /** The deadline has passed. The connection has left the queue. */
  expire(): void;
  /** Aurelay shuts down. The connection has left the queue. */
  turnAway(): void;
}

/** Connections that are let go at a time, and the pause after them: a new writer is not flooded at once. */
const batchSize = 50;
const batchPauseMs = 5;
/** Between two tries at a writer that refused a connection. */
const retryMs = 100;

/**
 * New writer connections of one cluster that wait, first come, first served: while there is no writer, or while the
 * writer refuses, in which case one connection at a time is sent to see. Those that had to come back after a try
 * stand in front of all others.
 */
export class HoldQueue {
  readonly #clock: Clock;
  readonly #returned = new Map<Held, Timer>();
  readonly #waiting = new Map<Held, Timer>();
  /** Whom the connections wait for: differs with each writer and each epoch; null while there is none. */
  #writer: string | null = null;
  #refusing = false;
  #next: Timer | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#returned.size + this.#waiting.size;
  }

  /** The deadline of whoever has waited longest; null while nobody waits. */
  get earliestDeadline(): number | null {
    const [returned] = this.#returned.keys();
    const [waiting] = this.#waiting.keys();
    const deadlines = [returned, waiting].flatMap((held) => (held === undefined ? [] : [held.deadline]));
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  /** Whether a new connection has to wait rather than try the writer at once. */
  get blocked(): boolean {
    return this.#writer === null || this.#refusing || this.size > 0;
  }

  /**
   * Takes a connection in; false where `maxHeld` wait already. One that is `returning` was let in before, and is let
   * in again in any case.
   */
  enter(held: Held, returning: boolean, maxHeld: number): boolean {
    if (!returning && this.size >= maxHeld) return false;
    const line = returning ? this.#returned : this.#waiting;
    const remainingMs = Math.max(0, held.deadline - this.#clock.now());
    const expire = this.#clock.after(remainingMs, () => {
      this.leave(held);
      held.expire();
    });
    line.set(held, expire);
    this.#schedule(this.#pauseMs);
    return true;
  }

  /** Does nothing for one that is not here. */
  leave(held: Held): void {
    this.#returned.get(held)?.cancel();
    this.#waiting.get(held)?.cancel();
    this.#returned.delete(held);
    this.#waiting.delete(held);
  }

  /** Follows the view. `writer` names who is the writer in which epoch. */
  setWriter(writer: string | null): void {
    if (writer === this.#writer) return;
    this.#writer = writer;
    this.#refusing = false;
    this.#reschedule(0);
  }

  /** `writer` did not take a connection: the others need not all find that out for themselves. */
  writerRefused(writer: string): void {
    if (this.#refusing || writer !== this.#writer) return;
    this.#refusing = true;
    this.#reschedule(retryMs);
  }

  /** `writer` took a connection. */
  writerAnswered(writer: string): void {
    if (!this.#refusing || writer !== this.#writer) return;
    this.#refusing = false;
    this.#reschedule(0);
  }

  /** Turns everybody away, the first in line first. */
  dismiss(): void {
    const all = [...this.#returned.keys(), ...this.#waiting.keys()];
    for (const held of all) this.leave(held);
    for (const held of all) held.turnAway();
  }

  get #pauseMs(): number {
    return this.#refusing ? retryMs : batchPauseMs;
  }

  #reschedule(delayMs: number): void {
    this.#next?.cancel();
    this.#next = null;
    this.#schedule(delayMs);
  }

  #schedule(delayMs: number): void {
    if (this.#next !== null || this.#writer === null || this.size === 0) return;
    this.#next = this.#clock.after(delayMs, () => {
      this.#next = null;
      this.#release(this.#refusing ? 1 : batchSize);
      this.#schedule(this.#pauseMs);
    });
  }

  #release(count: number): void {
    const batch: Held[] = [];
    for (const line of [this.#returned, this.#waiting]) {
      for (const held of line.keys()) {
        if (batch.length === count) break;
        batch.push(held);
      }
    }
    for (const held of batch) this.leave(held);
    for (const held of batch) held.release();
  }
}
