import { chmod, chown, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
import { guard } from './guard.ts';
import { movedPorts, type PlannedInstance } from './instance-plan.ts';
import { findPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { cloneReplicas } from './postgres-clone.ts';
import { withPostgres } from './postgres-query.ts';
import { postgresSettings, withPort, withSourcePorts } from './postgres-settings.ts';
import { type RejoinPair, Rejoins } from './rejoins.ts';
import { removeFolder } from './remove-folder.ts';
import { runCommand } from './run-command.ts';
import { ServerProcess } from './server-process.ts';
import { canWrite } from './server-user.ts';
import { startCommand } from './start-command.ts';
import { stopInstances } from './stop-instances.ts';
import { writeOwned } from './write-owned.ts';

const initdbDeadlineMs = 120_000;
const streamingDeadlineMs = 60_000;

/** Everything that the steps of a start share. */
interface Making {
  readonly options: EmbeddedOptions;
  readonly onProgress: (line: string) => void;
  readonly folder: ClusterFolder;
  readonly binaries: PostgresBinaries;
  readonly durable: boolean;
}

interface PostgresInstance extends EmbeddedInstance {
  readonly planned: PlannedInstance;
}

/**
 * Starts a PostgreSQL writer, `pg-1`, and its streaming replicas, or what an earlier run left of them. User and database
 * are `postgres`, without a password, on 127.0.0.1 only. Throws an `EmbeddedClusterError`, with nothing left running.
 */
export async function startPostgresCluster(options: EmbeddedOptions): Promise<EmbeddedCluster> {
  const onProgress = options.onProgress ?? (() => {});
  const folder = await openClusterFolder('postgres', options.directory);
  let binaries: PostgresBinaries | null = null;
  let instances: PostgresInstance[] = [];
  let rejoins: Rejoins<PostgresInstance> | null = null;
  const stop = async () => {
    try {
      await rejoins?.stop();
      await stopInstances(instances);
    } finally {
      await binaries?.dispose();
      folder.release();
    }
  };
  try {
    binaries = await findPostgres(options.binaries ?? null, folder.user);
    await stopLeftovers(folder, serverFiles, 'SIGINT', onProgress);
    const { plan, data } = await planAndRecord('postgres', 'pg', folder, options, binaries.version);
    const making: Making = { options, onProgress, folder, binaries, durable: data.durable };
    instances = await Promise.all(plan.map((planned) => createInstance(making, planned)));
    await startKept(making, instances);
    await makeMissing(making, instances);
    await recordComplete('postgres', folder, data, plan);
    const running = new Rejoins<PostgresInstance>(
      () => instances,
      (pair) => bringBack(making, pair),
    );
    rejoins = running;
    const rejoin: EmbeddedCluster['rejoin'] = (id, options) => running.run(id, options);
    return { engine: 'postgres', version: binaries.version, instances, rejoin, stop };
  } catch (error) {
    await stop().catch((failure) => onProgress(messageOf(failure)));
    throw error;
  }
}

const serverFiles = (directory: string): ServerFiles => ({
  pidFile: join(directory, 'postmaster.pid'),
  dataDirectory: directory,
});

async function createInstance(making: Making, planned: PlannedInstance): Promise<PostgresInstance> {
  const { options, onProgress, folder, binaries } = making;
  const { id, port, directory, logFile } = planned;
  if (!planned.isKept) await removeFolder(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (folder.user !== null && !planned.isKept) await chown(directory, folder.user.uid, folder.user.gid);
  const args = ['-D', await dataPath(making, directory)];
  const server = new ServerProcess({
    id,
    ...serverFiles(directory),
    command: { file: binaries.postgres, args },
    user: folder.user,
    logFile,
    stopSignal: 'SIGINT',
    isReady: (pid) => isReady(directory, pid),
    onProgress,
    signal: options.signal ?? null,
  });
  return {
    id,
    port,
    directory,
    planned,
    startCommand: startCommand(binaries.postgres, args, { user: folder.user, directory, logFile }),
    pid: () => server.pid(),
    kill: (signal) => server.kill(signal),
    start: () => server.start(),
    stop: () => server.stop(),
  };
}

/**
 * The data directory as the server is to be told it. One below a folder that only root may enter (a checkout in `/root`)
 * has no path that the server's account could use; but the server starts inside it, and may call it that.
 */
async function dataPath({ folder }: Making, directory: string): Promise<string> {
  if (folder.user === null || (await canWrite(folder.user, directory))) return directory;
  if (process.platform === 'linux') return '/proc/self/cwd';
  throw new EmbeddedClusterError(
    `PostgreSQL does not run as root, and the account of number ${folder.user.uid} cannot enter ${directory}: give a data directory that every account can reach`,
  );
}

/** The last line of a pid file that is complete says whether the server takes connections (`miscadmin.h`). */
async function isReady(directory: string, pid: number): Promise<boolean> {
  const text = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return Number(lines[0]) === pid && lines[7]?.trim() === 'ready';
}

/** Starts what an earlier run left, each in the role it had. One that does not start is left out, with a word about it. */
async function startKept(making: Making, instances: readonly PostgresInstance[]): Promise<void> {
  const kept = instances.filter(({ planned }) => planned.isKept);
  if (kept.length === 0) return;
  making.onProgress(
    `starting PostgreSQL ${making.binaries.version} on the data in ${making.folder.directory}`,
  );
  const moved = movedPorts(instances.map(({ planned }) => planned));
  const results = await Promise.allSettled(
    kept.map(async (instance) => {
      await adjustKept(making, instance, moved);
      await instance.start();
    }),
  );
  making.options.signal?.throwIfAborted();
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length === kept.length) throw failures[0];
  for (const failure of failures) making.onProgress(messageOf(failure));
}

async function adjustKept(
  { binaries, folder }: Making,
  { id, port, directory }: PostgresInstance,
  moved: ReadonlyMap<number, number>,
): Promise<void> {
  const major = (await readFile(join(directory, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (major !== String(binaries.major)) {
    throw new EmbeddedClusterError(
      `${id}: the data in ${directory} is of PostgreSQL ${major || '(unknown)'} and the server is ${binaries.version}: give another data directory`,
    );
  }
  await rewrite(join(directory, 'postgresql.conf'), (text) => withPort(text, port));
  await rewrite(join(directory, 'postgresql.auto.conf'), (text) => withSourcePorts(text, moved));

  async function rewrite(file: string, change: (text: string) => string): Promise<void> {
    const text = await readFile(file, 'utf8');
    if (change(text) !== text) await writeOwned(file, change(text), folder.user);
  }
}

async function makeMissing(making: Making, instances: readonly PostgresInstance[]): Promise<void> {
  const missing = instances.filter(({ planned }) => !planned.isKept);
  const first = instances[0];
  if (missing.length === 0 || first === undefined) return;
  if (missing.length === instances.length) await makeFirst(making, first);
  const replicas = missing.length === instances.length ? missing.slice(1) : missing;
  if (replicas.length > 0) await makeReplicas(making, instances, replicas);
}

async function makeFirst(making: Making, instance: PostgresInstance): Promise<void> {
  const { onProgress, binaries, folder, options } = making;
  const { id, directory } = instance;
  onProgress(`making ${id} with PostgreSQL ${binaries.version}`);
  const liftGuard = guard({ kind: 'server', ...serverFiles(directory) });
  const initdb = await runCommand(
    binaries.initdb,
    [
      ...['-D', await dataPath(making, directory), '-U', 'postgres', '--auth=trust'],
      ...['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    ],
    { user: folder.user, cwd: directory, timeoutMs: initdbDeadlineMs },
  );
  liftGuard();
  options.signal?.throwIfAborted();
  if (initdb.status !== 0) throw new EmbeddedClusterError(`initdb of ${id} failed:\n${initdb.output.trim()}`);
  await chmod(directory, 0o700);
  await writeOwned(join(directory, 'postgresql.conf'), settingsOf(making, instance), folder.user);
  await instance.start();
}

const settingsOf = ({ binaries, durable }: Making, { id, port }: PostgresInstance): string =>
  postgresSettings({ id, port, major: binaries.major, durable });

async function makeReplicas(
  making: Making,
  instances: readonly PostgresInstance[],
  replicas: readonly PostgresInstance[],
): Promise<void> {
  const { onProgress, binaries, folder, options } = making;
  const writer = await findWriter(instances);
  const ids = replicas.map(({ id }) => id);
  onProgress(`cloning ${writer.id} to ${ids.join(', ')}`);
  const targets = replicas.map((replica) => ({ ...replica, settings: settingsOf(making, replica) }));
  await cloneReplicas(writer, targets, binaries.major, folder.user);
  options.signal?.throwIfAborted();
  await Promise.all(replicas.map((replica) => replica.start()));
  await untilStreaming(writer, ids, options.signal ?? null);
}

/** A fresh copy of the writer: the embedded PostgreSQL has no `pg_rewind`, and a killed writer's log end is unknown. */
async function bringBack(
  making: Making,
  { instance, writer, signal }: RejoinPair<PostgresInstance>,
): Promise<void> {
  const { onProgress, binaries, folder } = making;
  onProgress(`bringing ${instance.id} back as a replica, with a fresh copy of ${writer.id}`);
  await instance.stop();
  const target = { ...instance, settings: settingsOf(making, instance) };
  await replaceData('postgres', folder, instance.id, () =>
    cloneReplicas(writer, [target], binaries.major, folder.user),
  );
  signal.throwIfAborted();
  await instance.start();
  await untilStreaming(writer, [instance.id], signal);
}

/** The running server that takes writes; of several, the one of the latest timeline. */
async function findWriter(instances: readonly PostgresInstance[]): Promise<PostgresInstance> {
  const found: { instance: PostgresInstance; timeline: number }[] = [];
  for (const instance of instances) {
    if (instance.pid() === null) continue;
    const { rows } = await withPostgres(instance.port, (client) =>
      client.query<{ replica: boolean; timeline: number }>(
        'SELECT pg_is_in_recovery() AS replica, timeline_id AS timeline FROM pg_control_checkpoint()',
      ),
    );
    const row = rows[0];
    if (row !== undefined && !row.replica) found.push({ instance, timeline: row.timeline });
  }
  const latest = found.sort((a, b) => b.timeline - a.timeline)[0];
  if (latest === undefined)
    throw new EmbeddedClusterError('no running instance takes writes, so none can be cloned');
  return latest.instance;
}

async function untilStreaming(
  writer: PostgresInstance,
  ids: readonly string[],
  signal: AbortSignal | null,
): Promise<void> {
  const deadline = Date.now() + streamingDeadlineMs;
  await withPostgres(writer.port, async (client) => {
    for (;;) {
      signal?.throwIfAborted();
      const { rows } = await client.query<{ name: string }>(
        "SELECT application_name AS name FROM pg_stat_replication WHERE state = 'streaming'",
      );
      const streaming = new Set(rows.map(({ name }) => name));
      const silent = ids.filter((id) => !streaming.has(id));
      if (silent.length === 0) return;
      if (Date.now() > deadline) {
        throw new EmbeddedClusterError(
          `${silent.join(', ')} did not begin to replicate from ${writer.id} within ${streamingDeadlineMs / 1000} s`,
        );
      }
      await sleep(50);
    }
  });
}
