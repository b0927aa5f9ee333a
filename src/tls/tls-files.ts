import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { messageOf } from '../base/errors.ts';

/** PEM files that belong together, by path; null where there is none of a kind. `certificate` and `key` come as a pair. */
export interface TlsFiles {
  readonly ca: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

/** The same for the same files. */
export const keyOf = ({ ca, certificate, key }: TlsFiles): string => JSON.stringify([ca, certificate, key]);

/** What the files hold, ready for use. */
export interface TlsMaterial {
  readonly context: SecureContext;
  /** The first certificate of `certificate`: the one that is shown to the other side. */
  readonly leaf: X509Certificate | null;
  readonly expiries: readonly Expiry[];
}

export interface Expiry {
  readonly file: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
}

/** A file is missing, unreadable, or not what it should be; names the file and what is wrong with it. */
export class TlsFilesInvalid extends Error {
  override readonly name = 'TlsFilesInvalid';
  readonly file: string;
  /** The message without the file's name. */
  readonly what: string;

  constructor(file: string, what: string) {
    super(`${file} ${what}`);
    this.file = file;
    this.what = what;
  }
}

/** 1.3 and 1.2, as libpq's own default has it. */
export const oldestTls = 'TLSv1.2';

/** The paths that are there, each once. */
export const pathsOf = ({ ca, certificate, key }: TlsFiles): readonly string[] => [
  ...new Set([ca, certificate, key].filter((path) => path !== null)),
];

/**
 * Makes of the contents of the files what TLS needs. `contents` has every path of `pathsOf`. Throws `TlsFilesInvalid`;
 * an expired certificate is none of its reasons.
 */
export function readMaterial(files: TlsFiles, contents: ReadonlyMap<string, string>): TlsMaterial {
  const { ca, certificate, key } = files;
  const textOf = (path: string): string => contents.get(path) ?? '';
  const authorities = ca === null ? [] : readCertificates(ca, textOf(ca));
  const chain = certificate === null ? [] : readCertificates(certificate, textOf(certificate));
  const leaf = chain[0] ?? null;
  if (leaf !== null && key !== null) {
    if (!leaf.checkPrivateKey(readKey(key, textOf(key)))) {
      throw new TlsFilesInvalid(key, 'is not the key of the certificate');
    }
  }
  return {
    context: contextOf(files, textOf),
    leaf,
    expiries: [
      // A new authority is often put beside the old one some time before that expires.
      ...(ca === null ? [] : [{ file: ca, at: Math.max(...authorities.map(expiryOf)) }]),
      ...(certificate === null ? [] : [{ file: certificate, at: Math.min(...chain.map(expiryOf)) }]),
    ],
  };
}

function contextOf({ ca, certificate, key }: TlsFiles, textOf: (path: string) => string): SecureContext {
  try {
    return createSecureContext({
      minVersion: oldestTls,
      ...(ca === null ? {} : { ca: textOf(ca) }),
      ...(certificate === null ? {} : { cert: textOf(certificate) }),
      ...(key === null ? {} : { key: textOf(key) }),
    });
  } catch (error) {
    // What OpenSSL finds too weak, for one.
    throw new TlsFilesInvalid(certificate ?? ca ?? 'TLS', `cannot be used: ${messageOf(error)}`);
  }
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function readCertificates(path: string, text: string): readonly X509Certificate[] {
  const blocks = text.match(certificateBlock) ?? [];
  if (blocks.length === 0) {
    throw new TlsFilesInvalid(path, 'holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)');
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw new TlsFilesInvalid(path, 'holds a certificate that cannot be read');
  }
}

/** OpenSSL's words are left out: they say less than the file's name. */
function readKey(path: string, text: string): KeyObject {
  if (/ENCRYPTED/.test(text)) {
    throw new TlsFilesInvalid(path, 'is encrypted with a passphrase: write it without one (openssl pkey)');
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw new TlsFilesInvalid(path, 'holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)');
  }
}

const expiryOf = (certificate: X509Certificate): number => Date.parse(certificate.validTo);

/** Why a file could not be read. */
export function unreadable(path: string, thrown: unknown): TlsFilesInvalid {
  if (thrown instanceof TlsFilesInvalid) return thrown;
  switch ((thrown as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return new TlsFilesInvalid(path, 'does not exist');
    case 'EACCES':
    case 'EPERM':
      return new TlsFilesInvalid(path, 'may not be read by this user');
    case 'EISDIR':
      return new TlsFilesInvalid(path, 'is a folder');
    default:
      return new TlsFilesInvalid(
        path,
        `cannot be read (${(thrown as NodeJS.ErrnoException).code ?? messageOf(thrown)})`,
      );
  }
}
