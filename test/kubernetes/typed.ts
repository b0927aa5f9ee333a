import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, root } from './manifests.ts';

const typesOf: Readonly<Record<string, string>> = {
  'apps/v1': 'apps/v1',
  v1: 'core/v1',
  'networking.k8s.io/v1': 'networking/v1',
  'policy/v1': 'policy/v1',
};

export const hasType = ({ value }: Manifest): boolean => Object.hasOwn(typesOf, value.apiVersion);

/** What the compiler says of the manifests by Kubernetes' own types; empty where nothing is wrong with them. */
export function typeErrors(manifests: readonly Manifest[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-manifests-'));
  try {
    const files = manifests.map(({ value }, index) => {
      const from = join(root, 'node_modules/kubernetes-types', typesOf[value.apiVersion] ?? '');
      const file = join(folder, `${index}.ts`);
      const text = JSON.stringify(value, null, 1);
      writeFileSync(
        file,
        `import type { ${value.kind} } from '${from}';\nexport const it = ${text} satisfies ${value.kind};\n`,
      );
      return file;
    });
    const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', ''];
    const tsc = [join(root, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', ...options, ...files];
    const { status, stdout, stderr } = spawnSync(process.execPath, tsc, { encoding: 'utf8', cwd: folder });
    return status === 0 ? '' : `${stdout}${stderr}` || 'the compiler failed';
  } finally {
    rmSync(folder, { recursive: true });
  }
}
