import type { ServerUser } from './server-user.ts';

/** How a person starts a server again that was killed, in a shell like the one the demo runs in. */
export function startCommand(
  file: string,
  args: readonly string[],
  options: { readonly user: ServerUser | null; readonly directory: string; readonly logFile: string },
): string {
  const { user, directory, logFile } = options;
  const server = [file, ...args].map(quote).join(' ');
  const command = user === null ? server : `${asUser(user)} ${server}`;
  return `(cd ${quote(directory)} && exec ${command} >>${quote(logFile)} 2>&1) &`;
}

const asUser = ({ uid, gid }: ServerUser): string =>
  process.platform === 'linux' ? `setpriv --reuid=${uid} --regid=${gid} --clear-groups` : `sudo -u '#${uid}'`;

const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
