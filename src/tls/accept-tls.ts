import type { Socket } from 'node:net';
import { type SecureContext, TLSSocket } from 'node:tls';

/** How TLS of a client is ended. */
export interface Shown {
  /** With the certificate, its key and the oldest version; without renegotiation. */
  readonly context: SecureContext;
  /** The protocol that a client has to mean, where it names any. */
  readonly alpn: string | undefined;
}

/** Begins TLS with a client on its connection. The new socket emits `secure`, or closes; its `errored` says why. */
export function acceptTls(client: Socket, { context, alpn }: Shown): TLSSocket {
  const encrypted = new TLSSocket(client, {
    isServer: true,
    secureContext: context,
    ...(alpn === undefined ? {} : { ALPNProtocols: [alpn] }),
  });
  // A `tls.Server` would do both: here nobody else takes the socket over, and its errors would be kept from it.
  encrypted.disableRenegotiation();
  encrypted.on('_tlsError', (error: Error) => encrypted.destroy(error));
  return encrypted;
}
