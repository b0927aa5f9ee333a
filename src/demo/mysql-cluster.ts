import { randomInt } from 'node:crypto';
import { chown, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../base/errors.ts';
import {
  type EmbeddedCluster,
  EmbeddedClusterError,
  type EmbeddedInstance,
  type EmbeddedOptions,
} from './cluster.ts';
import {
  type ClusterFolder,
  openClusterFolder,
  planAndRecord,
  recordComplete,
  replaceData,
  type ServerFiles,
  stopLeftovers,
} from './cluster-folder.ts';
import { copyTree } from './copy-tree.ts';
import { movedPorts, type PlannedInstance } from './instance-plan.ts';
import { findMysql, type MysqlBinaries } from './mysql-binaries.ts';
import { initialiseMysql, rootArguments } from './mysql-initialise.ts';
import { firstRow, withMysql } from './mysql-query.ts';
import {
  makeWritable,
  moveSource,
  readReplication,
  replicateFrom,
  untilReplicating,
} from './mysql-replication.ts';
import { mysqlSettings, withMysqlPort, withServerId } from './mysql-settings.ts';
import { type RejoinPair, Rejoins } from './rejoins.ts';
import { removeFolder } from './remove-folder.ts';
import { ServerProcess } from './server-process.ts';
import { canWrite, type ServerUser } from './server-user.ts';
import { startCommand } from './start-command.ts';
import { stopInstances } from './stop-instances.ts';
import { writeOwned } from './write-owned.ts';

export interface MysqlOptions extends EmbeddedOptions {
  /**
   * Whether `root` is refused on a read-only server like any other user (default false: `root` has every privilege).
   * Fixed when the data directory is made.
   */
  readonly rootHonoursReadOnly?: boolean;
}

/** Everything that the steps of a start share. */
interface Making {
  readonly options: MysqlOptions;
  readonly onProgress: (line: string) => void;
  readonly directory: string;
  /** The account that the servers run under; null: our own. */
  readonly user: ServerUser | null;
  readonly binaries: MysqlBinaries;
  readonly durable: boolean;
}

interface MysqlInstance extends EmbeddedInstance {
  readonly planned: PlannedInstance;
  readonly dataDirectory: string;
  readonly settingsFile: string;
  readonly pidFile: string;
}

/**
 * Starts a MariaDB or MySQL writer, `mysql-1`, and replicas that follow it by GTID, or what an earlier run left of them.
 * The users `root`, `aurelay` (both with every privilege) and `replicator` have no password, and get in on 127.0.0.1
 * only. Throws an `EmbeddedClusterError`, with nothing left running.
 *
 * Every instance comes up read-only. On a first start `mysql-1` is made writable; on kept data, the instance that most
 * others replicate from, among those that replicate from none.
 */
export async function startMysqlCluster(options: MysqlOptions): Promise<EmbeddedCluster> {
  const onProgress = options.onProgress ?? (() => {});
  const folder = await openClusterFolder('mysql', options.directory);
  let instances: MysqlInstance[] = [];
  let rejoins: Rejoins<MysqlInstance> | null = null;
  const stop = async () => {
    try {
      await rejoins?.stop();
      await stopInstances(instances);
    } finally {
      folder.release();
    }
  };
  try {
    await stopLeftovers(folder, serverFiles, 'SIGTERM', onProgress);
    const user = await usableAccount(folder, onProgress);
    const binaries = await findMysql(options.binaries ?? null, user);
    const { plan, data } = await planAndRecord('mysql', 'mysql', folder, options, binaries.version);
    const { directory } = folder;
    const making: Making = { options, onProgress, directory, user, binaries, durable: data.durable };
    const serverIds = chooseServerIds(plan);
    instances = await Promise.all(
      plan.map((planned, index) => createInstance(making, planned, serverIds[index] ?? planned.number)),
    );
    await startKept(making, instances);
    await makeMissing(making, instances);
    await recordComplete('mysql', folder, data, plan);
    const running = new Rejoins<MysqlInstance>(
      () => instances,
      (pair) => bringBack(making, folder, pair),
    );
    rejoins = running;
    const rejoin: EmbeddedCluster['rejoin'] = (id, options) => running.run(id, options);
    return { engine: 'mysql', version: binaries.version, instances, rejoin, stop };
  } catch (error) {
    await stop().catch((failure) => onProgress(messageOf(failure)));
    throw error;
  }
}

const serverFiles = (directory: string): ServerFiles => ({
  pidFile: join(directory, 'mysqld.pid'),
  dataDirectory: join(directory, 'data'),
});

/**
 * A data directory below a folder that only root may enter (a checkout in `/root`) has no path that another account
 * could use; MariaDB and MySQL, unlike PostgreSQL, can then run as root.
 */
async function usableAccount(
  { directory, user }: ClusterFolder,
  onProgress: (line: string) => void,
): Promise<ServerUser | null> {
  if (user === null) return null;
  const trial = join(directory, '.trial');
  await mkdir(trial, { recursive: true });
  await chown(trial, user.uid, user.gid);
  const isUsable = await canWrite(user, trial);
  await removeFolder(trial);
  if (isUsable) return user;
  onProgress(`only root can enter ${directory}: the MySQL servers run as root`);
  return null;
}

/**
 * 1, 2, … in a new cluster. One that is made beside kept data gets a number that nobody had: a replica passes over what
 * comes with its own server id, so one with the id of an earlier writer would lose all that this writer wrote.
 */
const chooseServerIds = (plan: readonly PlannedInstance[]): number[] => {
  const isAllNew = plan.every(({ isKept }) => !isKept);
  return plan.map(({ number }) => (isAllNew ? number : newServerId()));
};

const newServerId = (): number => randomInt(1000, 2 ** 31);

async function createInstance(
  making: Making,
  planned: PlannedInstance,
  serverId: number,
): Promise<MysqlInstance> {
  const { options, onProgress, user, binaries } = making;
  const { id, port, directory, logFile } = planned;
  const { pidFile, dataDirectory } = serverFiles(directory);
  const settingsFile = join(directory, 'my.cnf');
  if (!planned.isKept) {
    await removeFolder(directory);
    await mkdir(directory, { recursive: true, mode: 0o755 });
    const tmpDirectory = join(directory, 'tmp');
    await mkdir(tmpDirectory, { mode: 0o700 });
    if (user !== null) {
      for (const folder of [directory, tmpDirectory]) await chown(folder, user.uid, user.gid);
    }
    const { flavour } = binaries;
    const settings = {
      flavour,
      serverId,
      port,
      dataDirectory,
      tmpDirectory,
      pidFile,
      durable: making.durable,
    };
    await writeOwned(settingsFile, mysqlSettings(settings), user);
  }
  const args = [`--defaults-file=${settingsFile}`, ...rootArguments(user)];
  const server = new ServerProcess({
    ...{ id, pidFile, dataDirectory, user, logFile, onProgress },
    command: { file: binaries.server, args },
    stopSignal: 'SIGTERM',
    isReady: (pid) => isReady(pidFile, port, pid),
    signal: options.signal ?? null,
  });
  return {
    ...{ id, port, directory, planned, dataDirectory, settingsFile, pidFile },
    startCommand: startCommand(binaries.server, args, { user, directory: dataDirectory, logFile }),
    pid: () => server.pid(),
    kill: (signal) => server.kill(signal),
    start: () => server.start(),
    stop: () => server.stop(),
  };
}

async function isReady(pidFile: string, port: number, pid: number): Promise<boolean> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  if (Number.parseInt(text, 10) !== pid) return false;
  return withMysql(port, (connection) => firstRow(connection, 'SELECT 1')).then(
    () => true,
    () => false,
  );
}

/** Starts what an earlier run left. An instance that does not start is left out, with a word about it. */
async function startKept(making: Making, instances: readonly MysqlInstance[]): Promise<void> {
  const kept = instances.filter(({ planned }) => planned.isKept);
  if (kept.length === 0) return;
  const { onProgress, binaries, user, options } = making;
  onProgress(`starting ${nameOf(binaries)} on the data in ${making.directory}`);
  const results = await Promise.allSettled(
    kept.map(async ({ settingsFile, port, start }) => {
      const settings = await readFile(settingsFile, 'utf8');
      await writeOwned(settingsFile, withMysqlPort(settings, port), user);
      await start();
    }),
  );
  options.signal?.throwIfAborted();
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length === kept.length) throw failures[0];
  for (const failure of failures) onProgress(messageOf(failure));
  await openKeptWriter(
    making,
    instances,
    kept.filter((_, index) => results[index]?.status === 'fulfilled'),
  );
}

async function openKeptWriter(
  { binaries: { flavour }, onProgress }: Making,
  all: readonly MysqlInstance[],
  running: readonly MysqlInstance[],
): Promise<void> {
  const moved = movedPorts(all.map(({ planned }) => planned));
  const states = await Promise.all(
    running.map(async (instance) => {
      const state = await readReplication(flavour, instance.port);
      const sourcePort = state.sourcePort === null ? null : (moved.get(state.sourcePort) ?? state.sourcePort);
      if (sourcePort !== null && sourcePort !== state.sourcePort) {
        await moveSource(flavour, instance.port, sourcePort);
      }
      return { instance, sourcePort, transactions: state.transactions };
    }),
  );
  const followers = (port: number) => states.filter(({ sourcePort }) => sourcePort === port).length;
  const writer = states
    .filter(({ sourcePort }) => sourcePort === null)
    .sort(
      (a, b) =>
        followers(b.instance.port) - followers(a.instance.port) ||
        b.transactions - a.transactions ||
        a.instance.planned.number - b.instance.planned.number,
    )[0];
  if (writer === undefined) onProgress('every instance replicates from another: none is made writable');
  else await makeWritable(flavour, writer.instance.port);
}

const nameOf = ({ flavour, version }: MysqlBinaries): string =>
  `${flavour === 'mariadb' ? 'MariaDB' : 'MySQL'} ${version.replace('-MariaDB', '')}`;

/** A new instance is an empty one that replays the writer's whole binary log, which is never purged. */
async function makeMissing(making: Making, instances: readonly MysqlInstance[]): Promise<void> {
  const { onProgress, user, binaries, options } = making;
  const { flavour } = binaries;
  const missing = instances.filter(({ planned }) => !planned.isKept);
  const [first, ...others] = missing;
  if (first === undefined) return;
  onProgress(`making ${missing.map(({ id }) => id).join(', ')} with ${nameOf(binaries)}`);
  const rootHonoursReadOnly = options.rootHonoursReadOnly ?? false;
  await initialiseMysql(binaries, { ...first, user, rootHonoursReadOnly });
  await Promise.all(
    others.map((other) =>
      // The server's own identity must not be copied (MySQL manual, "Replication and auto.cnf").
      copyTree(first.dataDirectory, other.dataDirectory, {
        owner: user,
        skip: (path) => path === 'auto.cnf',
      }),
    ),
  );
  options.signal?.throwIfAborted();
  await Promise.all(missing.map((instance) => instance.start()));

  const isAllNew = missing.length === instances.length;
  if (isAllNew) await makeWritable(flavour, first.port);
  const writer = isAllNew ? first : await findWriter(instances);
  const replicas = missing.filter((instance) => instance !== writer);
  await Promise.all(
    replicas.map(async (replica) => {
      await replicateFrom(flavour, replica.port, writer.port);
      await untilReplicating(flavour, replica, options.signal ?? null);
    }),
  );
}

/**
 * One that was only stopped or killed comes up read-only, and SQL can tell and do the rest. One with transactions of its
 * own is started over empty, replays the writer's binary log, and gets a server id that is new (see `chooseServerIds`).
 */
async function bringBack(
  making: Making,
  folder: ClusterFolder,
  { instance, writer, isDiverged, signal }: RejoinPair<MysqlInstance>,
): Promise<void> {
  const { onProgress, user, binaries, options } = making;
  if (!isDiverged) {
    onProgress(`starting ${instance.id} again, read-only`);
    await instance.stop();
    await instance.start();
    return;
  }
  onProgress(`bringing ${instance.id} back as a replica, with the data of ${writer.id}`);
  await instance.stop();
  const rootHonoursReadOnly = options.rootHonoursReadOnly ?? false;
  await replaceData('mysql', folder, instance.id, async () => {
    await removeFolder(instance.dataDirectory);
    const settings = await readFile(instance.settingsFile, 'utf8');
    await writeOwned(instance.settingsFile, withServerId(settings, newServerId()), user);
    await initialiseMysql(binaries, { ...instance, user, rootHonoursReadOnly });
    signal.throwIfAborted();
    await instance.start();
    await replicateFrom(binaries.flavour, instance.port, writer.port);
  });
  await untilReplicating(binaries.flavour, instance, signal);
}

async function findWriter(instances: readonly MysqlInstance[]): Promise<MysqlInstance> {
  for (const instance of instances) {
    if (instance.pid() === null) continue;
    const row = await withMysql(instance.port, (connection) =>
      firstRow(connection, 'SELECT @@global.read_only AS read_only'),
    );
    if (['0', 'OFF'].includes(String(row?.read_only))) return instance;
  }
  throw new EmbeddedClusterError('no running instance takes writes, so no replica can be added');
}
