import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';
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

/** How a client's TLS is ended. */
export interface Shown {
  /** With the certificate, its key and the oldest version; without renegotiation. */
  readonly context: SecureContext;
  /** The protocol that a client has to mean, where it names any. */
  readonly alpn: string | undefined;
}

/**
 * Begins TLS with a client on its connection, which is paused and has no reader; `received` came from it already, and is
 * TLS. The new socket emits `secure`, or closes; its `errored` says why.
 */
export function encryptClient(client: Socket, { context, alpn }: Shown, received: Uint8Array): TLSSocket {
  if (received.length > 0) client.unshift(received);
  const encrypted = new TLSSocket(client, {
    isServer: true,
    secureContext: context,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  });
  // A `tls.Server` would do both: here nobody else takes the socket over, and its errors would be kept from it.
  encrypted.disableRenegotiation();
  encrypted.on('_tlsError', (error: Error) => encrypted.destroy(error));
  return carriedBy(encrypted, client);
}
