import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedClusterError } from './cluster.ts';
import { guard } from './guard.ts';
import { serverEnvironment } from './run-command.ts';
import { processesIn, runningServer, signalProcess } from './running-server.ts';
import type { ServerUser } from './server-user.ts';

const startDeadlineMs = 60_000;
const stopDeadlineMs = 8_000;
const killDeadlineMs = 10_000;
const pollMs = 20;

export interface ServerSpec {
  readonly id: string;
  readonly command: { readonly file: string; readonly args: readonly string[] };
  readonly user: ServerUser | null;
  /** The server's data directory: it starts there, and is recognised by it. */
  readonly dataDirectory: string;
  readonly pidFile: string;
  readonly logFile: string;
  /** Asks for a fast and clean stop. */
  readonly stopSignal: NodeJS.Signals;
  /** Whether the server of process `pid` takes connections. */
  readonly isReady: (pid: number) => Promise<boolean>;
  readonly onProgress: (line: string) => void;
  readonly signal: AbortSignal | null;
}

/** One server as a child process: started and stopped on request, and never by itself. */
export class ServerProcess {
  readonly #spec: ServerSpec;
  #child: ChildProcess | null = null;
  #isStopping = false;
  #liftGuard: (() => void) | null = null;

  constructor(spec: ServerSpec) {
    this.#spec = spec;
  }

  /** The server's process id, whoever started it. */
  pid(): number | null {
    if (this.#child?.pid !== undefined) return this.#child.pid;
    return runningServer(this.#spec.pidFile, this.#spec.dataDirectory);
  }

  kill(signal: NodeJS.Signals): void {
    const pid = this.pid();
    if (pid === null || !signalProcess(pid, signal)) {
      throw new EmbeddedClusterError(`${this.#spec.id} does not run: nothing to send ${signal} to`);
    }
  }

  async start(): Promise<void> {
    const running = this.pid();
    if (running !== null)
      throw new EmbeddedClusterError(`${this.#spec.id} runs already, as process ${running}`);
    await this.#clearOrphans(killDeadlineMs / 2);
    this.#isStopping = false;
    const logStart = sizeOf(this.#spec.logFile);
    const child = this.#spawn();
    const deadline = Date.now() + startDeadlineMs;
    while (this.#child === child && Date.now() < deadline && this.#spec.signal?.aborted !== true) {
      if (child.pid !== undefined && (await this.#spec.isReady(child.pid))) return;
      await sleep(pollMs);
    }
    const why =
      this.#child === child ? `gave no answer within ${startDeadlineMs / 1000} s` : 'ended while it started';
    if (this.#child === child) await this.stop();
    this.#spec.signal?.throwIfAborted();
    throw new EmbeddedClusterError(
      `${this.#spec.id} ${why}; its log ${this.#spec.logFile} ends with:\n${lastLines(this.#spec.logFile, logStart)}`,
    );
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const pid = this.pid();
    if (pid !== null) {
      signalProcess(pid, this.#spec.stopSignal);
      // A frozen server gets the signal only once it runs again.
      signalProcess(pid, 'SIGCONT');
      if (!(await this.#isGoneWithin(stopDeadlineMs))) {
        signalProcess(pid, 'SIGKILL');
        if (!(await this.#isGoneWithin(killDeadlineMs))) {
          throw new EmbeddedClusterError(`${this.#spec.id} (process ${pid}) did not end even after SIGKILL`);
        }
      }
    }
    await this.#clearOrphans(0);
    this.#liftGuard?.();
    this.#liftGuard = null;
  }

  #spawn(): ChildProcess {
    const { command, user, dataDirectory, pidFile, logFile } = this.#spec;
    this.#liftGuard ??= guard({ kind: 'server', dataDirectory, pidFile });
    const log = openSync(logFile, 'a');
    const child = spawn(command.file, command.args, {
      cwd: dataDirectory,
      env: serverEnvironment(),
      stdio: ['ignore', log, log],
      // A process group of its own: Ctrl-C reaches the demo, which stops the servers in order.
      detached: true,
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
    });
    closeSync(log);
    this.#child = child;
    child.once('error', (error) => this.#ended(child, error.message));
    child.once('exit', (status, signal) =>
      this.#ended(child, signal === null ? `exit status ${status}` : `killed by ${signal}`),
    );
    return child;
  }

  #ended(child: ChildProcess, how: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    if (!this.#isStopping) this.#spec.onProgress(`${this.#spec.id} has ended (${how})`);
  }

  async #isGoneWithin(deadlineMs: number): Promise<boolean> {
    const deadline = Date.now() + deadlineMs;
    while (this.pid() !== null) {
      if (Date.now() > deadline) return false;
      await sleep(pollMs);
    }
    return true;
  }

  /**
   * The children of a postmaster that was killed end by themselves, soon; until then they hold its shared memory and no
   * new one can start. One that was frozen never does.
   */
  async #clearOrphans(patienceMs: number): Promise<void> {
    const killAt = Date.now() + patienceMs;
    const giveUpAt = killAt + killDeadlineMs;
    for (;;) {
      const orphans = processesIn(this.#spec.dataDirectory);
      if (orphans.length === 0) return;
      if (Date.now() > giveUpAt) {
        throw new EmbeddedClusterError(`${this.#spec.id} left processes behind: ${orphans.join(', ')}`);
      }
      if (Date.now() >= killAt) for (const pid of orphans) signalProcess(pid, 'SIGKILL');
      await sleep(pollMs);
    }
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function lastLines(file: string, from: number): string {
  const text = readFileSync(file).subarray(from).toString();
  return text.trim().split('\n').slice(-12).join('\n');
}
