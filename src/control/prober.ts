import type { Clock, Timer } from '../base/clock.ts';
import type { Prng } from '../base/prng.ts';
import type { Probe, ProbeResult } from '../engines/engine.ts';

export interface ProberOptions {
  readonly probe: Probe;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly prng: Prng;
  /** Each result, with how long it took in seconds. */
  readonly onResult: (result: ProbeResult, seconds: number) => void;
}

/** Share of the interval by which turns are spread, so that many clusters are not probed in one beat. */
const jitter = 0.1;

/** Asks one instance again and again, over one persistent connection, one question at a time. */
export class Prober {
  private readonly options: ProberOptions;
  private timer: Timer | null = null;
  private dueAt = Number.POSITIVE_INFINITY;
  private asking = false;
  /** Wanted while a question was open already: the delay of the next one. */
  private next: number | null = null;
  private stopped = false;

  constructor(options: ProberOptions) {
    this.options = options;
    options.probe.onLost = (detail) => {
      // A probe that is under way reports the loss itself.
      if (this.stopped || this.asking) return;
      options.onResult({ kind: 'failed', failure: { reason: 'reset', detail } }, 0);
    };
  }

  start(): void {
    this.soon(0);
  }

  /** Ask within `delayMs`, if that is earlier than the next turn. */
  soon(delayMs: number): void {
    if (this.stopped) return;
    if (this.asking) {
      this.next = Math.min(this.next ?? Number.POSITIVE_INFINITY, delayMs);
      return;
    }
    const due = this.options.clock.now() + delayMs;
    if (due >= this.dueAt) return;
    this.timer?.cancel();
    this.dueAt = due;
    this.timer = this.options.clock.after(delayMs, () => void this.ask());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.options.probe.onLost = null;
    this.options.probe.close();
  }

  private async ask(): Promise<void> {
    const { probe, clock, prng, intervalMs, timeoutMs, onResult } = this.options;
    this.dueAt = Number.POSITIVE_INFINITY;
    this.asking = true;
    const askedAt = clock.now();
    const result = await probe.probe(timeoutMs);
    this.asking = false;
    if (this.stopped) return;
    const spread = 1 + jitter * (2 * prng.next() - 1);
    const wanted = this.next;
    this.next = null;
    // The next turn stands before the result is told, so that whoever hears it can ask for an earlier one.
    this.soon(wanted ?? intervalMs * spread);
    onResult(result, (clock.now() - askedAt) / 1000);
  }
}
