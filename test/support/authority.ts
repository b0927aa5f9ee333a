import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';
import { runProgram } from './programs.ts';
import type { Cleanup } from './servers.ts';

export interface Request {
  readonly commonName: string;
  /** As openssl writes them: `DNS:localhost,IP:127.0.0.1`; none: no alternative names at all. */
  readonly names?: string;
  /** From now; a negative number: it has expired. */
  readonly days?: number;
}

/** A certificate authority of a test's own. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  issue(request: Request): Promise<Certificate>;
}

/** Only where `certificateMissing()` is false. Its files are gone after the test. */
export async function makeAuthority(t: Cleanup, name: string): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-authority-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = (of: string): string => join(folder, of);
  const openssl = async (...args: readonly string[]): Promise<void> => {
    const { status, stderr } = await runProgram(t, 'openssl', args);
    if (status !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
  };
  const newKey = (key: string): readonly string[] => [
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', file(key)],
  ];
  await openssl(
    'req',
    '-x509',
    ...newKey('ca.key'),
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-out',
    file('ca.pem'),
  );
  let issued = 0;
  return {
    certificate: await readFile(file('ca.pem'), 'utf8'),
    async issue({ commonName, names, days = 2 }) {
      issued += 1;
      const [key, request, certificate] = ['key', 'csr', 'pem'].map((kind) => `${issued}.${kind}`) as [
        string,
        string,
        string,
      ];
      await openssl('req', ...newKey(key), '-subj', `/CN=${commonName}`, '-out', file(request));
      const extensions = names === undefined ? 'basicConstraints=CA:FALSE' : `subjectAltName=${names}`;
      await writeFile(file('extensions'), `${extensions}\n`);
      await openssl(
        ...['x509', '-req', '-in', file(request), '-CA', file('ca.pem'), '-CAkey', file('ca.key')],
        ...['-CAcreateserial', '-days', String(days), '-extfile', file('extensions')],
        ...['-out', file(certificate)],
      );
      return {
        certificate: await readFile(file(certificate), 'utf8'),
        key: await readFile(file(key), 'utf8'),
      };
    },
  };
}
