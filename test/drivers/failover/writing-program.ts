import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import type { Cleanup } from '../../support/servers.ts';
import type { Launch } from './drivers.ts';
import { type ProgramLine, parseLine } from './program-line.ts';

export interface Destination {
  readonly port: number;
  /** What its rows are marked with. */
  readonly client: number;
}

/** What a driver told its program of; times in milliseconds of the monotonic clock. */
export interface Trouble {
  readonly kind: 'error' | 'again';
  readonly code: string;
  readonly message: string;
  readonly at: number;
}

const maxRemarks = 12;

/** A program that inserts numbered rows through a driver, in a process group of its own; killed after the test. */
export class WritingProgram {
  readonly acknowledged: { readonly number: number; readonly at: number }[] = [];
  readonly troubles: Trouble[] = [];
  /** The last things that it printed otherwise: why it died, as a rule. */
  readonly remarks: string[] = [];
  version = '?';
  readonly client: number;
  readonly #child: ChildProcess;
  #isRunning = true;
  #isKilled = false;

  private constructor(child: ChildProcess, client: number) {
    this.#child = child;
    this.client = client;
    const end = () => {
      this.#isRunning = false;
    };
    child.once('exit', end);
    child.once('error', (error) => {
      this.remarks.push(error.message);
      end();
    });
    this.#follow('stdout');
    this.#follow('stderr');
  }

  static start(t: Cleanup, { file, args, env = {} }: Launch, { port, client }: Destination): WritingProgram {
    const child = spawn(file, args, {
      // Nobody's settings, passwords or services.
      env: {
        PATH: process.env.PATH ?? '',
        LC_ALL: 'C.UTF-8',
        HOME: '/nonexistent',
        ...{ DB_HOST: '127.0.0.1', DB_PORT: String(port), CLIENT: String(client) },
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const program = new WritingProgram(child, client);
    t.after(() => program.stop());
    return program;
  }

  /** It ended by itself. */
  get hasDied(): boolean {
    return !this.#isRunning && !this.#isKilled;
  }

  /** With all the processes that it has started. */
  async stop(): Promise<void> {
    if (!this.#isRunning || this.#child.pid === undefined) return;
    this.#isKilled = true;
    const ended = once(this.#child, 'exit');
    process.kill(-this.#child.pid, 'SIGKILL');
    await ended;
  }

  #follow(name: 'stdout' | 'stderr'): void {
    const input = this.#child[name];
    if (input === null) return;
    createInterface({ input }).on('line', (text) => this.#note(parseLine(name, text)));
  }

  #note(line: ProgramLine): void {
    const at = performance.now();
    if (line.kind === 'driver') this.version = line.version;
    else if (line.kind === 'ack') this.acknowledged.push({ number: line.number, at });
    else if (line.kind === 'other') {
      this.remarks.push(line.text);
      if (this.remarks.length > maxRemarks) this.remarks.shift();
    } else this.troubles.push({ ...line, at });
  }
}
