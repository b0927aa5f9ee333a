import { chmod, stat } from 'node:fs/promises';
import { EmbeddedClusterError } from './cluster.ts';
import { runCommand } from './run-command.ts';

/** The account that a server runs under when we are root: PostgreSQL refuses root, and no server needs it. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

const accounts = ['nobody', 'postgres', 'mysql', 'daemon'];

/**
 * The account to run servers under; null: our own, because we are not root. Data of an earlier run stays with the
 * account that owns it.
 */
export async function chooseServerUser(existingData: string | null): Promise<ServerUser | null> {
  if (process.getuid?.() !== 0) return null;
  const owner = existingData === null ? null : await stat(existingData);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const account of accounts) {
    const user = await lookUp(account);
    if (user !== null && (await runCommand('true', [], { user, timeoutMs: 5000 })).status === 0) return user;
  }
  throw new EmbeddedClusterError(
    `database servers do not run as root, and none of the accounts ${accounts.join(', ')} can be used: run the demo as a plain user`,
  );
}

async function lookUp(account: string): Promise<ServerUser | null> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map((flag) => runCommand('id', [flag, account], { timeoutMs: 5000 })),
  );
  if (uid?.status !== 0 || gid?.status !== 0) return null;
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

/** Lets `user` pass through a folder that only root could enter. The folders above it are left as they are. */
export async function letThrough(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { mode, uid } = await stat(folder);
  if (uid === 0 && (mode & 0o011) !== 0o011) await chmod(folder, (mode & 0o7777) | 0o011);
}

/** Whether `user` can enter and write `folder` by its path. */
export async function canWrite(user: ServerUser | null, folder: string): Promise<boolean> {
  const { status } = await runCommand('test', ['-w', folder, '-a', '-x', folder], { user, timeoutMs: 5000 });
  return status === 0;
}
