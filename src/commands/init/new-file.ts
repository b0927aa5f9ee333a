import { constants, existsSync } from 'node:fs';
import { access, link, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** The file is there, and was not to be replaced. */
export class FileExists extends Error {
  override readonly name = 'FileExists';

  constructor(path: string) {
    super(`${path} exists: give another --output, or --force to replace it`);
  }
}

/** Its folder is not there, or not ours. */
export class FileUnwritable extends Error {
  override readonly name = 'FileUnwritable';

  constructor(path: string, { code }: NodeJS.ErrnoException) {
    const folder = dirname(resolve(path));
    super(
      code === 'ENOENT'
        ? `${folder} does not exist: make it, or give another --output`
        : `${folder} cannot be written to (${code}): give another --output`,
    );
  }
}

/** For an early word; `writeNewFile` looks again. */
export function refuseExisting(path: string, force: boolean): void {
  if (!force && existsSync(path)) throw new FileExists(path);
}

/** For an early word, too. Throws `FileUnwritable`. */
export async function refuseUnwritable(path: string): Promise<void> {
  await access(dirname(resolve(path)), constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw new FileUnwritable(path, error);
  });
}

/** Of whoever writes it alone: people put passwords into configurations, whatever one tells them. */
const mode = 0o600;

/** The whole file or none; another one of that name is replaced with `force` only, however late it comes. */
export async function writeNewFile(path: string, text: string, force: boolean): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    if (force) await rename(temporary, path);
    else await linkNew(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Unlike a rename, a link replaces nothing. */
async function linkNew(from: string, path: string): Promise<void> {
  try {
    await link(from, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new FileExists(path);
    // No links on this file system.
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    refuseExisting(path, false);
    await rename(from, path);
  }
}
