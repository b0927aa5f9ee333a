import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import type { Instance } from '../cluster/instance.ts';
import { ownHeader } from '../proxy-protocol/encode.ts';
import { dial } from './dial.ts';

/** A server that has not dealt with a cancel request by then is left alone. */
export const cancelTimeoutMs = 5_000;

/**
 * Passes a cancel request to each of `servers`, on a connection of its own, and calls `done` when all have closed
 * theirs, which a PostgreSQL server does after it has acted on the request (manual, "Canceling Requests in
 * Progress"); or after the deadline. A server that does not know the key ignores it.
 */
export function passCancel(
  bytes: Uint8Array,
  servers: readonly Pick<Instance, 'address' | 'sendProxyProtocol'>[],
  clock: Clock,
  done: () => void,
): void {
  let left = servers.length;
  if (left === 0) {
    done();
    return;
  }
  const oneDone = () => {
    left -= 1;
    if (left === 0) done();
  };
  for (const server of servers) {
    const startedAt = clock.now();
    dial(server.address, cancelTimeoutMs, clock, (outcome) => {
      if (outcome.kind === 'failed') return oneDone();
      const header = ownHeader(server.sendProxyProtocol);
      if (header !== null) outcome.socket.write(header);
      deliver(outcome.socket, bytes, clock, cancelTimeoutMs - (clock.now() - startedAt), oneDone);
    });
  }
}

function deliver(server: Socket, bytes: Uint8Array, clock: Clock, timeoutMs: number, done: () => void): void {
  const timer = clock.after(Math.max(0, timeoutMs), () => server.destroy());
  server.once('close', () => {
    timer.cancel();
    done();
  });
  // The request goes out with the end of the stream: there is nothing more to say, and the server closes in turn.
  server.resume();
  server.end(bytes);
}
