import { setTimeout as sleep } from 'node:timers/promises';
import type { EventJson } from '../admin/api.ts';
import { type AdminClient, AdminFailure } from '../admin/client.ts';

export interface FollowEvents {
  readonly client: Pick<AdminClient, 'followEvents' | 'recentEvents'>;
  /** Only events after this number, as Aurelay counts them now. */
  readonly since: number;
  readonly print: (event: EventJson) => void;
  /** Told once for each time that the stream is gone. */
  readonly onLost: (why: string) => void;
  readonly retryMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Prints what happens, each event once, over restarts of Aurelay too. Throws an `AdminFailure` where it was never reached,
 * or refuses.
 */
export async function followEvents({
  client,
  since,
  print,
  onLost,
  retryMs,
  signal,
}: FollowEvents): Promise<void> {
  let last: EventJson | null = null;
  let reached = false;
  let told = false;
  while (!signal.aborted) {
    try {
      const from: number = last === null ? since : await numberAfter(last, client);
      if (!reached) await client.recentEvents(since);
      reached = true;
      told = false;
      for await (const event of client.followEvents(from, signal)) {
        last = event;
        print(event);
      }
      if (signal.aborted) return;
      onLost('Aurelay ended the stream');
      told = true;
    } catch (error) {
      if (!(error instanceof AdminFailure) || !reached || isFinal(error)) throw error;
      if (!told) onLost(error.message);
      told = true;
    }
    await sleep(retryMs, undefined, { signal }).catch(() => {});
  }
}

/**
 * From where to go on after `last`. Another Aurelay counts from 1 again: it does not have that event, and all that it has
 * is new. Neither has one that has seen a thousand since, and there the same holds.
 */
async function numberAfter(last: EventJson, client: FollowEvents['client']): Promise<number> {
  const kept = await client.recentEvents(0);
  return kept.some(({ seq, at }) => seq === last.seq && at === last.at) ? last.seq : 0;
}

const isFinal = ({ kind, code }: AdminFailure): boolean => kind === 'refused' && code !== 'shutting_down';
