import { existsSync } from 'node:fs';
import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { EmbeddedOptions } from './cluster.ts';
import { lockDirectory } from './directory-lock.ts';
import { type PlannedInstance, planInstances } from './instance-plan.ts';
import { type KeptData, readKeptData, writeKeptData } from './kept-data.ts';
import { runningServer } from './running-server.ts';
import { ServerProcess } from './server-process.ts';
import { chooseServerUser, letThrough, type ServerUser } from './server-user.ts';

/** A data directory that this process has to itself. */
export interface ClusterFolder {
  /** With links resolved. */
  readonly directory: string;
  /** The account that the servers run under; null: our own. */
  readonly user: ServerUser | null;
  readonly kept: KeptData | null;
  release(): void;
}

/** Makes the data directory where it is missing, and locks it for one engine. */
export async function openClusterFolder(
  engine: 'postgres' | 'mysql',
  wanted: string,
): Promise<ClusterFolder> {
  await mkdir(wanted, { recursive: true });
  const directory = await realpath(wanted);
  await letThrough(directory);
  const release = lockDirectory(join(directory, `${engine}.lock`));
  try {
    const kept = await readKeptData(directory, engine);
    const user = await chooseServerUser(existingData(directory, kept));
    return { directory, user, kept, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** The folder of some instance that an earlier run made; a person may have removed others, to have them made again. */
function existingData(directory: string, kept: KeptData | null): string | null {
  const complete = Object.entries(kept?.instances ?? {}).filter(([, instance]) => instance.complete);
  return complete.map(([id]) => join(directory, id)).find((folder) => existsSync(folder)) ?? null;
}

/** Where an engine keeps what tells a running server. */
export interface ServerFiles {
  readonly pidFile: string;
  readonly dataDirectory: string;
}

/** Stops the servers that a killed demo left running; they hold the ports and the data that we are about to use. */
export async function stopLeftovers(
  folder: ClusterFolder,
  filesOf: (instanceDirectory: string) => ServerFiles,
  stopSignal: NodeJS.Signals,
  onProgress: (line: string) => void,
): Promise<void> {
  const ids = Object.keys(folder.kept?.instances ?? {});
  await Promise.all(
    ids.map(async (id) => {
      const files = filesOf(join(folder.directory, id));
      const pid = runningServer(files.pidFile, files.dataDirectory);
      if (pid !== null) onProgress(`${id} still runs from before (process ${pid}): stopping it`);
      const leftover = new ServerProcess({
        id,
        ...files,
        command: { file: 'false', args: [] },
        user: null,
        logFile: '/dev/null',
        stopSignal,
        isReady: async () => false,
        onProgress,
        signal: null,
      });
      await leftover.stop();
    }),
  );
}

/** Settles which instances there are, and writes down the ones about to be made before any of them is touched. */
export async function planAndRecord(
  engine: 'postgres' | 'mysql',
  prefix: 'pg' | 'mysql',
  folder: ClusterFolder,
  options: EmbeddedOptions,
  version: string,
): Promise<{ plan: PlannedInstance[]; data: KeptData }> {
  const plan = await planInstances(prefix, folder.directory, options, folder.kept);
  const data: KeptData = {
    version: folder.kept?.version ?? version,
    durable: folder.kept?.durable ?? options.durable ?? false,
    instances: Object.fromEntries(
      plan.map(({ id, port, keptPort, isKept }) => [
        id,
        { port: isKept ? (keptPort ?? port) : port, complete: isKept },
      ]),
    ),
  };
  await writeKeptData(folder.directory, engine, data);
  return { plan, data };
}

/** Writes down that every planned instance is whole, and where it listens. */
export function recordComplete(
  engine: 'postgres' | 'mysql',
  folder: ClusterFolder,
  data: KeptData,
  plan: readonly PlannedInstance[],
): Promise<void> {
  const instances = Object.fromEntries(plan.map(({ id, port }) => [id, { port, complete: true }]));
  return writeKeptData(folder.directory, engine, { ...data, instances });
}

/**
 * Runs `rebuild`, which replaces the data of one instance. While it does, the folder is written down as half made, so
 * that a demo that is killed meanwhile makes it anew at its next start.
 */
export async function replaceData(
  engine: 'postgres' | 'mysql',
  { directory }: ClusterFolder,
  id: string,
  rebuild: () => Promise<void>,
): Promise<void> {
  const mark = async (complete: boolean): Promise<void> => {
    const data = await readKeptData(directory, engine);
    const instance = data?.instances[id];
    if (data === null || instance === undefined) return;
    const instances = { ...data.instances, [id]: { ...instance, complete } };
    await writeKeptData(directory, engine, { ...data, instances });
  };
  await mark(false);
  await rebuild();
  await mark(true);
}
