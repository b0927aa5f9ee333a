/** A server's clock beside this machine's. */
export interface ClockReading {
  /** The server's time minus this machine's, in milliseconds; right to within `uncertaintyMs` either way. */
  readonly aheadMs: number;
  readonly uncertaintyMs: number;
}

/** One question for the time, in milliseconds since 1970: when it was asked, what the server said, when that came. */
export interface ClockSample {
  readonly askedAtMs: number;
  readonly saidMs: number;
  readonly heardAtMs: number;
}

/**
 * As NTP reckons (RFC 5905, section 8): the server's time belongs to some moment between question and answer, so the
 * quickest of several answers tells most. Null without one.
 */
export function readClock(samples: readonly ClockSample[]): ClockReading | null {
  const took = ({ askedAtMs, heardAtMs }: ClockSample): number => Math.max(0, heardAtMs - askedAtMs);
  const [best] = samples.toSorted((a, b) => took(a) - took(b));
  if (best === undefined) return null;
  const uncertaintyMs = took(best) / 2;
  return { aheadMs: best.saidMs - (best.askedAtMs + uncertaintyMs), uncertaintyMs };
}

/** How far the clock is off at least, whatever the uncertainty hides; 0 where it may be right. */
export const leastSkewMs = ({ aheadMs, uncertaintyMs }: ClockReading): number =>
  Math.max(0, Math.abs(aheadMs) - uncertaintyMs);
