import type { Address } from '../cluster/instance.ts';
import type { DiscoveryResult } from '../engines/discovery.ts';
import { answered, dueVisits, type Walk } from './walk.ts';

export interface Explorer {
  /** Asks the server at `address`; never rejects, and takes bounded time. */
  readonly ask: (address: Address) => Promise<DiscoveryResult>;
  /** Milliseconds, from anywhere. */
  readonly now: () => number;
  /** No visit begins after this much. */
  readonly mostMs: number;
  readonly onVisit: (address: Address) => void;
}

/** So many servers are asked at a time. */
const together = 8;

/** Goes on with a walk until nobody is left to visit, or the time is over; what is due then stays due. */
export async function explore(walk: Walk, { ask, now, mostMs, onVisit }: Explorer): Promise<Walk> {
  const until = now() + mostMs;
  let current = walk;
  for (;;) {
    const due = now() < until ? dueVisits(current, together) : [];
    if (due.length === 0) return current;
    for (const { address } of due) onVisit(address);
    const results = await Promise.all(
      due.map(async ({ address }) => ({ address, result: await ask(address) })),
    );
    for (const { address, result } of results) current = answered(current, address, result);
  }
}
