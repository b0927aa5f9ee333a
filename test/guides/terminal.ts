import { randomUUID } from 'node:crypto';
import type { Shell } from './fresh-machine.ts';

/** Longer outputs are cut at the front. */
const outputLimit = 1_000_000;
const openTimeoutMs = 15_000;
const settleTimeoutMs = 3_000;
const interruptTimeoutMs = 60_000;
const pressAgainMs = 2_000;
/** From the end of a shell until its last output has surely been read. */
const lastWordsMs = 300;

export interface ShellHost {
  openShell(): Shell;
  interrupt(group: number): Promise<void>;
}

export type BlockOutcome =
  | { readonly kind: 'ended'; readonly status: number; readonly output: string }
  /** The text that was waited for was printed; the block goes on. */
  | { readonly kind: 'running'; readonly output: string }
  | { readonly kind: 'late'; readonly output: string };

export interface BlockOptions {
  readonly deadlineMs: number;
  /** A command that fails ends the block, and the shell with it. */
  readonly stopsAtFailure: boolean;
  readonly runsUntil: string | null;
}

/** An interactive shell as a reader has it open: directory, variables and what runs in it outlive a block. */
export class Terminal {
  readonly #host: ShellHost;
  readonly #shell: Shell;
  #group = 0;
  #output = '';
  /** How much of the output was looked at. */
  #seen = 0;
  #hasEnded = false;
  #isBusy = false;
  /** Of the latest block; null: it has not ended. */
  #status: () => number | null = () => null;
  #notice: () => void = () => {};

  private constructor(host: ShellHost) {
    this.#host = host;
    this.#shell = host.openShell();
    const add = (chunk: Buffer) => {
      this.#output += chunk.toString();
      const excess = this.#output.length - outputLimit;
      if (excess > 0) {
        this.#output = this.#output.slice(excess);
        this.#seen = Math.max(0, this.#seen - excess);
      }
      this.#notice();
    };
    this.#shell.stdout.on('data', add);
    this.#shell.stderr.on('data', add);
    this.#shell.stdin.on('error', () => {});
    const end = () => {
      this.#hasEnded = true;
      this.#notice();
    };
    this.#shell.on('error', end);
    this.#shell.on('close', end);
    // What it started may hold its output open for ever.
    this.#shell.on('exit', () => setTimeout(end, lastWordsMs));
  }

  static async open(host: ShellHost): Promise<Terminal> {
    const terminal = new Terminal(host);
    const mark = `ready-${randomUUID()}`;
    // One stream, so that lines stand in the order in which they were printed; `!` is no history here.
    terminal.#type(`exec 2>&1; set +H; printf '%s %s\\n' "${mark.slice(0, 8)}""${mark.slice(8)}" $$`);
    const pattern = new RegExp(`${mark} (\\d+)\\n`);
    await terminal.#until(() => pattern.test(terminal.#output), openTimeoutMs);
    terminal.#group = Number(pattern.exec(terminal.#output)?.[1] ?? 0);
    if (terminal.#group === 0) throw new Error(`a shell did not start: ${terminal.#output}`);
    return terminal;
  }

  /** Nothing can be typed into it any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get isBusy(): boolean {
    return this.#isBusy && !this.#hasEnded && this.#status() === null;
  }

  /** Waits for a block that somebody else has just ended. */
  async settle(): Promise<void> {
    await this.#until(() => !this.isBusy, settleTimeoutMs);
  }

  /** Has the shell run a file, in itself. */
  async run(file: string, { deadlineMs, stopsAtFailure, runsUntil }: BlockOptions): Promise<BlockOutcome> {
    this.#output = '';
    this.#seen = 0;
    this.#isBusy = true;
    const done = this.#typeMarked(`${stopsAtFailure ? 'set -e; ' : ''}. ${file} < /dev/null`);
    this.#status = done;
    const isThere = (): boolean => runsUntil !== null && this.#output.includes(runsUntil);
    await this.#until(() => done() !== null || isThere(), deadlineMs);
    const status = done();
    if (status !== null) this.#isBusy = false;
    if (isThere() && status === null && !this.#hasEnded) {
      this.#seen = this.#output.length;
      return { kind: 'running', output: this.#text() };
    }
    if (status !== null) return { kind: 'ended', status, output: this.#text() };
    if (this.#hasEnded) return { kind: 'ended', status: this.#shell.exitCode ?? 1, output: this.#text() };
    return { kind: 'late', output: this.#text() };
  }

  /** Waits until what was printed since the latest look is as wished; returns it, and whether it is. */
  async look(
    isMet: (output: string) => boolean,
    deadlineMs: number,
  ): Promise<{ isMet: boolean; output: string }> {
    const news = (): string => withoutMarks(this.#output.slice(this.#seen));
    await this.#until(() => isMet(news()), deadlineMs);
    const output = news();
    this.#seen = this.#output.length;
    return { isMet: isMet(output), output };
  }

  /** Ctrl-C; resolves when the shell listens again, or has ended. */
  async interrupt(): Promise<boolean> {
    await this.#host.interrupt(this.#group);
    const done = this.#typeMarked(':');
    // One that comes between two commands of a block ends neither: a reader would press it once more.
    for (let waitedMs = 0; waitedMs < interruptTimeoutMs; waitedMs += pressAgainMs) {
      await this.#until(() => done() !== null, pressAgainMs);
      if (done() !== null || this.#hasEnded) break;
      await this.#host.interrupt(this.#group);
    }
    this.#isBusy = false;
    return done() !== null || this.#hasEnded;
  }

  /** Types a command; what is returned is its exit status, as soon as that is known. */
  #typeMarked(command: string): () => number | null {
    const mark = randomUUID();
    this.#type(`${command}; { status=$?; set +e; } 2> /dev/null; printf '\\n[%s %s]\\n' ${mark} $status`);
    const pattern = new RegExp(`\\[${mark} (\\d+)\\]`);
    return () => {
      const status = pattern.exec(this.#output)?.[1];
      return status === undefined ? null : Number(status);
    };
  }

  #type(line: string): void {
    this.#shell.stdin.write(`${line}\n`);
  }

  #text(): string {
    return withoutMarks(this.#output);
  }

  /** Resolves when `isSo`, when the shell has ended, or after the deadline, whichever is first. */
  #until(isSo: () => boolean, deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#notice = () => {};
        resolve();
      };
      const timer = setTimeout(finish, deadlineMs);
      this.#notice = () => {
        if (isSo() || this.#hasEnded) finish();
      };
      this.#notice();
    });
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the control character ESC
const colours = /\x1b\[[0-9;]*m/g;
const marks = /\n?\[[0-9a-f]{8}-[0-9a-f-]{27} \d+\]\n/g;
const withoutMarks = (output: string): string => output.replaceAll(marks, '').replaceAll(colours, '');
