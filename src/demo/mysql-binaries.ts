import { access, constants, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EmbeddedClusterError } from './cluster.ts';
import { runCommand } from './run-command.ts';
import type { ServerUser } from './server-user.ts';

export type Flavour = 'mariadb' | 'mysql';

export interface MysqlBinaries {
  readonly flavour: Flavour;
  readonly server: string;
  /** MariaDB's script that fills a data directory; MySQL's server does that itself. */
  readonly installer: string | null;
  /** As the server says it: `10.11.6-MariaDB`, `8.4.3`. */
  readonly version: string;
  readonly major: number;
  readonly minor: number;
}

/** Servers are often where only root's PATH looks. */
const usualFolders = [
  ...['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', '/usr/libexec', '/usr/local/mysql/bin'],
  ...['/opt/homebrew/bin', '/opt/homebrew/opt/mariadb/bin', '/opt/homebrew/opt/mysql/bin'],
];

/** `given`, else the first `mariadbd` on the PATH or in the usual places, else the first `mysqld`. */
export async function findMysql(given: string | null, user: ServerUser | null): Promise<MysqlBinaries> {
  const server = given === null ? await searchServer(searchPath()) : await serverAt(given);
  const { status, output } = await runCommand(server, ['--version'], { user, timeoutMs: 20_000 });
  const version = /Ver ((\d+)\.(\d+)\.\d+(?:-MariaDB)?)/.exec(output);
  if (status !== 0 || version === null) {
    throw new EmbeddedClusterError(`${server} does not run: ${output.trim() || `exit status ${status}`}`);
  }
  const flavour: Flavour = output.includes('MariaDB') ? 'mariadb' : 'mysql';
  const installer = flavour === 'mariadb' ? await findInstaller(server) : null;
  return {
    ...{ flavour, server, installer, version: version[1] ?? '' },
    ...{ major: Number(version[2]), minor: Number(version[3]) },
  };
}

/** Null where this machine has no MySQL or MariaDB server. */
export const installedMysql = (): Promise<string | null> => searchServer(searchPath()).catch(() => null);

const searchPath = (): string[] => [
  ...(process.env.PATH ?? '').split(':').filter((folder) => folder.startsWith('/')),
  ...usualFolders,
];

async function searchServer(folders: readonly string[]): Promise<string> {
  const server = (await firstOf('mariadbd', folders)) ?? (await firstOf('mysqld', folders));
  if (server !== null) return server;
  throw new EmbeddedClusterError(
    'no MariaDB or MySQL server is installed (looked for mariadbd and mysqld on the PATH and in /usr/sbin). ' +
      'Install one: `apt-get install mariadb-server-core` on Debian or Ubuntu, `brew install mariadb` on macOS',
  );
}

async function serverAt(given: string): Promise<string> {
  const path = resolve(given);
  const found = await stat(path).catch(() => null);
  if (found === null) throw new EmbeddedClusterError(`there is no MySQL or MariaDB server at ${path}`);
  return found.isFile()
    ? path
    : searchServer([path, join(path, 'bin'), join(path, 'sbin'), join(path, 'libexec')]);
}

async function findInstaller(server: string): Promise<string> {
  const base = dirname(dirname(server));
  const near = [dirname(server), join(base, 'bin'), join(base, 'scripts')];
  const folders = [...near, ...searchPath()];
  const found =
    (await firstOf('mariadb-install-db', folders)) ?? (await firstOf('mysql_install_db', folders));
  if (found !== null) return found;
  throw new EmbeddedClusterError(
    `there is a ${basename(server)}, but no mariadb-install-db that belongs to it: ` +
      '`apt-get install mariadb-server-core` on Debian or Ubuntu has both',
  );
}

async function firstOf(name: string, folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const path = join(folder, name);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return null;
}
