import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../src/demo/free-port.ts';
import { runCommand } from '../../src/demo/run-command.ts';
import { chooseServerUser, type ServerUser } from '../../src/demo/server-user.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { startBackground } from '../bench/background.ts';
import { findProgram } from '../bench/program.ts';
import { eventually } from '../support/eventually.ts';
import type { Cleanup } from '../support/servers.ts';
import { query } from './query.ts';

/** A server with its agent. Everything listens on 127.0.0.1. */
export interface Node {
  readonly name: string;
  readonly port: number;
  /** Of Patroni's REST API. */
  readonly restPort: number;
  readonly folder: string;
  patroni: ChildProcess | null;
}

export interface PatroniOptions {
  /** Seconds, as in Patroni's dynamic configuration. */
  readonly ttl: number;
  readonly loopWait: number;
  /** `synchronous_mode`: a commit is on a replica before its client is told. */
  readonly synchronous: boolean;
}

const debianPostgres = '/usr/lib/postgresql';

/** The newest of Debian's PostgreSQLs; null where there is none. */
function postgresPrograms(): string | null {
  try {
    const versions = readdirSync(debianPostgres).map(Number).filter(Number.isFinite);
    return versions.length === 0 ? null : `${debianPostgres}/${Math.max(...versions)}/bin`;
  } catch {
    return null;
  }
}

/** What has to be installed and is not; null where all of it is there. */
export function patroniMissing(): string | null {
  const programs = ['patroni', 'patronictl', 'etcd'].filter((name) => findProgram(name) === null);
  if (programs.length > 0) return `${programs.join(', ')}: apt-get install patroni etcd-server python3-etcd`;
  return postgresPrograms() === null ? 'apt-get install postgresql' : null;
}

const isReplica = (role: string): boolean => role === 'Replica' || role === 'Sync Standby';

/** Three servers under Patroni, which agree through one etcd. Gone when `t` ends. */
export class PatroniCluster {
  static readonly scope = 'orders';
  readonly nodes: readonly Node[];
  readonly #folder: string;
  readonly #user: ServerUser | null;
  readonly #etcdPort: number;
  readonly #scope: Cleanup;
  #etcd: (ChildProcess & { readonly pid: number }) | null = null;

  private constructor(
    scope: Cleanup,
    folder: string,
    user: ServerUser | null,
    nodes: readonly Node[],
    etcdPort: number,
  ) {
    this.#scope = scope;
    this.#folder = folder;
    this.#user = user;
    this.nodes = nodes;
    this.#etcdPort = etcdPort;
  }

  static async start(scope: Cleanup, options: PatroniOptions): Promise<PatroniCluster> {
    const folder = await makeTempFolder();
    scope.after(() => folder.remove());
    const user = await chooseServerUser(null);
    await chmod(folder.path, 0o755);
    if (user !== null) await chown(folder.path, user.uid, user.gid);
    const nodes: Node[] = [];
    for (const name of ['orders-1', 'orders-2', 'orders-3']) {
      const node = { name, port: await freePort(), restPort: await freePort(), patroni: null };
      nodes.push({ ...node, folder: join(folder.path, name) });
    }
    const cluster = new PatroniCluster(scope, folder.path, user, nodes, await freePort());
    await cluster.startEtcd();
    for (const node of nodes) {
      await mkdir(node.folder);
      if (user !== null) await chown(node.folder, user.uid, user.gid);
      await writeFile(cluster.#configOf(node), stringify(cluster.#settings(node, options)));
      scope.after(() => cluster.#stop(node));
      await cluster.startPatroni(node);
    }
    await eventually(
      'the cluster has a leader and two streaming replicas',
      () => cluster.isComplete(),
      120_000,
    );
    return cluster;
  }

  /** A leader, and the others stream. */
  async isComplete(): Promise<boolean> {
    const members = await this.members();
    const leaders = members.filter(({ role, state }) => role === 'Leader' && state === 'running');
    const replicas = members.filter(({ role, state }) => isReplica(role) && state === 'streaming');
    // Patroni 3.0 says `running` of a replica that streams; its server says more.
    const running = members.filter(({ role, state }) => isReplica(role) && state === 'running');
    return leaders.length === 1 && replicas.length + running.length === this.nodes.length - 1;
  }

  async members(): Promise<readonly { member: string; role: string; state: string; tl: number }[]> {
    const { status, output } = await this.ctl('list', '--format', 'json');
    if (status !== 0) return [];
    const rows = JSON.parse(output) as readonly Record<string, string | number>[];
    return rows.map((row) => ({
      member: String(row.Member),
      role: String(row.Role),
      state: String(row.State),
      tl: Number(row.TL),
    }));
  }

  /** The node that Patroni says is the leader. */
  leader(): Promise<Node> {
    return eventually('there is a leader', async () => {
      const leader = (await this.members()).find(({ role }) => role === 'Leader');
      return this.nodes.find(({ name }) => name === leader?.member) ?? null;
    });
  }

  ctl(command: string, ...args: readonly string[]) {
    const [first] = this.nodes;
    if (first === undefined) throw new Error('there are nodes');
    const ctl = ['-c', this.#configOf(first), command, PatroniCluster.scope, ...args];
    return runCommand('patronictl', ctl, { timeoutMs: 120_000, cwd: this.#folder });
  }

  async startEtcd(): Promise<void> {
    const url = `http://127.0.0.1:${this.#etcdPort}`;
    const peer = `http://127.0.0.1:${await freePort()}`;
    const urls = ['--listen-client-urls', url, '--advertise-client-urls', url, '--listen-peer-urls', peer];
    const args = ['etcd', '--data-dir', join(this.#folder, 'etcd'), ...urls, '--logger', 'zap'];
    this.#etcd = await startBackground(this.#scope, args, this.#etcdPort, { user: this.#user });
  }

  /** A signal for the one etcd, without which nobody can hold the leader's lease. */
  signalEtcd(signal: NodeJS.Signals): void {
    this.#etcd?.kill(signal);
  }

  async startPatroni(node: Node): Promise<void> {
    const command = ['/bin/sh', '-c', 'exec "$0" "$1" >>"$2" 2>&1', 'patroni', this.#configOf(node)];
    const options = { user: this.#user, cwd: node.folder };
    const log = join(node.folder, 'patroni.log');
    node.patroni = await startBackground(this.#scope, [...command, log], node.restPort, options);
  }

  /** Of the server, not of its agent; null where it does not run. */
  postmaster(node: Node): number | null {
    try {
      const [pid] = readFileSync(join(node.folder, 'data', 'postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(pid), 0);
      return Number(pid);
    } catch {
      return null;
    }
  }

  signalServer(node: Node, signal: NodeJS.Signals): void {
    const pid = this.postmaster(node);
    if (pid !== null) process.kill(pid, signal);
  }

  /** For every process of the server but the first. */
  signalSessions(node: Node, signal: NodeJS.Signals): void {
    const pid = this.postmaster(node);
    if (pid === null) return;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    for (const child of children.filter((text) => text !== '')) process.kill(Number(child), signal);
  }

  /** A session with a superuser's rights, without any proxy. */
  query(node: Node, sql: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    return query(node.port, 'postgres', sql);
  }

  /** What the server logged. */
  log(node: Node): string {
    return readFileSync(join(node.folder, 'postgres.log'), 'utf8');
  }

  #configOf(node: Node): string {
    return join(this.#folder, `${node.name}.yaml`);
  }

  async #stop(node: Node): Promise<void> {
    for (const signal of ['SIGCONT', 'SIGKILL'] as const) {
      node.patroni?.kill(signal);
      this.signalServer(node, signal);
    }
    await eventually('the server is gone', () => this.postmaster(node) === null);
  }

  #settings(node: Node, { ttl, loopWait, synchronous }: PatroniOptions): object {
    const user = (name: string) => ({ username: name, password: name });
    return {
      scope: PatroniCluster.scope,
      name: node.name,
      restapi: { listen: `127.0.0.1:${node.restPort}`, connect_address: `127.0.0.1:${node.restPort}` },
      etcd3: { hosts: [`127.0.0.1:${this.#etcdPort}`] },
      bootstrap: {
        dcs: {
          ...{ ttl, loop_wait: loopWait, retry_timeout: loopWait, synchronous_mode: synchronous },
          postgresql: { use_pg_rewind: true, parameters: { wal_keep_size: '128MB' } },
        },
        initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
        pg_hba: [
          'host all all 127.0.0.1/32 trust',
          'host replication all 127.0.0.1/32 trust',
          'local all all trust',
        ],
      },
      postgresql: {
        listen: `127.0.0.1:${node.port}`,
        connect_address: `127.0.0.1:${node.port}`,
        data_dir: join(node.folder, 'data'),
        bin_dir: postgresPrograms(),
        pgpass: join(node.folder, 'pgpass'),
        authentication: {
          superuser: user('postgres'),
          replication: user('replicator'),
          rewind: user('rewind'),
        },
        parameters: {
          unix_socket_directories: node.folder,
          logging_collector: 'on',
          log_directory: node.folder,
          log_filename: 'postgres.log',
          log_line_prefix: '%m [%p] %u ',
        },
      },
    };
  }
}
