import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { stringify } from 'yaml';
import type { ClusterJson } from '../../src/admin/api.ts';
import { AdminClient } from '../../src/admin/client.ts';
import { type App, startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import type { Supervisor } from '../../src/control/supervisor.ts';
import type { EmbeddedCluster } from '../../src/demo/cluster.ts';
import { mysqlMonitorUser, mysqlReplicationUser } from '../../src/demo/mysql-settings.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { eventually } from './eventually.ts';
import { type Cleanup, freePort } from './servers.ts';

/** A cluster as Aurelay is to be told of it. Keys and values are those of the configuration file. */
export interface ClusterSpec {
  readonly cluster: EmbeddedCluster;
  /** What Aurelay is to call it; `pg` or `mysql` where it is the only one of its engine. */
  readonly name?: string;
  /** Keys of an instance beside its address, by its id. */
  readonly instances?: Readonly<Record<string, object>>;
  /** Endpoints without `listen`, each of which gets a free port, or with one on 127.0.0.1. Default: `writer` and `reader`. */
  readonly endpoints?: Readonly<Record<string, object>>;
  readonly failover?: object;
  readonly health?: object;
  readonly durability?: object;
  readonly serverTls?: object;
  /** Brings deposed servers back; only for an Aurelay in this process, and for all of its clusters. */
  readonly supervisor?: Supervisor;
}

/** A running Aurelay in front of one cluster or several, called `pg` and `mysql`. */
export interface Aurelay {
  readonly admin: AdminClient;
  /** The admin API's, without a slash at the end. */
  readonly url: string;
  /** Where an endpoint listens on 127.0.0.1. `cluster` where there are several. */
  port(endpoint: string, cluster?: string): number;
  status(cluster?: string): Promise<ClusterJson>;
  /** The ids that the endpoint would give a new connection to, sorted. */
  members(endpoint: string, cluster?: string): Promise<readonly string[]>;
  /** All that it has logged, as JSON lines. */
  log(): string;
}

export interface InProcessAurelay extends Aurelay {
  readonly app: App;
}

/** `aurelay start` as a process of its own. */
export interface AurelayProcess extends Aurelay {
  readonly pid: number;
  /** Its configuration. */
  readonly file: string;
  /**
   * Starts it again, after it has ended, with the same configuration and state; resolves when it is ready, or as soon as
   * it answers, where it may be long in being ready.
   */
  start(until?: 'ready' | 'answering'): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves to its exit status, or to the signal that ended it. */
  ended(): Promise<number | string>;
  /** Resolves when the current process has logged a line with this `event`. */
  untilEvent(name: string): Promise<void>;
}

/** Long enough for the tests' own connections to be closed by it, short enough for the tests. */
const drainTimeout = '500ms';

/** Aurelay in this process, ready; stopped after the test. */
export async function startAurelay(t: Cleanup, ...specs: readonly ClusterSpec[]): Promise<InProcessAurelay> {
  const aurelay = await launchAurelay(t, ...specs);
  await aurelay.app.ready();
  return aurelay;
}

/** The same, not ready yet. */
export async function launchAurelay(t: Cleanup, ...specs: readonly ClusterSpec[]): Promise<InProcessAurelay> {
  const plan = await makePlan(t, specs, drainTimeout);
  const loaded = loadConfig({ text: plan.text, file: 'aurelay.yaml', env: {}, readFile: noFiles });
  if (!loaded.ok) throw new Error(checkReport(loaded, { color: false, json: false }));
  let log = '';
  const logger = pino(
    { base: null, formatters: { level: (label) => ({ level: label }) } },
    {
      write: (line) => {
        log += line;
      },
    },
  );
  const fatal: unknown[] = [];
  const app = await startApp({
    config: loaded.config,
    logger,
    release: { version: 'test', build: 'test', date: null },
    ...supervisorOf(specs),
    onFatal: (error) => fatal.push(error),
  });
  t.after(async () => {
    await app.stop();
    assert.deepEqual(fatal, [], 'no invariant was broken');
    if (process.env.AURELAY_TEST_LOG === 'true') process.stderr.write(log);
  });
  return { ...plan.aurelay, log: () => log, app };
}

const supervisorOf = (specs: readonly ClusterSpec[]): { readonly supervisor?: Supervisor } => {
  const supervisor = specs.find((spec) => spec.supervisor !== undefined)?.supervisor;
  return supervisor === undefined ? {} : { supervisor };
};

const noFiles = (): never => {
  throw new Error('the tests keep no secrets in files');
};

export interface SpawnOptions {
  readonly drainTimeout?: string;
  readonly readiness?: 200 | 503;
  /** For Node itself, beside what it takes to run TypeScript. */
  readonly nodeArguments?: readonly string[];
}

/** Aurelay as a child process, ready (or, with `readiness: 503`, known not to be); killed after the test. */
export async function spawnAurelay(
  t: Cleanup,
  spec: ClusterSpec,
  options: SpawnOptions = {},
): Promise<AurelayProcess> {
  const plan = await makePlan(t, [spec], options.drainTimeout ?? drainTimeout);
  const file = join(plan.folder, 'aurelay.yaml');
  await writeFile(file, plan.text);
  let child: ChildProcess | null = null;
  let log = '';
  /** Where the log of the current process begins. */
  let begin = 0;
  const running = (): ChildProcess => {
    assert(child !== null, 'it was started');
    return child;
  };
  const hasEnded = (): boolean => child === null || child.exitCode !== null || child.signalCode !== null;
  const start = async (until: 'ready' | 'answering' = 'ready'): Promise<void> => {
    assert(hasEnded(), 'one at a time');
    begin = log.length;
    const node = ['--import', 'tsx', ...(options.nodeArguments ?? [])];
    child = spawn(process.execPath, [...node, 'src/cli.ts', 'start', '-c', file], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        log += chunk.toString();
      });
    }
    await eventually('the started Aurelay is ready', async () => {
      if (hasEnded()) throw new Error(`it ended while it started:\n${log.slice(begin)}`);
      const status = await readyz(plan.aurelay.url);
      return until === 'ready' ? status === (options.readiness ?? 200) : status !== null;
    });
  };
  t.after(async () => {
    if (process.env.AURELAY_TEST_LOG === 'true') process.stderr.write(log);
    if (child === null || hasEnded()) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await start();
  return {
    ...plan.aurelay,
    log: () => log,
    get pid() {
      return running().pid ?? 0;
    },
    file,
    start,
    kill: (signal) => void running().kill(signal),
    async ended() {
      const process = running();
      if (!hasEnded()) await once(process, 'exit');
      return process.exitCode ?? process.signalCode ?? 'unknown';
    },
    async untilEvent(name) {
      await eventually(`the event ${name} is logged`, () => log.slice(begin).includes(`"event":"${name}"`));
    },
  };
}

/** The status of `/readyz`; null where nothing answers. */
export const readyz = (url: string): Promise<number | null> =>
  fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    () => null,
  );

interface Plan {
  readonly folder: string;
  readonly text: string;
  readonly aurelay: Omit<Aurelay, 'log'>;
}

async function makePlan(t: Cleanup, specs: readonly ClusterSpec[], drain: string): Promise<Plan> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  await mkdir(join(folder.path, 'state'));
  const adminPort = await freePort();
  const ports = new Map<string, number>();
  const clusters: Record<string, object> = {};
  for (const spec of specs) clusters[nameOf(spec)] = await clusterConfig(spec, ports);
  const config = {
    admin: { listen: `127.0.0.1:${adminPort}` },
    state_dir: join(folder.path, 'state'),
    shutdown: { drain_timeout: drain },
    clusters,
  };
  const [first] = Object.keys(clusters);
  const admin = new AdminClient({ address: `127.0.0.1:${adminPort}` });
  const status = async (cluster = first): Promise<ClusterJson> => {
    const [json] = await admin.status(cluster ?? null);
    assert(json !== undefined, 'the cluster is there');
    return json;
  };
  return {
    folder: folder.path,
    text: stringify(config),
    aurelay: {
      admin,
      url: `http://127.0.0.1:${adminPort}`,
      status,
      port(endpoint, cluster = first) {
        const port = ports.get(`${cluster}/${endpoint}`);
        assert(port !== undefined, `endpoint ${endpoint} of ${cluster} is configured`);
        return port;
      },
      async members(endpoint, cluster = first) {
        const { endpoints } = await status(cluster);
        return [...(endpoints.find(({ name }) => name === endpoint)?.members ?? [])].sort();
      },
    },
  };
}

const nameOf = ({ cluster, name }: ClusterSpec): string =>
  name ?? (cluster.engine === 'postgres' ? 'pg' : 'mysql');

const writerAndReader = {
  writer: { type: 'writer' },
  reader: { type: 'reader', max_lag: '5s', slow_start: '0s' },
};

async function clusterConfig(spec: ClusterSpec, ports: Map<string, number>): Promise<object> {
  const {
    cluster,
    instances = {},
    endpoints = writerAndReader,
    failover = {},
    health,
    durability,
    serverTls,
  } = spec;
  const withPorts: Record<string, object> = {};
  for (const [name, endpoint] of Object.entries(endpoints)) {
    const given = (endpoint as { readonly listen?: string }).listen;
    const port = given === undefined ? await freePort() : Number(given.split(':')[1]);
    ports.set(`${nameOf(spec)}/${name}`, port);
    withPorts[name] = { ...endpoint, listen: `127.0.0.1:${port}` };
  }
  return {
    engine: cluster.engine,
    ...logins[cluster.engine],
    failover: { mode: 'automatic', min_interval: '0s', ...failover },
    ...(health === undefined ? {} : { health }),
    ...(durability === undefined ? {} : { durability }),
    ...(serverTls === undefined ? {} : { server_tls: serverTls }),
    instances: Object.fromEntries(
      cluster.instances.map(({ id, port }) => [id, { address: `127.0.0.1:${port}`, ...instances[id] }]),
    ),
    endpoints: withPorts,
  };
}

const logins = {
  postgres: { monitor: { user: 'postgres' }, replication: { user: 'postgres' } },
  mysql: { monitor: { user: mysqlMonitorUser }, replication: { user: mysqlReplicationUser } },
} as const;
