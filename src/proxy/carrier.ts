import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { acceptTls, type Shown } from '../tls/accept-tls.ts';
import { ignore } from './linger.ts';

/** The connections below those of TLS. */
const carriers = new WeakMap<Socket, Socket>();

/** The TCP connection that carries `socket`: itself, where it has no TLS. */
export const carrierOf = (socket: Socket): Socket => carriers.get(socket) ?? socket;

/** Remembers what carries `encrypted`, which has an `error` listener for ever from here on. */
export function carriedBy<Encrypted extends TLSSocket>(encrypted: Encrypted, carrier: Socket): Encrypted {
  carriers.set(encrypted, carrier);
  encrypted.on('error', ignore);
  return encrypted;
}

/**
 * Begins TLS with a client on its connection, which is paused and has no reader; `received` came from it already, and is
 * TLS. The new socket emits `secure`, or closes; its `errored` says why.
 */
export function encryptClient(client: Socket, shown: Shown, received: Uint8Array): TLSSocket {
  if (received.length > 0) client.unshift(received);
  return carriedBy(acceptTls(client, shown), client);
}
