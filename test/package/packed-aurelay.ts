import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Lock, productionLock } from '../../scripts/production-lock.ts';
import { runProgram } from '../support/programs.ts';
import type { Cleanup } from '../support/servers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface PackedAurelay {
  /** What the tarball has, by its path in it. */
  readonly files: readonly string[];
  /** A project of somebody else, with Aurelay in its node_modules as npm installs it. */
  readonly project: string;
  /** `project/node_modules/aurelay`. */
  readonly installed: string;
}

/** npm asks the registry for nothing: packing needs none. */
const quiet = { npm_config_update_notifier: 'false', npm_config_audit: 'false', npm_config_offline: 'true' };

/** Whatever else lies in the root is no source. */
const sourceFolders = ['src', 'scripts', 'native', 'config', 'docs', 'dashboard'];

/**
 * Packs a copy of this checkout, so that nothing is built under the feet of other tests, and installs that with copies of
 * the production dependencies: a dependency that is only there in development is missed.
 */
export async function packAurelay(scope: Cleanup, build: string): Promise<PackedAurelay> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-package-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  const checkout = join(folder, 'checkout');
  await copySources(checkout);
  const env = { HOME: folder, AURELAY_BUILD: build, SOURCE_DATE_EPOCH: '1795392000', ...quiet };
  const packed = await runProgram(scope, 'npm', ['pack', '--pack-destination', folder], {
    cwd: checkout,
    env,
  });
  if (packed.status !== 0) throw new Error(`npm pack failed:\n${packed.stdout}\n${packed.stderr}`);
  const tarball = (await readdir(folder)).find((file) => file.endsWith('.tgz')) ?? '';
  const project = join(folder, 'project');
  const installed = join(project, 'node_modules', 'aurelay');
  await mkdir(installed, { recursive: true });
  const unpack = ['-xzvf', join(folder, tarball), '--strip-components=1', '-C', installed];
  const { stdout } = await runProgram(scope, 'tar', unpack);
  await copyDependencies(join(project, 'node_modules'));
  await runProgram(scope, process.execPath, ['native/build.mjs'], { cwd: installed });
  const files = stdout.split('\n').filter((file) => file !== '');
  return { files: files.map((file) => file.replace(/^package\//, '')), project, installed };
}

async function copySources(checkout: string): Promise<void> {
  for (const entry of await readdir(root, { withFileTypes: true })) {
    const wanted = entry.isFile() ? !entry.name.endsWith('.tgz') : sourceFolders.includes(entry.name);
    if (!wanted) continue;
    const filter = (path: string): boolean =>
      !/^(native|dashboard)\/build(\/|$)/.test(path.slice(root.length));
    await cp(join(root, entry.name), join(checkout, entry.name), { recursive: true, filter });
  }
  await symlink(join(root, 'node_modules'), join(checkout, 'node_modules'));
}

async function copyDependencies(nodeModules: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as Lock;
  for (const path of Object.keys(productionLock(lock).packages)) {
    if (path === '') continue;
    const target = join(nodeModules, path.slice('node_modules/'.length));
    await mkdir(dirname(target), { recursive: true });
    await cp(join(root, path), target, { recursive: true });
  }
}
