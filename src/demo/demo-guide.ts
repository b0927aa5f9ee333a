import type { EmbeddedCluster, EmbeddedInstance } from './cluster.ts';
import { analyticsMember, clusterName } from './demo-config.ts';
import type { DemoPorts } from './demo-ports.ts';

export interface GuideOptions {
  readonly clusters: readonly EmbeddedCluster[];
  readonly ports: DemoPorts;
  /** The writer of each cluster by the cluster's name. */
  readonly writers: ReadonlyMap<string, EmbeddedInstance>;
  readonly directory: string;
  readonly isKept: boolean;
  /** The script that starts an instance again. */
  readonly startScript: (instance: EmbeddedInstance) => string;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** What a person reads once everything runs: where to connect, what to try, where things are. */
export function demoGuide(options: GuideOptions): string {
  const { clusters, ports, directory, isKept, bold } = options;
  const sections = [
    bold('Endpoints'),
    table([
      ['cluster', 'endpoint', 'listens on', 'goes to'],
      ...clusters.flatMap((c) => endpointRows(c, options)),
    ]),
    '',
    ...clusters.flatMap((cluster) => tryLines(cluster, options)),
    bold('Look'),
    `  http://127.0.0.1:${ports.admin}/   the dashboard: open it in a browser`,
    commands([
      [`curl -s http://127.0.0.1:${ports.admin}/api/v1/clusters`, 'roles, health, lag, sessions'],
      [`curl -sN http://127.0.0.1:${ports.admin}/api/v1/events`, 'what happens, as it happens'],
    ]),
    '',
    table([
      ['data', `${directory} ${isKept ? '(kept)' : '(removed at the end; --data DIR keeps it)'}`],
      ['logs', `${directory}/*.log`],
      ['config', `${directory}/aurelay.yaml`],
      ['end', 'Ctrl-C'],
    ]),
    '',
  ];
  return sections.join('\n');
}

function endpointRows(cluster: EmbeddedCluster, { ports, writers }: GuideOptions): string[][] {
  const name = clusterName(cluster);
  const writer = writers.get(name)?.id ?? '';
  const replicas = cluster.instances.map(({ id }) => id).filter((id) => id !== writer);
  const { writer: write, reader, analytics } = ports[cluster.engine];
  return [
    [name, 'writer', `127.0.0.1:${write}`, `${writer}, and whoever is promoted after it`],
    ['', 'reader', `127.0.0.1:${reader}`, replicas.length === 0 ? writer : shorten(replicas)],
    ['', 'analytics', `127.0.0.1:${analytics}`, analyticsMember(cluster)],
  ];
}

const shorten = (ids: readonly string[]): string =>
  ids.length <= 4 ? ids.join(', ') : `${ids.slice(0, 2).join(', ')} … ${ids.at(-1)} (${ids.length} replicas)`;

function tryLines(cluster: EmbeddedCluster, options: GuideOptions): string[] {
  const { directory, ports, writers, startScript, bold, dim } = options;
  const writer = writers.get(clusterName(cluster)) ?? cluster.instances[0];
  if (writer === undefined) return [];
  const port = ports[cluster.engine];
  const client = cluster.engine === 'postgres' ? postgresClient : mysqlClient;
  return [
    `${bold('Try')}  ${dim(`${titleOf(cluster)}; ${client.login}`)}`,
    commands([
      [client.connect(port.writer), 'the writer'],
      [client.whichServer(port.reader), 'a replica, another one each time'],
      [
        `kill -9 $(head -1 ${quote(`${directory}/${writer.id}/${client.pidFile}`)})`,
        'kill the writer: it is replaced, and is back as a replica soon',
      ],
      [`sh ${quote(startScript(writer))}`, 'or start it by hand: it is no longer the writer'],
    ]),
    '',
  ];
}

function titleOf({ engine, version }: EmbeddedCluster): string {
  if (engine === 'postgres') return `PostgreSQL ${version}`;
  return version.endsWith('-MariaDB') ? `MariaDB ${version.replace('-MariaDB', '')}` : `MySQL ${version}`;
}

const postgresClient = {
  login: 'user and database postgres, no password',
  pidFile: 'postmaster.pid',
  connect: (port: number) => `psql -h 127.0.0.1 -p ${port} -U postgres`,
  whichServer: (port: number) => `psql -h 127.0.0.1 -p ${port} -U postgres -Atc 'SHOW cluster_name'`,
};

const mysqlClient = {
  login: 'user root, no password',
  pidFile: 'mysqld.pid',
  connect: (port: number) => `mysql -h 127.0.0.1 -P ${port} -u root`,
  whichServer: (port: number) => `mysql -h 127.0.0.1 -P ${port} -u root -Ne 'SELECT @@server_id'`,
};

const quote = (path: string): string => (/^[\w@%+=:,./-]+$/.test(path) ? path : `"${path}"`);

const widestCommand = 80;

/** Commands with what they show behind them, aligned where they are short enough. */
function commands(rows: readonly (readonly [command: string, shows: string])[]): string {
  const fitting = rows.map(([command]) => command.length).filter((length) => length <= widestCommand);
  const width = Math.max(0, ...fitting);
  return rows.map(([command, shows]) => `  ${command.padEnd(width)}  # ${shows}`).join('\n');
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
