import {
  chmod,
  chown,
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readlink,
  symlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerUser } from './server-user.ts';

export interface CopyOptions {
  /** Who is to own the copy; null: we do. */
  readonly owner: ServerUser | null;
  /** Whether to leave out a file or folder, by its path below the top (`base/1/1259`). */
  readonly skip?: (path: string) => boolean;
  /** Share the bytes with the source where the file system allows: for files that nobody writes. */
  readonly hardLinks?: boolean;
}

/** Copies a folder into `target`, which is made; what vanishes from the source meanwhile is left out. */
export async function copyTree(
  source: string,
  target: string,
  options: CopyOptions,
  below = '',
): Promise<void> {
  await mkdir(target, { recursive: true });
  const entries = await readdir(source, { withFileTypes: true });
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (options.skip?.(path)) continue;
    const from = join(source, entry.name);
    const to = join(target, entry.name);
    if (entry.isDirectory()) await copyTree(from, to, options, path);
    else await copyEntry(from, to, entry.isSymbolicLink(), options).catch(unlessVanished);
  }
  await chmod(target, (await lstat(source)).mode & 0o7777);
  if (options.owner !== null) await chown(target, options.owner.uid, options.owner.gid);
}

async function copyEntry(from: string, to: string, isLink: boolean, options: CopyOptions): Promise<void> {
  if (isLink) return symlink(await readlink(from), to);
  if (options.hardLinks && (await isLinked(from, to))) return;
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  if (options.owner !== null) await chown(to, options.owner.uid, options.owner.gid);
}

const isLinked = (from: string, to: string): Promise<boolean> =>
  link(from, to).then(
    () => true,
    () => false,
  );

function unlessVanished(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
