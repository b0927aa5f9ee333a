import { setTimeout as sleep } from 'node:timers/promises';
import { AdminFailure } from '../admin/client.ts';

export interface Watch {
  /** Rejects with an `AdminFailure` where it could not be had. */
  readonly fetch: () => Promise<string>;
  /** `failure`: why `text`, the latest that could be had, is not fresh; null where it is. */
  readonly show: (text: string, failure: string | null) => void;
  readonly everyMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Fetches and shows until it is told to end. A failure at the beginning is thrown: the address is probably wrong. Later
 * ones are shown, and it goes on trying: Aurelay may be restarting.
 */
export async function watch({ fetch, show, everyMs, signal }: Watch): Promise<void> {
  let latest = await fetch();
  let failure: string | null = null;
  while (!signal.aborted) {
    show(latest, failure);
    await sleep(everyMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    try {
      latest = await fetch();
      failure = null;
    } catch (error) {
      if (!(error instanceof AdminFailure)) throw error;
      failure = error.message;
    }
  }
}
