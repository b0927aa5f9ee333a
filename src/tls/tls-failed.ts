import type { PeerCertificate } from 'node:tls';
import { messageOf } from '../base/errors.ts';

/** TLS with a server did not come about, and what to do about it. The server itself may be well. */
export class TlsFailed extends Error {
  override readonly name = 'TlsFailed';
  /** `denied`: one of the two did not accept the other. `protocol`: the other side does not speak TLS. */
  readonly reason: 'denied' | 'protocol';

  constructor(message: string, reason: 'denied' | 'protocol' = 'denied', cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }

  /** Why the attempt without TLS failed that came after this one, which may be no more than a consequence. */
  andThen(inPlain: unknown): unknown {
    if (inPlain instanceof Error) inPlain.message += ` (in TLS before: ${this.message})`;
    return inPlain;
  }
}

/** What Aurelay went by, for the texts. */
export interface Expectation {
  /** The name that was looked for in the certificate. */
  readonly name: string;
  readonly ca: string | null;
  /** Aurelay's own certificate. */
  readonly certificate: string | null;
}

/** In words, where `thrown` is TLS's own failure; null for any other, such as a broken connection. */
export function describeTlsFailure(thrown: unknown, expected: Expectation): TlsFailed | null {
  if (thrown instanceof TlsFailed) return thrown;
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  if (typeof code !== 'string') return null;
  const fault = verificationFault(code, thrown, expected);
  if (fault !== null) return new TlsFailed(fault, 'denied', thrown);
  if (!code.startsWith('ERR_SSL_') && !code.startsWith('ERR_TLS_') && code !== 'EPROTO') return null;
  const alert = alertFault(code, expected);
  if (alert !== null) return new TlsFailed(alert, 'denied', thrown);
  if (notTls.has(code)) {
    return new TlsFailed('what answers there begins TLS and then does not speak it', 'protocol', thrown);
  }
  return new TlsFailed(`TLS with the server failed: ${reasonOf(thrown)}`, 'denied', thrown);
}

const notTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);

/** OpenSSL's verification results by the names that Node gives them (openssl-verification-options). */
function verificationFault(
  code: string,
  thrown: unknown,
  { name, ca }: Pick<Expectation, 'name' | 'ca'>,
): string | null {
  const authority = ca === null ? 'a public authority' : `an authority in ${ca}`;
  switch (code) {
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
    case 'INVALID_CA':
      return `the server's certificate is not signed by ${authority}: set \`server_tls.ca\` to the authority that signed it`;
    case 'CERT_HAS_EXPIRED':
      return "the server's certificate, or its authority's, has expired: renew it on the server";
    case 'CERT_NOT_YET_VALID':
      return "the server's certificate is not valid yet: compare the clocks of the server and of this machine";
    case 'INVALID_PURPOSE':
      return "the server's certificate is not made for a server (extended key usage): give the server another one";
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the server's certificate is for ${namesIn(thrown)}, not for ${name}: set \`server_tls.server_name\`, or give the server a certificate for ${name}`;
    default:
      return code.startsWith('CERT_') || code.startsWith('CRL_')
        ? `the server's certificate: ${messageOf(thrown)}`
        : null;
  }
}

const breaks = new Set(['ECONNRESET', 'EPIPE', 'PROTOCOL_CONNECTION_LOST']);

export const isBreak = (thrown: unknown): boolean =>
  breaks.has((thrown as NodeJS.ErrnoException | null)?.code ?? '') ||
  messageOf(thrown).startsWith('Connection terminated');

/**
 * In TLS 1.3 a client is done before the server has looked at its certificate (RFC 8446, section 2), and writes on; then
 * the system's word that the connection is reset can come before the server's own that it did not accept it.
 */
export const droppedAfterHandshake = (certificate: string, cause: unknown): TlsFailed =>
  new TlsFailed(
    `the server hung up right after the TLS handshake, as one does that does not accept Aurelay's certificate (${certificate}): its log says more`,
    'denied',
    cause,
  );

const mostShown = 200;

/** A stranger's certificate can hold anything. */
function namesIn(thrown: unknown): string {
  const { subject, subjectaltname } = ((thrown as { cert?: PeerCertificate }).cert ??
    {}) as Partial<PeerCertificate>;
  const written = subjectaltname?.replaceAll(/DNS:|IP Address:/g, '') ?? String(subject?.CN ?? '');
  const names = written.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, mostShown);
  return names === '' ? 'no name at all' : names;
}

/** What the server said of Aurelay, as a TLS alert (RFC 8446, section 6.2). */
function alertFault(code: string, { certificate }: Expectation): string | null {
  const own = certificate === null ? null : `Aurelay's certificate (${certificate})`;
  if (
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED)/.test(
      code,
    ) &&
    own !== null
  ) {
    return `the server does not accept ${own}: set \`server_tls.certificate\` and \`key\` to one that its authority signed`;
  }
  if (/ALERT_CERTIFICATE_EXPIRED/.test(code) && own !== null)
    return `the server says that ${own} has expired: renew it`;
  if (/ALERT_CERTIFICATE_REQUIRED/.test(code) || (/ALERT_HANDSHAKE_FAILURE/.test(code) && own === null)) {
    return 'the server asks for a client certificate: set `server_tls.certificate` and `key`';
  }
  if (/UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION/.test(code)) {
    return 'the server does not speak TLS 1.2 or newer: enable that on the server';
  }
  return null;
}

/** OpenSSL's own text without its numbers: `error:0A000416:SSL routines:…:sslv3 alert certificate unknown:…`. */
function reasonOf(thrown: unknown): string {
  const reason = (thrown as { reason?: unknown }).reason;
  return typeof reason === 'string' ? reason : messageOf(thrown);
}
