import { clustersOf, endpointsOf, error, warning } from './checks/check.ts';
import type { Finding } from './finding.ts';
import type { Inspection } from './inspection.ts';
import type { Path } from './outline.ts';

/** Files that belong together, as the configuration names them. */
export interface NamedTlsFiles {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export interface TlsFileTrouble {
  readonly which: keyof NamedTlsFiles;
  /** `does not exist`; without the path, which can come from the environment. */
  readonly what: string;
  /** Whether it can be used all the same. */
  readonly severity: 'error' | 'warning';
}

/** Looks into the files; resolves relative paths from the configuration's folder. Never throws. */
export type InspectTlsFiles = (files: NamedTlsFiles) => readonly TlsFileTrouble[];

const whatItIs: Readonly<Record<keyof NamedTlsFiles, string>> = {
  ca: 'the file with the authorities',
  certificate: 'the certificate file',
  key: 'the key file',
};

/** What is wrong with the files of every section that names any. */
export function* checkTlsFiles(inspection: Inspection, inspectFiles: InspectTlsFiles): Iterable<Finding> {
  for (const { path, files } of sectionsWithFiles(inspection)) {
    for (const { which, what, severity } of inspectFiles(files)) {
      const tell = severity === 'error' ? error : warning;
      yield tell('tls-file', [...path, which], `${whatItIs[which]} ${what}`);
    }
  }
}

function sectionsWithFiles(
  inspection: Inspection,
): readonly { readonly path: Path; readonly files: NamedTlsFiles }[] {
  const ofClusters = clustersOf(inspection).flatMap((cluster) => [
    { path: [...cluster.path, 'server_tls'], files: cluster.value.server_tls },
    ...endpointsOf(cluster).map(({ path, value }) => ({
      path: [...path, 'tls'],
      // TLS that passes through has no files.
      files: value.tls?.mode === 'terminate' ? value.tls : undefined,
    })),
  ]);
  const sections = [{ path: ['admin', 'tls'], files: inspection.settings.admin?.tls }, ...ofClusters];
  return sections.flatMap(({ path, files }) => (files === undefined ? [] : [{ path, files }]));
}
