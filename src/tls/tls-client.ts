import { isIP } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type PeerCertificate,
} from 'node:tls';
import type { ServerTls, TlsMode } from '../config/tls.ts';
import { describeTlsFailure, droppedAfterHandshake, isBreak, TlsFailed } from './tls-failed.ts';
import { oldestTls, type TlsMaterial } from './tls-files.ts';

/** How Aurelay speaks to the servers of one cluster, with the files as they are now: ask anew for each connection. */
export class TlsClient {
  readonly settings: ServerTls;
  readonly #material: () => Pick<TlsMaterial, 'context'>;

  constructor(settings: ServerTls, material: () => Pick<TlsMaterial, 'context'>) {
    this.settings = settings;
    this.#material = material;
  }

  get mode(): TlsMode {
    return this.settings.mode;
  }

  /** A server that offers no TLS is not to be spoken to. */
  get isRequired(): boolean {
    return this.mode !== 'disable' && this.mode !== 'prefer';
  }

  /**
   * For `tls.connect`, on a connection to the server whose address has `host`. The handshake fails where the server is
   * not whom the mode asks for; nothing of the session may be sent before `secureConnect`. Not with `disable`.
   */
  connectionOptions(host: string): ConnectionOptions {
    const name = this.#nameOf(host);
    const isVerified = this.mode === 'verify-ca' || this.mode === 'verify-full';
    return {
      secureContext: this.#material().context,
      rejectUnauthorized: isVerified,
      // Not the name that Node made up its mind about: given a socket to an IP address, that would be `localhost`.
      checkServerIdentity: (_, certificate) =>
        this.mode === 'verify-full' ? identityFault(name, certificate) : undefined,
      // RFC 6066, section 3: an address is no server name.
      ...(isIP(name) === 0 ? { servername: name } : {}),
    };
  }

  /**
   * Why the connection to `host` failed, with the remedy, where that was TLS; else `thrown` as it is. `isUnheard`: the
   * handshake was done, and nothing came from the server after it.
   */
  explain(thrown: unknown, host: string, isUnheard = false): unknown {
    const { ca, certificate } = this.settings;
    const failure = describeTlsFailure(thrown, { name: this.#nameOf(host), ca, certificate });
    if (failure !== null) return failure;
    return isUnheard && certificate !== null && isBreak(thrown)
      ? droppedAfterHandshake(certificate, thrown)
      : thrown;
  }

  /** Why `certificate` is not for the server whose address has `host`; null: it is. */
  nameFault(host: string, certificate: PeerCertificate): string | null {
    const name = this.#nameOf(host);
    return identityFault(name, certificate) === undefined ? null : `it is not for ${name}`;
  }

  /** The server has no TLS, and must. */
  declined(): TlsFailed {
    return new TlsFailed(
      `the server offers no TLS, and \`server_tls.mode\` is \`${this.mode}\`: enable TLS on the server, or set the mode to \`prefer\``,
    );
  }

  /** Without a dot at the end and an IPv6 address's zone, which no certificate has. */
  #nameOf(host: string): string {
    return (this.settings.serverName ?? host).replace(/\.$/, '').replace(/%.*$/, '');
  }
}

/** As libpq: where a certificate has no alternative names, its common name counts, for IP addresses too. */
function identityFault(name: string, certificate: PeerCertificate): Error | undefined {
  const fault = checkServerIdentity(name, certificate);
  const isCommonName = certificate.subjectaltname === undefined && certificate.subject?.CN === name;
  return isIP(name) !== 0 && isCommonName ? undefined : fault;
}

/** For what is not configured: never TLS. */
export const plainClient: TlsClient = new TlsClient(
  { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
  () => ({ context: createSecureContext({ minVersion: oldestTls }) }),
);
