import { chmod, chown, rename, writeFile } from 'node:fs/promises';
import type { ServerUser } from './server-user.ts';

/** Replaces a file that belongs to a server, in one step; readable by its account and by nobody else. */
export async function writeOwned(file: string, text: string, owner: ServerUser | null): Promise<void> {
  await writeFile(`${file}.new`, text);
  await chmod(`${file}.new`, 0o600);
  if (owner !== null) await chown(`${file}.new`, owner.uid, owner.gid);
  await rename(`${file}.new`, file);
}
