import type { Clock } from '../base/clock.ts';

/** Says what comes in floods, but only once in so many milliseconds. */
export function atMostEvery(
  intervalMs: number,
  clock: Clock,
  run: (what: string) => void,
): (what: string) => void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return (what) => {
    if (clock.now() < quietUntil) return;
    quietUntil = clock.now() + intervalMs;
    run(what);
  };
}
