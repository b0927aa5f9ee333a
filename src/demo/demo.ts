import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../base/errors.ts';
import type { Supervisor } from '../control/supervisor.ts';
import { type EmbeddedCluster, EmbeddedClusterError, type EmbeddedInstance } from './cluster.ts';
import { clusterName, demoConfig } from './demo-config.ts';
import { demoGuide } from './demo-guide.ts';
import { type DemoOutput, DemoScreen } from './demo-output.ts';
import { type DemoPorts, demoPorts, requireFreePorts } from './demo-ports.ts';
import { demoSupervisor } from './demo-supervisor.ts';
import { startMysqlCluster } from './mysql-cluster.ts';
import { startPostgresCluster } from './postgres-cluster.ts';
import { letThrough } from './server-user.ts';
import { makeTempFolder } from './temp-folder.ts';

const readyDeadlineMs = 60_000;
const stopDeadlineMs = 30_000;

export interface DemoOptions {
  readonly engine: 'postgres' | 'mysql' | 'both';
  /** 0-15 beside the writer, of each engine. */
  readonly replicas: number;
  /** Copies, the writer among them, that have a commit before its client is told; null: `durability: async`. */
  readonly writeQuorum?: number | null;
  /** A folder that keeps the data; null: a temporary one. */
  readonly data: string | null;
  /** Default: `demoPorts`. */
  readonly ports?: DemoPorts;
  /** A folder of binaries, or a server binary, instead of the one that would be found. */
  readonly binaries?: { readonly postgres?: string; readonly mysql?: string };
  /** Ends the demo, like Ctrl-C. */
  readonly signal?: AbortSignal;
}

/** Aurelay on a configuration, as the composition root starts it. It must leave the process's signals to the demo. */
export interface DemoApp {
  /** Resolves once every endpoint accepts and every cluster has a writer. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export type StartApp = (configText: string, supervisor: Supervisor) => Promise<DemoApp>;

/**
 * Starts real database clusters and Aurelay in front of them, says where everything is, and runs until it is told to
 * stop (SIGINT, SIGTERM, SIGHUP, or `options.signal`); a second signal kills. Leaves no process behind, and no folder
 * but `data`. Throws where it cannot start; an `EmbeddedClusterError` says what to do about it.
 */
export async function runDemo(options: DemoOptions, startApp: StartApp, output: DemoOutput): Promise<void> {
  const screen = new DemoScreen(output);
  const stop = stopRequest(options.signal ?? null);
  const undo: Undo[] = [];
  try {
    await startDemo(options, startApp, screen, stop.signal, undo);
    await stop.requested;
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error;
  } finally {
    if (undo.length > 0) screen.progress('stopping');
    for (const { what, run } of undo.reverse()) {
      await within(stopDeadlineMs, run(), what).catch((error) => screen.progress(messageOf(error)));
    }
    stop.forget();
  }
  screen.progress(options.data === null ? 'stopped' : `stopped; the data is in ${resolve(options.data)}`);
}

/** What has to be undone, the latest first. */
interface Undo {
  readonly what: string;
  run(): Promise<void>;
}

async function startDemo(
  options: DemoOptions,
  startApp: StartApp,
  screen: DemoScreen,
  signal: AbortSignal,
  undo: Undo[],
): Promise<void> {
  const ports = options.ports ?? demoPorts;
  await requireFreePorts(ports, options.engine === 'both' ? ['postgres', 'mysql'] : [options.engine]);
  const directory = await openDirectory(options.data, undo);
  const clusters = await startClusters(options, directory, screen, signal, undo);

  const configText = demoConfig(clusters, ports, directory, options.writeQuorum ?? null);
  await writeFile(join(directory, 'aurelay.yaml'), configText);
  screen.progress('starting Aurelay');
  signal.throwIfAborted();
  const app = await startApp(configText, demoSupervisor(clusters));
  undo.push({ what: 'Aurelay', run: () => app.stop() });
  await untilReady(app, signal);
  screen.progress(screen.bold('ready'));
  screen.print('');

  const startScript = (instance: EmbeddedInstance) => join(directory, `${instance.id}.start.sh`);
  for (const instance of clusters.flatMap(({ instances }) => instances)) {
    await writeFile(startScript(instance), `${instance.startCommand}\n`);
  }
  const writers = await findWriters(clusters, ports);
  const { bold, dim } = screen;
  const isKept = options.data !== null;
  screen.print(demoGuide({ clusters, ports, writers, directory, isKept, startScript, bold, dim }));
}

async function openDirectory(data: string | null, undo: Undo[]): Promise<string> {
  if (data !== null) {
    await mkdir(data, { recursive: true });
    return realpath(data);
  }
  const folder = await makeTempFolder();
  undo.push({ what: 'the temporary folder', run: () => folder.remove() });
  await letThrough(folder.path);
  return folder.path;
}

/** Both engines side by side; where one fails, the other is stopped. */
async function startClusters(
  { engine, replicas, binaries, data }: DemoOptions,
  directory: string,
  screen: DemoScreen,
  signal: AbortSignal,
  undo: Undo[],
): Promise<EmbeddedCluster[]> {
  const failure = new AbortController();
  const common = {
    ...{ directory, replicas, onProgress: screen.progress, durable: data !== null },
    signal: AbortSignal.any([signal, failure.signal]),
  };
  const given = (path: string | undefined) => (path === undefined ? {} : { binaries: path });
  const starts: Promise<EmbeddedCluster>[] = [];
  if (engine !== 'mysql') starts.push(startPostgresCluster({ ...common, ...given(binaries?.postgres) }));
  if (engine !== 'postgres') {
    starts.push(startMysqlCluster({ ...common, ...given(binaries?.mysql), rootHonoursReadOnly: true }));
  }
  let firstError: unknown = null;
  const settled = await Promise.all(
    starts.map((start) =>
      start.catch((error) => {
        firstError ??= error;
        failure.abort(firstError);
        return null;
      }),
    ),
  );
  const clusters = settled.filter((cluster) => cluster !== null);
  undo.push({
    what: 'the database servers',
    run: async () => {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
    },
  });
  if (firstError !== null) throw firstError;
  return clusters;
}

async function untilReady(app: DemoApp, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  signal.throwIfAborted();
  await Promise.race([within(readyDeadlineMs, app.ready(), 'Aurelay'), aborted]);
}

async function within(deadlineMs: number, work: Promise<void>, what: string): Promise<void> {
  const timer = new AbortController();
  const late = sleep(deadlineMs, null, { signal: timer.signal }).then(() => {
    throw new EmbeddedClusterError(`${what} took longer than ${deadlineMs / 1000} s`);
  });
  late.catch(() => {});
  try {
    await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

/** Kept data may have another writer than the first instance; Aurelay knows. */
async function findWriters(
  clusters: readonly EmbeddedCluster[],
  { admin }: DemoPorts,
): Promise<ReadonlyMap<string, EmbeddedInstance>> {
  const writers = new Map<string, EmbeddedInstance>();
  for (const cluster of clusters) {
    const name = clusterName(cluster);
    const view = await fetch(`http://127.0.0.1:${admin}/api/v1/clusters/${name}`, {
      signal: AbortSignal.timeout(2000),
    })
      .then((response) => response.json() as Promise<{ writer?: unknown }>)
      .catch(() => ({ writer: null }));
    const writer = cluster.instances.find(({ id }) => id === view.writer) ?? cluster.instances[0];
    if (writer !== undefined) writers.set(name, writer);
  }
  return writers;
}

interface StopRequest {
  readonly signal: AbortSignal;
  /** Resolves when the demo is to end. */
  readonly requested: Promise<void>;
  forget(): void;
}

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function stopRequest(outer: AbortSignal | null): StopRequest {
  const controller = new AbortController();
  const { signal } = controller;
  const requested = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const onSignal = (): void => {
    // The `exit` guard kills the servers that still run.
    if (signal.aborted) process.exit(1);
    controller.abort(new EmbeddedClusterError('the demo was stopped while it started'));
  };
  const onAbort = () => controller.abort(outer?.reason);
  for (const name of stopSignals) process.on(name, onSignal);
  if (outer?.aborted) onAbort();
  outer?.addEventListener('abort', onAbort, { once: true });
  return {
    signal,
    requested,
    forget() {
      for (const name of stopSignals) process.off(name, onSignal);
      outer?.removeEventListener('abort', onAbort);
    },
  };
}
