import { performance } from 'node:perf_hooks';
import type { Clock } from './base/clock.ts';

/** The machine's clock and Node's timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
