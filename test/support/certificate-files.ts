import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';
import type { Cleanup } from './servers.ts';

/** A certificate as the configuration names it: the paths of its files, gone after the test. */
export async function filesOf(
  t: Cleanup,
  { certificate, key }: Certificate,
): Promise<{ readonly certificate: string; readonly key: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-tls-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const files = { certificate: join(folder, 'server.pem'), key: join(folder, 'server.key') };
  await writeFile(files.certificate, certificate);
  await writeFile(files.key, key, { mode: 0o600 });
  return files;
}
