import { Histogram, type Registry } from 'prom-client';
import { measured } from './measured.ts';

const sampleEveryMs = 50;

/**
 * How late timers run, sampled into a histogram that only grows, so that any number of scrapers read the same
 * (the percentiles of `perf_hooks.monitorEventLoopDelay` have to be reset, by one reader for all). A stall counts
 * once, with its whole length. Returns what stops the sampling.
 */
export function sampleEventLoopDelay(registry: Registry): () => void {
  const histogram = new Histogram({
    name: 'aurelay_event_loop_delay_seconds',
    help: 'How late a timer ran that was due, sampled every 50 ms: how long anything waits for the process.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  let due = performance.now() + sampleEveryMs;
  const timer = setInterval(() => {
    const now = performance.now();
    histogram.observe(measured((now - due) / 1000));
    due = now + sampleEveryMs;
  }, sampleEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}
