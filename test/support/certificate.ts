import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programMissing, runProgram } from './programs.ts';
import type { Cleanup } from './servers.ts';

export interface Certificate {
  /** Both as PEM. The certificate is its own authority and names this machine. */
  readonly certificate: string;
  readonly key: string;
}

/** What `test(…, { skip }, …)` takes: false where certificates can be made. */
export const certificateMissing = (): false | string => programMissing('openssl');

export async function makeCertificate(t: Cleanup): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-certificate-'));
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const { status, stderr } = await runProgram(t, 'openssl', [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', certificate],
    ]);
    if (status !== 0) throw new Error(`openssl made no certificate: ${stderr}`);
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
