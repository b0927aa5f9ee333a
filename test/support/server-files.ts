import { chmod, chown, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes a file that a server can read and nobody else, as the account that owns the folder. */
export async function writeServerFile(file: string, text: string): Promise<void> {
  const { uid, gid } = await stat(dirname(file));
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600);
  await chown(file, uid, gid);
}

/** Puts lines in front of what a server's file says already. */
export async function prependServerFile(file: string, lines: readonly string[]): Promise<void> {
  await writeServerFile(file, `${lines.join('\n')}\n${await readFile(file, 'utf8')}`);
}

/** Puts lines behind what a server's file says already. */
export async function appendServerFile(file: string, lines: readonly string[]): Promise<void> {
  await writeServerFile(file, `${await readFile(file, 'utf8')}\n${lines.join('\n')}\n`);
}
