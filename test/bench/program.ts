import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const searchPath = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`;

/** Where the program is; null where it is not installed. */
export function findProgram(name: string): string | null {
  for (const folder of searchPath.split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // The next folder may have it.
    }
  }
  return null;
}

/**
 * Every program is in a session of its own (`setsid`), as services are. Linux gives each session the same share of the
 * cores (sched(7), "The autogroup feature"), and each server process of PostgreSQL has one of its own: a proxy in the
 * bench's session would get the share of one client's server process.
 */
export const ownSession = true;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file that standard output goes to instead of the result. */
  readonly outputFile?: string;
  /** A file to be standard input. */
  readonly inputFile?: string;
  readonly timeoutMs: number;
}

/** Runs a program to its end and returns what it printed; throws its own words where it fails. */
export function runProgram(file: string, args: readonly string[], options: RunOptions): Promise<string> {
  const input = options.inputFile === undefined ? 'ignore' : openSync(options.inputFile, 'r');
  const output = options.outputFile === undefined ? 'pipe' : openSync(options.outputFile, 'w');
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd ?? '/',
      env: { PATH: searchPath, LC_ALL: 'C', HOME: '/nonexistent', PSQLRC: '/dev/null', ...options.env },
      stdio: [input, output, 'pipe'],
      detached: ownSession,
    });
    for (const fd of [input, output]) if (typeof fd === 'number') closeSync(fd);
    let printed = '';
    let complaints = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaints += text;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      if (status === 0) resolve(printed);
      else reject(new Error(`${file} ended with ${signal ?? status}: ${complaints}${printed}`.trim()));
    });
  });
}
