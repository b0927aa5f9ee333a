import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/demo/free-port.ts';
import { installedMysql } from '../../src/demo/mysql-binaries.ts';
import { startMysqlCluster } from '../../src/demo/mysql-cluster.ts';
import { startPostgresCluster } from '../../src/demo/postgres-cluster.ts';
import { letThrough } from '../../src/demo/server-user.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import type { Cleanup } from '../support/servers.ts';
import { startBackground } from './background.ts';
import type { Contestant, EngineName, ServerPorts } from './contestant.ts';
import { aurelay } from './contestants/aurelay.ts';
import { haproxy, haproxyVersion } from './contestants/haproxy.ts';
import { pgbouncer, pgbouncerVersion } from './contestants/pgbouncer.ts';
import { pgbenchInit } from './pgbench.ts';
import { findProgram, runProgram } from './program.ts';
import { sysbenchInit } from './sysbench.ts';

/** Servers, and everybody in front of them. */
export interface Arena {
  readonly servers: ServerPorts;
  readonly contestants: readonly Contestant[];
  /** What ran, for the record. */
  readonly versions: readonly string[];
  readonly folder: string;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const relays = ['native', 'stream'] as const;

export async function openArena(
  t: Cleanup,
  engines: readonly EngineName[],
  say: (line: string) => void,
): Promise<Arena> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  await letThrough(folder.path);
  const versions = [`Node.js ${process.versions.node}`, `${availableParallelism()} cores`];
  const servers = await startServers(t, engines, folder.path, versions, say);

  say('compiling Aurelay');
  const tsc = fileURLToPath(new URL('node_modules/.bin/tsc', `file://${root}`));
  await runProgram(tsc, ['-p', 'tsconfig.build.json'], { cwd: root, timeoutMs: 120_000 });
  const contestants: Contestant[] = [
    { name: 'direct', ports: portsOf(servers), pid: null, adminUrl: null, startAnother: null },
  ];
  const peers = [
    { name: 'HAProxy', start: haproxy, version: haproxyVersion },
    { name: 'PgBouncer', start: pgbouncer, version: pgbouncerVersion },
  ];
  for (const peer of peers) {
    const contestant = await peer.start(t, servers, folder.path);
    if (contestant === null) {
      say(`${peer.name} is left out: it is not installed`);
      continue;
    }
    contestants.push(contestant);
    versions.push(`${peer.name} ${await peer.version()}`);
  }
  for (const relay of relays) {
    try {
      contestants.push(await aurelay(t, servers, folder.path, relay));
    } catch (error) {
      say(`Aurelay's ${relay} relay is left out: ${error instanceof Error ? error.message : error}`);
    }
  }
  return { servers, contestants, versions, folder: folder.path };
}

function portsOf({ postgres, mysql }: ServerPorts): Contestant['ports'] {
  return { ...(postgres === null ? {} : { postgres }), ...(mysql === null ? {} : { mysql }) };
}

async function startServers(
  t: Cleanup,
  engines: readonly EngineName[],
  folder: string,
  versions: string[],
  say: (line: string) => void,
): Promise<ServerPorts> {
  let postgres: number | null = null;
  let mysql: number | null = null;
  let idle: number | null = null;
  if (engines.includes('postgres') && needs(['pgbench', 'psql'], say)) {
    const cluster = await startPostgresCluster({ directory: `${folder}/pg`, replicas: 0 });
    t.after(() => cluster.stop());
    postgres = portOf(cluster);
    await pgbenchInit(postgres);
    versions.push(`PostgreSQL ${cluster.version}`);
    idle = await freePort();
    const script = fileURLToPath(new URL('idle/server.ts', import.meta.url));
    const command = [process.execPath, '--import', 'tsx', script, String(idle), String(postgres)];
    await startBackground(t, command, idle, { cwd: root });
  }
  if (engines.includes('mysql') && needs(['sysbench', 'mysql'], say)) {
    if ((await installedMysql()) === null) say('MySQL is left out: no server is installed');
    else {
      const cluster = await startMysqlCluster({ directory: `${folder}/mysql`, replicas: 0 });
      t.after(() => cluster.stop());
      mysql = portOf(cluster);
      await sysbenchInit(mysql);
      versions.push(cluster.version.replace('-MariaDB', ' (MariaDB)'));
    }
  }
  return { postgres, mysql, idle };
}

function portOf({ instances }: { readonly instances: readonly { readonly port: number }[] }): number {
  const [only] = instances;
  if (only === undefined) throw new Error('a cluster of one server has none');
  return only.port;
}

function needs(programs: readonly string[], say: (line: string) => void): boolean {
  const missing = programs.filter((name) => findProgram(name) === null);
  if (missing.length > 0) say(`left out for lack of ${missing.join(', ')}: see docs/performance.md`);
  return missing.length === 0;
}
