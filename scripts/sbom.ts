/**
 * `npm run sbom`: sbom.cdx.json, what a package or an image is made of, as CycloneDX (cyclonedx.org): each production
 * dependency with its version, licence and hash.
 *
 * `npm sbom --omit dev` alone leaves out what production shares with development (`pg`, of which the demo's servers are
 * another user), so npm is shown a lock file without the latter. What npm makes up afresh each time, a serial number and the
 * time, is made from the content and the commit: one commit gives one file.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bundledIn,
  dependingOn,
  type Lock,
  type Manifest,
  production,
  productionLock,
  withBundled,
} from './production-lock.ts';
import { buildStamp } from './stamp-build.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = <Content>(name: string): Content =>
  JSON.parse(readFileSync(join(root, name), 'utf8')) as Content;

interface Bom {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp: string; readonly component: { readonly name: string } };
  readonly [field: string]: unknown;
}

/** The text of the file. */
export function sbom(manifest: Manifest, lock: Lock, builtAt: string | null): string {
  const { serialNumber: _, metadata, ...rest } = npmSbom(manifest, lock);
  // npm takes the name of the folder for that of the project.
  const component = { ...metadata.component, name: manifest.name };
  const content = { ...rest, metadata: { ...metadata, timestamp: builtAt ?? undefined, component } };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(content))}`;
  return `${JSON.stringify({ ...content, serialNumber }, null, 1)}\n`;
}

function npmSbom(manifest: Manifest, lock: Lock): Bom {
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-sbom-'));
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify(production(manifest)));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(productionLock(lock)));
    const options = [
      ...['--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'],
      '--no-update-notifier',
    ];
    const run = spawnSync('npm', ['sbom', ...options], { cwd: folder, encoding: 'utf8', timeout: 60_000 });
    if (run.status === 0) return JSON.parse(run.stdout) as Bom;
    throw new Error(`npm sbom failed: ${run.error?.message ?? run.stderr}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Version 8 of RFC 9562 (5.8), whose bits are whoever makes it to say: here those of a SHA-256. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { date } = buildStamp(process.env);
  const licences = join(root, 'dashboard/build/licences.txt');
  const bundled = existsSync(licences) ? bundledIn(readFileSync(licences, 'utf8')) : [];
  const lock = withBundled(read('package-lock.json'), bundled);
  const manifest = dependingOn(read<Manifest>('package.json'), lock, bundled);
  writeFileSync(join(root, 'sbom.cdx.json'), sbom(manifest, lock, date));
}
