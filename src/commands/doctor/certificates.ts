import type { ClusterId } from '../../base/brand.ts';
import type { Config } from '../../config/config.ts';
import type { CertificateFacts } from '../../diagnosis/subject.ts';
import type { CertificateStore } from '../../tls/certificate-store.ts';

/** Every certificate file of the configuration, with what it is for. Throws `TlsFilesInvalid`. */
export function lookAtCertificates(
  { admin, clusters }: Config,
  wanted: readonly ClusterId[],
  store: CertificateStore,
): readonly CertificateFacts[] {
  const uses = new Map<string, Omit<CertificateFacts, 'file' | 'expiresAt'>>();
  const note = (file: string | null, cluster: ClusterId | null, what: string): void => {
    if (file !== null && !uses.has(file)) uses.set(file, { cluster, what });
  };
  if (admin.tls !== null) {
    store.identity(admin.tls);
    note(admin.tls.certificate, null, 'the admin API');
  }
  for (const { id, serverTls, endpoints } of clusters.values()) {
    if (!wanted.includes(id)) continue;
    store.client(serverTls);
    note(serverTls.ca, id, 'server_tls');
    note(serverTls.certificate, id, 'server_tls');
    for (const { id: endpoint, tls } of endpoints.values()) {
      if (tls.mode !== 'terminate') continue;
      store.identity(tls);
      note(tls.certificate, id, `endpoint ${endpoint}`);
    }
  }
  return store.expiries().flatMap(({ file, at }): readonly CertificateFacts[] => {
    const use = uses.get(file);
    return use === undefined ? [] : [{ file, expiresAt: at, ...use }];
  });
}
