/** A moment on a monotonic clock, in milliseconds since an arbitrary start; comparable within one process. */
export type Instant = number;

export interface Timer {
  cancel(): void;
}

/** Time as an argument: the real one is made in `app.ts`, a simulated one in tests. */
export interface Clock {
  /** Monotonic; never jumps with the wall clock. */
  now(): Instant;
  /** Milliseconds since 1970-01-01 UTC, for records that people read. */
  wallTime(): number;
  /** Calls `run` once, `delayMs` from now at the earliest. */
  after(delayMs: number, run: () => void): Timer;
}
