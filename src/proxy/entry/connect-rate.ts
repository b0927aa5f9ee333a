import type { Instant } from '../../base/clock.ts';

interface Bucket {
  /** Connections that may come at once; a fraction of one grows. */
  tokens: number;
  at: Instant;
}

/** After so long every bucket is full again, and says no more than none. */
const forgetAfterMs = 1000;
/** About 10 MB. Whoever comes from more addresses in a second is not to be held by a limit for each. */
export const maxAddresses = 65_536;

/**
 * New connections a second, by client: a bucket for each that holds a second's worth. Only clients of the last second
 * are remembered; where there are more than `most`, the one that has been quiet for longest is forgotten first, so that
 * a flood of addresses turns nobody else away, and whoever comes often stays known.
 */
export class ConnectRate {
  readonly #most: number;
  /** Whoever came last is last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(most = maxAddresses) {
    this.#most = most;
  }

  /** How many clients are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Whether one more connection of `client` is within `perSecond`. */
  admit(client: string, perSecond: number, now: Instant): boolean {
    this.#forget(now);
    const bucket = this.#buckets.get(client) ?? { tokens: perSecond, at: now };
    bucket.tokens = Math.min(perSecond, bucket.tokens + ((now - bucket.at) * perSecond) / 1000);
    bucket.at = now;
    this.#buckets.delete(client);
    if (this.#buckets.size >= this.#most) this.#dropFirst();
    this.#buckets.set(client, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  /** Two at a time: what is remembered shrinks as fast as it can grow, and no call takes long. */
  #forget(now: Instant): void {
    for (let i = 0; i < 2; i++) {
      const [first] = this.#buckets.values();
      if (first === undefined || now - first.at <= forgetAfterMs) return;
      this.#dropFirst();
    }
  }

  #dropFirst(): void {
    const [first] = this.#buckets.keys();
    if (first !== undefined) this.#buckets.delete(first);
  }
}
