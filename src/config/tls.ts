/** As libpq's `sslmode` (PostgreSQL manual, "SSL Support", table "SSL Mode Descriptions"), without `allow`. */
export const tlsModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;

/**
 * `disable` never TLS · `prefer` TLS where the server can, else plain · `require` TLS, whoever it is · `verify-ca` TLS
 * with a server whose certificate is signed by the authority · `verify-full` and is for the server's name.
 */
export type TlsMode = (typeof tlsModes)[number];

/** How Aurelay speaks to the servers of a cluster. Files are PEM, with absolute paths. */
export interface ServerTls {
  readonly mode: TlsMode;
  /** Authorities that a server's certificate may be signed by; null: the public ones. */
  readonly ca: string | null;
  /** Aurelay's own certificate, for servers that ask for one; comes with `key`. */
  readonly certificate: string | null;
  readonly key: string | null;
  /** Sent as SNI and verified, in place of the host of the server's address. */
  readonly serverName: string | null;
}

export const defaultServerTls: ServerTls = {
  mode: 'prefer',
  ca: null,
  certificate: null,
  key: null,
  serverName: null,
};
