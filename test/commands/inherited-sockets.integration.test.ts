import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AdminClient } from '../../src/admin/client.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { postgresDrivers } from '../support/drivers.ts';
import { eventually, within } from '../support/eventually.ts';
import { readyz } from '../support/running-aurelay.ts';
import { scopeOf } from '../support/scope.ts';
import { type Cleanup, withPostgresCluster } from '../support/servers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const O_CLOEXEC = 0o2000000;

/**
 * A parent that owns listening sockets and starts Aurelays with them, as systemd does: a shell, because Node would accept
 * on them itself.
 */
class Launcher {
  readonly #shell: ChildProcess;
  readonly #command: string;
  #output = '';

  private constructor(shell: ChildProcess, command: string) {
    this.#shell = shell;
    this.#command = command;
    shell.stdout?.on('data', (chunk) => {
      this.#output += chunk;
    });
    shell.stdin?.on('error', () => {});
  }

  static async open(t: Cleanup, addresses: readonly string[], args: readonly string[]) {
    const servers = await Promise.all(addresses.map(listening));
    const ports = servers.map((server) => (server.address() as { port: number }).port);
    const names = addresses.map((_, index) => `socket-${index}`).join(':');
    const node = [process.execPath, '--import', 'tsx', 'src/cli.ts', ...args].map((arg) => `'${arg}'`);
    const start = `LISTEN_PID=$$ LISTEN_FDS=${servers.length} LISTEN_FDNAMES=${names} exec ${node.join(' ')}`;
    const shell = spawn('sh', [], { cwd: root, stdio: ['pipe', 'pipe', 'inherit', ...servers.map(fdOf)] });
    await once(shell, 'spawn');
    for (const server of servers) server.close();
    const launcher = new Launcher(shell, start);
    t.after(async () => {
      shell.kill('SIGKILL');
      for (const pid of launcher.#pids) kill(pid, 'SIGKILL');
    });
    return { launcher, ports };
  }

  readonly #pids: number[] = [];

  /** Starts one more, and returns its process id. Its log goes to `log`. */
  async start(log: string): Promise<number> {
    const before = this.#output.length;
    this.#shell.stdin?.write(`sh -c '${this.#command.replaceAll("'", `'\\''`)}' > '${log}' 2>&1 & echo $!\n`);
    const pid = await eventually(
      'it has started',
      () => /(\d+)\n/.exec(this.#output.slice(before))?.[1] ?? null,
    );
    this.#pids.push(Number(pid));
    return Number(pid);
  }
}

/** Node's types do not show it. */
const fdOf = (server: Server): number => (server as unknown as { _handle: { fd: number } })._handle.fd;

async function listening(address: string): Promise<Server> {
  const server = createServer().listen({ host: address, port: 0, backlog: 1024 });
  await once(server, 'listening');
  return server;
}

function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** A zombie until the shell looks after it, which it does with its next command. */
const hasEnded = (pid: number): boolean => {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
};

test('a restart under a stream of connecting clients refuses none', {
  timeout: 180_000,
  skip: process.platform === 'linux' ? false : 'sockets are handed down on Linux',
}, async (t) => {
  const scope = scopeOf(t);
  const { instances } = await withPostgresCluster(scope, { replicas: 0 });
  const folder = await makeTempFolder();
  scope.after(() => folder.remove());
  const file = join(folder.path, 'aurelay.yaml');
  const hosts = ['127.0.0.1', '127.0.0.1', '127.0.0.1'];
  const { launcher, ports } = await Launcher.open(scope, hosts, ['start', '-c', file]);
  const [admin = 0, writer = 0, unused = 0] = ports;
  await writeFile(
    file,
    `admin: { listen: localhost:${admin} }
state_dir: ${folder.path}
shutdown: { drain_timeout: 5s }
clusters:
  pg:
    engine: postgres
    monitor: { user: postgres }
    failover: { mode: automatic }
    instances: { pg-1: { address: 127.0.0.1:${instances[0]?.port} } }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:${writer} } }
`,
  );
  const url = `http://127.0.0.1:${admin}`;
  const logs = [join(folder.path, 'first.log'), join(folder.path, 'second.log')] as const;
  const first = await launcher.start(logs[0]);
  await eventually('the first is ready', async () => (await readyz(url)) === 200);
  const log = () => readFileSync(logs[0], 'utf8');
  assert.match(log(), new RegExp(`"inherited.unclaimed".*socket-2.*127\\.0\\.0\\.1:${unused}.*ListenStream`));
  assert.equal(log().match(/"event":"inherited.taken"/g)?.length, 2);
  for (const fd of [3, 4, 5]) {
    const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${first}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
    assert.ok(Number.parseInt(flags, 8) & O_CLOEXEC, `descriptor ${fd} is closed to children`);
  }

  const [driver] = postgresDrivers;
  let stopped = false;
  let served = 0;
  const failures: string[] = [];
  const client = async (): Promise<void> => {
    while (!stopped) {
      try {
        const session = await (driver as NonNullable<typeof driver>).connect({ port: writer });
        await session.query('SELECT 1');
        await session.close();
        served += 1;
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(2);
    }
  };
  const crowd = Array.from({ length: 4 }, client);
  await eventually('clients come and go', () => served > 100);
  kill(first, 'SIGTERM');
  await eventually('the first has ended', () => hasEnded(first));
  const before = served;
  const second = await launcher.start(logs[1]);
  await eventually('the second serves', () => served > before + 100);
  stopped = true;
  await within('every client is done', 60_000, Promise.all(crowd));
  assert.deepEqual(failures, []);
  assert.match(log(), /shutdown\.drained/);
  assert.ok((await new AdminClient({ address: url }).clusters()).length === 1);
  kill(second, 'SIGTERM');
  await eventually('the second has ended', () => hasEnded(second));
});
