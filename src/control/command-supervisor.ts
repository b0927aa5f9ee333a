import { type ChildProcess, spawn } from 'node:child_process';
import type { EngineName } from '../engines/engine.ts';
import type { RejoinRequest, Supervisor } from './supervisor.ts';

export interface CommandSupervisorOptions {
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly string[];
  readonly engine: EngineName;
  /** One line that the command printed, on either stream. */
  readonly onLine: (line: string, request: RejoinRequest) => void;
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs?: number;
}

const killAfterMs = 10_000;
/** Lines of one run that are passed on, and characters of one line: the rest is left out. */
const mostLines = 1_000;
const longestLine = 2_000;
/** What is in the pipe when the command ends is still read; a server that it left running may hold the pipe for ever. */
const lastWordsMs = 200;

/** Runs a command of the operator's for each server that is to be brought back, with the facts in its environment. */
export class CommandSupervisor implements Supervisor {
  readonly #options: CommandSupervisorOptions;

  constructor(options: CommandSupervisorOptions) {
    this.#options = options;
  }

  async rejoin(request: RejoinRequest, timeoutMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const [file = '', ...args] = this.#options.command;
    const child = spawn(file, args, {
      env: { ...process.env, ...factsOf(request, this.#options.engine) },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that a deadline ends what the command has started too.
      detached: true,
    });
    const lines = new Lines((line) => this.#options.onLine(line, request));
    const how = await this.#outcome(child, lines, timeoutMs, signal);
    if (how !== null) {
      const words = lines.last === '' ? '' : `: ${lines.last}`;
      throw new Error(`${file} ${how}${words}`);
    }
  }

  /** Null where it succeeded. */
  #outcome(
    child: ChildProcess,
    lines: Lines,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<string | null> {
    return new Promise((resolve) => {
      let cause: string | null = null;
      let killer: NodeJS.Timeout | undefined;
      const end = (why: string): void => {
        if (cause !== null) return;
        cause = why;
        signalGroup(child, 'SIGTERM');
        killer = setTimeout(() => signalGroup(child, 'SIGKILL'), this.#options.killAfterMs ?? killAfterMs);
      };
      const deadline = setTimeout(() => end(`was not done within ${timeoutMs / 1000} s`), timeoutMs);
      const onAbort = (): void => end('was ended, because Aurelay stops');
      signal.addEventListener('abort', onAbort, { once: true });
      running.add(child);
      const settle = (how: string | null): void => {
        clearTimeout(deadline);
        clearTimeout(killer);
        signal.removeEventListener('abort', onAbort);
        // What the command started and left behind must not go on with a server that is asked for again.
        if (cause !== null) signalGroup(child, 'SIGKILL');
        running.delete(child);
        lines.end();
        child.stdout?.destroy();
        child.stderr?.destroy();
        resolve(cause ?? how);
      };
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding('utf8');
        stream?.on('data', (chunk: string) => lines.add(chunk));
        stream?.on('error', () => {});
      }
      child.once('error', (error) => settle(`could not be run (${error.message})`));
      child.once('exit', (status, by) => {
        const how =
          status === 0 ? null : status === null ? `was ended by ${by}` : `failed with exit status ${status}`;
        const timer = setTimeout(() => settle(how), lastWordsMs);
        child.once('close', () => {
          clearTimeout(timer);
          settle(how);
        });
      });
    });
  }
}

/** Both streams as lines, each cut where it is too long, and no more of them than anybody reads. */
class Lines {
  readonly #tell: (line: string) => void;
  #rest = '';
  #count = 0;
  last = '';

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  add(chunk: string): void {
    const parts = (this.#rest + chunk).split('\n');
    this.#rest = (parts.pop() ?? '').slice(0, longestLine);
    for (const part of parts) this.#line(part);
  }

  end(): void {
    this.#line(this.#rest);
    this.#rest = '';
  }

  #line(text: string): void {
    const line = text.trimEnd().slice(0, longestLine);
    if (line === '') return;
    this.last = line;
    this.#count += 1;
    if (this.#count <= mostLines) this.#tell(line);
    if (this.#count === mostLines + 1) this.#tell('(more output is left out)');
  }
}

/** What the command is told, as environment variables; docs/rejoin.md lists them. */
export function factsOf(request: RejoinRequest, engine: EngineName): Readonly<Record<string, string>> {
  const { cluster, instance, writer, writerAddress, epoch, positions, reason } = request;
  return {
    AURELAY_CLUSTER: cluster,
    AURELAY_ENGINE: engine,
    AURELAY_EPOCH: String(epoch),
    AURELAY_REASON: reason,
    AURELAY_INSTANCE: instance.id,
    AURELAY_INSTANCE_HOST: instance.address.host,
    AURELAY_INSTANCE_PORT: String(instance.address.port),
    AURELAY_INSTANCE_POSITION: positions.instance ?? '',
    AURELAY_WRITER: writer.id,
    AURELAY_WRITER_HOST: writerAddress.host,
    AURELAY_WRITER_PORT: String(writerAddress.port),
    AURELAY_WRITER_POSITION: positions.writer ?? '',
  };
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) signalGroup(child, 'SIGKILL');
});

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // All of it has ended already.
  }
}
