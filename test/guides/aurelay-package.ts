import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const timeout = 300_000;

export interface AurelayPackage {
  readonly tarball: string;
  /** Where npm finds all that its installation needs without a network. */
  readonly npmCache: string;
  readonly npmRegistry: string;
}

/** What `npm pack` makes of this checkout, in `folder`. */
export async function packAurelay(folder: string): Promise<string> {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  if (scripts.prepack === undefined && scripts.prepare === undefined) await npm('run', 'build');
  await mkdir(folder, { recursive: true });
  await npm('pack', '--pack-destination', folder);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball');
  return join(folder, tarball);
}

/** Has npm keep in `npmCache` what the installation of a tarball needs, by installing it to `prefix`. */
export async function withNpmCache(
  tarball: string,
  npmCache: string,
  prefix: string,
): Promise<AurelayPackage> {
  const there = ['--global', '--prefix', prefix, '--cache', npmCache, '--ignore-scripts', '--prefer-offline'];
  await npm('install', ...there, resolve(tarball));
  return {
    tarball: resolve(tarball),
    npmCache,
    npmRegistry: (await npm('config', 'get', 'registry')).trim(),
  };
}

async function npm(...args: readonly string[]): Promise<string> {
  return (await run('npm', [...args], { cwd: root, timeout, maxBuffer: 2 ** 26 })).stdout;
}
