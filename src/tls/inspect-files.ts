import { readFileSync } from 'node:fs';
import type { NamedTlsFiles, TlsFileTrouble } from '../config/tls-files.ts';
import { readMaterial, type TlsFiles, TlsFilesInvalid, type TlsMaterial, unreadable } from './tls-files.ts';

/** Certificates that expire within this are worth a word when somebody looks. */
const soonMs = 14 * 24 * 3_600_000;

/**
 * What is wrong with PEM files of a configuration, for `aurelay check`; `resolvePath` makes a path absolute. An expired
 * certificate is a warning: the other side decides whether it takes it.
 */
export function inspectTlsFiles(
  named: NamedTlsFiles,
  resolvePath: (path: string) => string,
  now: number,
): readonly TlsFileTrouble[] {
  const troubles: TlsFileTrouble[] = [];
  const contents = new Map<string, string>();
  const fileOf = (which: keyof NamedTlsFiles): string | null => {
    const written = named[which];
    if (written === undefined) return null;
    const path = resolvePath(written);
    try {
      contents.set(path, readFileSync(path, 'utf8'));
      return path;
    } catch (error) {
      troubles.push({ which, what: unreadable(path, error).what, severity: 'error' });
      return null;
    }
  };
  const files: TlsFiles = { ca: fileOf('ca'), certificate: fileOf('certificate'), key: fileOf('key') };
  // One by one first, so that what is wrong with one does not hide what is wrong with another.
  const whole = [
    { ...nothing, ca: files.ca },
    { ...files, ca: null },
  ];
  for (const part of whole) {
    try {
      troubles.push(...expired(part, readMaterial(part, contents), now));
    } catch (error) {
      troubles.push(troubleOf(error, files));
    }
  }
  return troubles;
}

const nothing: TlsFiles = { ca: null, certificate: null, key: null };

function troubleOf(error: unknown, files: TlsFiles): TlsFileTrouble {
  if (!(error instanceof TlsFilesInvalid)) throw error;
  const which = (['ca', 'certificate', 'key'] as const).find((one) => files[one] === error.file);
  return { which: which ?? 'certificate', what: error.what, severity: 'error' };
}

function expired(files: TlsFiles, { expiries }: TlsMaterial, now: number): readonly TlsFileTrouble[] {
  return expiries.flatMap(({ file, at }): readonly TlsFileTrouble[] => {
    if (at > now + soonMs) return [];
    const day = new Date(at).toISOString().slice(0, 10);
    const what =
      at > now ? `holds a certificate that expires on ${day}` : `holds a certificate that expired on ${day}`;
    return [{ which: file === files.ca ? 'ca' : 'certificate', what, severity: 'warning' }];
  });
}
