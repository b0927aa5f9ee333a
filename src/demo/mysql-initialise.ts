import { chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EmbeddedClusterError } from './cluster.ts';
import { guard } from './guard.ts';
import type { MysqlBinaries } from './mysql-binaries.ts';
import { accountStatements } from './mysql-settings.ts';
import { removeFolder } from './remove-folder.ts';
import { runCommand } from './run-command.ts';
import type { ServerUser } from './server-user.ts';

const initialiseDeadlineMs = 180_000;

export interface DataFolder {
  readonly id: string;
  /** To be filled; made by this. */
  readonly dataDirectory: string;
  readonly settingsFile: string;
  readonly pidFile: string;
  readonly user: ServerUser | null;
  readonly rootHonoursReadOnly: boolean;
}

/** Fills a data folder with the system tables and the accounts. No GTID is used up: every instance starts equal. */
export async function initialiseMysql(binaries: MysqlBinaries, folder: DataFolder): Promise<void> {
  const { dataDirectory, pidFile, user } = folder;
  await mkdir(dataDirectory, { mode: 0o700 });
  if (user !== null) await chown(dataDirectory, user.uid, user.gid);
  const liftGuard = guard({ kind: 'server', dataDirectory, pidFile });
  try {
    const statements = accountStatements({ ...folder, flavour: binaries.flavour });
    if (binaries.flavour === 'mariadb') await initialiseMariadb(binaries, folder, statements);
    else await initialiseOracleMysql(binaries, folder, statements);
  } finally {
    liftGuard();
  }
}

/** All that a server needs to be told when it runs as root. */
export const rootArguments = (user: ServerUser | null): string[] =>
  user === null && process.getuid?.() === 0 ? ['--user=root'] : [];

/** MariaDB's script, and then the accounts through a server that reads SQL from its input and no privilege tables. */
async function initialiseMariadb(
  { server, installer }: MysqlBinaries,
  folder: DataFolder,
  statements: readonly string[],
): Promise<void> {
  const where = [`--defaults-file=${folder.settingsFile}`];
  const options = [
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--innodb-flush-log-at-trx-commit=0',
  ];
  await run(installer ?? '', [...where, ...options, ...rootArguments(folder.user)], folder, null);
  const bootstrap = ['--bootstrap', '--skip-log-bin', '--read-only=0', ...rootArguments(folder.user)];
  await run(server, [...where, ...bootstrap], folder, ['FLUSH PRIVILEGES;', ...statements, ''].join('\n'));
}

async function initialiseOracleMysql(
  { server }: MysqlBinaries,
  folder: DataFolder,
  statements: readonly string[],
): Promise<void> {
  const initFile = join(folder.dataDirectory, '..', 'accounts.sql');
  await writeFile(initFile, `${statements.join('\n')}\n`, { mode: 0o644 });
  const where = [
    `--defaults-file=${folder.settingsFile}`,
    '--initialize-insecure',
    `--init-file=${initFile}`,
  ];
  const options = ['--skip-log-bin', '--super-read-only=0', '--read-only=0', ...rootArguments(folder.user)];
  await run(server, [...where, ...options], folder, null);
  await removeFolder(initFile);
}

async function run(
  file: string,
  args: readonly string[],
  { id, user, dataDirectory }: DataFolder,
  input: string | null,
): Promise<void> {
  const result = await runCommand(file, args, {
    user,
    cwd: dataDirectory,
    timeoutMs: initialiseDeadlineMs,
    ...(input === null ? {} : { input }),
  });
  if (result.status === 0) return;
  throw new EmbeddedClusterError(`${file} could not make the data of ${id}:\n${result.output.trim()}`);
}
