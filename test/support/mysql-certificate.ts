import { join } from 'node:path';
import type { EmbeddedInstance } from '../../src/demo/cluster.ts';
import type { Certificate } from './certificate.ts';
import { appendServerFile, writeServerFile } from './server-files.ts';

/** Has a MySQL or MariaDB server show `tls`, with further `settings`. It is started anew: only then every version reads them. */
export async function showCertificate(
  instance: EmbeddedInstance,
  tls: Certificate,
  settings: readonly string[] = [],
): Promise<void> {
  const [key, pem] = [join(instance.directory, 'key.pem'), join(instance.directory, 'certificate.pem')];
  await writeServerFile(key, tls.key);
  await writeServerFile(pem, tls.certificate);
  await appendServerFile(join(instance.directory, 'my.cnf'), [
    ...[`ssl_cert=${pem}`, `ssl_key=${key}`],
    ...settings,
  ]);
  await instance.stop();
  await instance.start();
}
