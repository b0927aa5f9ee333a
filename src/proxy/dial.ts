import { connect, type LookupFunction, type Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Address } from '../cluster/instance.ts';
import { sharedLookup } from '../engines/shared-lookup.ts';
import { ignore } from './linger.ts';

export type DialOutcome =
  | { readonly kind: 'connected'; readonly socket: Socket }
  | {
      readonly kind: 'failed';
      readonly reason: 'refused' | 'timeout' | 'error';
      /** The system's own words. */
      readonly detail: string;
    };

/** Something under way that can be given up: `abort()` frees all of it, and nothing is reported. No effect once done. */
export interface Abortable {
  abort(): void;
}

/**
 * How long an idle connection stays silent before TCP asks whether the other side is still there. libuv asks ten times,
 * a second apart (`uv_tcp_keepalive`).
 */
export const defaultKeepaliveMs = 30_000;

/**
 * Opens a TCP connection within `timeoutMs`, the lookup of the name included: that is done each time. `done` is called
 * once, later than this returns. The socket is paused, stays open when the server ends its side, and has an `error`
 * listener for ever.
 */
export function dial(
  address: Address,
  timeoutMs: number,
  clock: Clock,
  done: (outcome: DialOutcome) => void,
  keepaliveMs = defaultKeepaliveMs,
  lookup: LookupFunction = sharedLookup,
): Abortable {
  const socket = connect({
    host: address.host,
    port: address.port,
    lookup,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepaliveMs,
  });
  socket.on('error', ignore);
  let settled = false;
  const settle = (outcome: DialOutcome | null) => {
    if (settled) return;
    settled = true;
    timer.cancel();
    socket.off('connect', onConnect).off('error', onError);
    if (outcome?.kind !== 'connected') socket.destroy();
    if (outcome !== null) done(outcome);
  };
  const onConnect = () => settle({ kind: 'connected', socket: socket.pause() });
  const onError = (error: Error) => settle(failure(error));
  const timer = clock.after(timeoutMs, () =>
    settle({ kind: 'failed', reason: 'timeout', detail: `no connection within ${Math.round(timeoutMs)} ms` }),
  );
  socket.once('connect', onConnect).once('error', onError);
  return { abort: () => settle(null) };
}

function failure(error: Error): DialOutcome {
  // Where a name has several addresses, each was tried and the errors come together.
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : error;
  const code = (first as NodeJS.ErrnoException | undefined)?.code;
  const reason = code === 'ECONNREFUSED' ? 'refused' : code === 'ETIMEDOUT' ? 'timeout' : 'error';
  return { kind: 'failed', reason, detail: messageOf(error) };
}
