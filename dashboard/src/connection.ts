import { formatClock } from './format.ts';

/** Whether what the page shows is what is. Times are of the browser's clock, in milliseconds since 1970. */
export type Connection =
  /** Nothing was ever shown. */
  | { readonly kind: 'connecting'; readonly attempts: number }
  | { readonly kind: 'live'; readonly heardAt: number }
  | { readonly kind: 'lost'; readonly since: number; readonly attempts: number };

export type ConnectionEvent =
  | { readonly kind: 'heard'; readonly at: number }
  | { readonly kind: 'failed'; readonly at: number }
  /** Time passes. */
  | { readonly kind: 'looked'; readonly at: number };

export const notConnected: Connection = { kind: 'connecting', attempts: 0 };

/** A beat comes every 5 s: three that are missing mean that nobody is there, though the socket does not say so. */
export const silenceMs = 15_000;

export function nextConnection(before: Connection, event: ConnectionEvent): Connection {
  switch (event.kind) {
    case 'heard':
      return { kind: 'live', heardAt: event.at };
    case 'failed':
      if (before.kind === 'connecting') return { kind: 'connecting', attempts: before.attempts + 1 };
      // What was heard last is the age of the picture; that it was noticed only now is nobody's business.
      if (before.kind === 'live') return { kind: 'lost', since: before.heardAt, attempts: 1 };
      return { ...before, attempts: before.attempts + 1 };
    case 'looked':
      if (before.kind !== 'live' || event.at - before.heardAt < silenceMs) return before;
      return { kind: 'lost', since: before.heardAt, attempts: 0 };
  }
}

/** Until the next attempt, in milliseconds: a restart takes seconds, and one page is no load. */
export const retryDelayMs = (connection: Connection): number =>
  connection.kind === 'live' ? 500 : Math.min(3_000, 500 * 2 ** Math.min(connection.attempts, 4));

/** What is said in the page's own banner; null while all is live. */
export function connectionNotice(connection: Connection): string | null {
  switch (connection.kind) {
    case 'live':
      return null;
    case 'connecting':
      return connection.attempts === 0 ? null : 'Aurelay does not answer. Trying again …';
    case 'lost':
      return `Not connected since ${formatClock(new Date(connection.since))}; this is the last picture. Trying again …`;
  }
}
