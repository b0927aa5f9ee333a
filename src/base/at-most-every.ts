import type { Clock } from './clock.ts';

/** `run`, for what comes in floods: only once in so many milliseconds. */
export function atMostEvery<Args extends readonly unknown[]>(
  intervalMs: number,
  clock: Pick<Clock, 'now'>,
  run: (...args: Args) => void,
): (...args: Args) => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return (...args) => {
    const now = clock.now();
    if (now < quietUntil) return;
    quietUntil = now + intervalMs;
    run(...args);
  };
}
