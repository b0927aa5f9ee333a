import type { Socket } from 'node:net';
import type { InstanceId } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { formatAddress, type Instance } from '../cluster/instance.ts';
import { tell } from '../log/tell.ts';
import { ownHeader } from '../proxy-protocol/encode.ts';
import { dial } from './dial.ts';
import type { EndpointContext } from './endpoint-context.ts';
import { encryptServer, type Termination } from './termination.ts';

interface CancelTarget extends Pick<Instance, 'address' | 'sendProxyProtocol'> {
  /** How an endpoint that ends TLS speaks to it; null: as the client spoke to us, in plain. */
  readonly termination: Termination | null;
}

/**
 * The servers that may run what a cancel request is about, which came to a listener with these endpoints: those with
 * sessions of any of them, or, where none has any, of their clusters.
 */
export function cancelTargets(doors: readonly EndpointContext[]): readonly CancelTarget[] {
  const targets = new Map<string, CancelTarget>();
  const take = ({ view, termination }: EndpointContext, instances: readonly InstanceId[]) => {
    for (const id of instances) {
      const instance = view().instances.get(id)?.instance;
      if (instance === undefined) continue;
      const key = formatAddress(instance.address);
      targets.set(key, { ...instance, termination: targets.get(key)?.termination ?? termination });
    }
  };
  for (const door of doors) take(door, door.registry.instancesOf(door.at));
  if (targets.size > 0) return [...targets.values()];
  for (const door of doors) take(door, door.registry.instancesIn(door.at.cluster));
  return [...targets.values()];
}

/** Requests to one listener that are passed on at a time; more are dropped. */
const maxCancels = 32;

/** The cancel requests that came to one listener. */
export class Cancels {
  #inFlight = 0;

  /** Passes one on to whatever runs sessions of `doors`, and calls `done` once it was dealt with. */
  serve(
    bytes: Uint8Array,
    doors: readonly EndpointContext[],
    { at, clock, logger, observer }: EndpointContext,
    done: () => void,
  ): void {
    if (this.#inFlight >= maxCancels) {
      tell(logger, 'cancel.dropped', at, 'too many cancel requests at a time: dropped one');
      done();
      return;
    }
    const servers = cancelTargets(doors);
    observer.cancelled(at, servers.length);
    this.#inFlight += 1;
    passCancel(bytes, servers, clock, () => {
      this.#inFlight -= 1;
      done();
    });
  }
}

/** A server that has not dealt with a cancel request by then is left alone. */
export const cancelTimeoutMs = 5_000;

/**
 * Passes a cancel request to each of `servers`, on a connection of its own, and calls `done` when all have closed
 * theirs, which a PostgreSQL server does after it has acted on the request (manual, "Canceling Requests in
 * Progress"); or after the deadline. A server that does not know the key ignores it.
 */
export function passCancel(
  bytes: Uint8Array,
  servers: readonly CancelTarget[],
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
      const leftMs = () => cancelTimeoutMs - (clock.now() - startedAt);
      secure(outcome.socket, server, clock, leftMs(), (socket) => {
        if (socket === null) oneDone();
        else deliver(socket, bytes, clock, leftMs(), oneDone);
      });
    });
  }
}

/**
 * Begins TLS where the endpoint's sessions have it to their servers: the key in a cancel request ends whatever its session
 * runs, so that it is nothing for whoever listens on the way. Null: there is none, though it is required.
 */
function secure(
  socket: Socket,
  { address, termination }: CancelTarget,
  clock: Clock,
  timeoutMs: number,
  done: (socket: Socket | null) => void,
): void {
  const encrypt = termination?.encryptServer ?? null;
  if (termination === null || encrypt === null) {
    done(socket);
    return;
  }
  encryptServer(socket, encrypt, termination.servers, address.host, timeoutMs, clock, (outcome) =>
    done(outcome.kind === 'ready' ? outcome.socket : null),
  );
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
