import type { EmbeddedCluster, EmbeddedOptions } from '../../src/demo/cluster.ts';
import { installedMysql } from '../../src/demo/mysql-binaries.ts';
import { type MysqlOptions, startMysqlCluster } from '../../src/demo/mysql-cluster.ts';
import { startPostgresCluster } from '../../src/demo/postgres-cluster.ts';
import { type CommandResult, runCommand } from '../../src/demo/run-command.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';

export { freePort } from '../../src/demo/free-port.ts';

/** A test context, or `{ after }` of node:test for servers that a whole file shares. */
export interface Cleanup {
  after(run: () => Promise<void>): void;
}

type WithoutDirectory<Options> = Omit<Options, 'directory'>;

/** A running PostgreSQL cluster, `pg-1` the writer; user and database `postgres`. Gone after the test. */
export function withPostgresCluster(
  t: Cleanup,
  options: WithoutDirectory<EmbeddedOptions>,
): Promise<EmbeddedCluster> {
  return withCluster(t, (directory) => startPostgresCluster({ ...options, directory }));
}

/**
 * A running MariaDB or MySQL cluster, `mysql-1` the writer; users `root` and `aurelay` with every privilege,
 * `replicator` for replication. Gone after the test. Only where `requireMariadb()` found a server.
 */
export function withMysqlCluster(
  t: Cleanup,
  options: WithoutDirectory<MysqlOptions>,
): Promise<EmbeddedCluster> {
  return withCluster(t, (directory) => startMysqlCluster({ ...options, directory }));
}

async function withCluster(
  t: Cleanup,
  start: (directory: string) => Promise<EmbeddedCluster>,
): Promise<EmbeddedCluster> {
  const folder = await makeTempFolder();
  let cluster: EmbeddedCluster | null = null;
  t.after(async () => {
    await cluster?.stop();
    await folder.remove();
  });
  cluster = await start(folder.path);
  return cluster;
}

let mariadb: Promise<false | string> | null = null;

/**
 * Finds a MariaDB or MySQL server, and as root on Debian installs one. Returns what `test(…, { skip }, …)` takes:
 * false, or why there is none. With `CI=true` a missing server throws instead.
 */
export function requireMariadb(): Promise<false | string> {
  mariadb ??= findOrInstall();
  return mariadb;
}

async function findOrInstall(): Promise<false | string> {
  if ((await installedMysql()) !== null) return false;
  const why = await install();
  if ((await installedMysql()) !== null) return false;
  const message = `no MariaDB or MySQL server here: ${why}`;
  if (process.env.CI === 'true') throw new Error(message);
  return message;
}

const installCommand = 'apt-get install -y --no-install-recommends mariadb-server-core';
/** Test files run side by side: wait for another's installation rather than fail. */
const lockTimeout = ['-o', 'DPkg::Lock::Timeout=180'];

async function install(): Promise<string> {
  const probe = await apt(['--version']);
  if (probe.status !== 0) return 'install mariadb-server (macOS: `brew install mariadb`)';
  if (process.getuid?.() !== 0) return `run \`${installCommand}\` as root`;
  const update = await apt(['update']);
  if (update.status !== 0) return `apt-get update failed: ${update.output.trim()}`;
  const [, ...args] = installCommand.split(' ');
  const result = await apt(args);
  return result.status === 0
    ? 'it was installed, but cannot be found'
    : `${installCommand} failed: ${result.output}`;
}

const apt = (args: readonly string[]): Promise<CommandResult> =>
  runCommand('env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', ...lockTimeout, ...args], {
    timeoutMs: 300_000,
  });
