import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** How a connection to a server is encrypted, and the certificate that the server showed. */
export interface ShownTls {
  /** `TLSv1.3`, … */
  readonly protocol: string;
  /** Milliseconds since 1970-01-01 UTC; null where it showed no certificate that can be read. */
  readonly expiresAt: number | null;
  /** The names that it is for, as in the certificate (`DNS:db1, IP Address:10.0.0.1`), or its common name. */
  readonly names: string;
  /** Why it would not be accepted with `verify-full`, by its name alone; null: it is for the server's name. */
  readonly nameFault: string | null;
}

/** Null for a connection in plain. `nameFault` says of a certificate what is wrong with its name. */
export function shownTls(
  socket: Socket | null,
  nameFault: (certificate: ReturnType<TLSSocket['getPeerCertificate']>) => string | null,
): ShownTls | null {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerCertificate();
  const expiresAt = Date.parse(certificate.valid_to ?? '');
  const commonName = [certificate.subject?.CN ?? []].flat().join(', ');
  return {
    protocol: socket.getProtocol() ?? 'TLS',
    expiresAt: Number.isNaN(expiresAt) ? null : expiresAt,
    names: certificate.subjectaltname ?? commonName,
    nameFault: Number.isNaN(expiresAt) ? null : nameFault(certificate),
  };
}
