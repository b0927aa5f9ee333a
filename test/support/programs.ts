import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Cleanup } from './servers.ts';

/** What `test(…, { skip }, …)` takes: false where the program is installed, else the reason. */
export function programMissing(name: string): false | string {
  const isThere = (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  return isThere ? false : `${name} is not installed`;
}

export interface ProgramResult {
  /** 0 is success; null where a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly process: ChildProcess;
  readonly result: Promise<ProgramResult>;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Its standard input stays open behind `input`. */
  readonly keepInput?: true;
  readonly cwd?: string;
  readonly timeoutMs?: number;
}

/** Starts a program with a plain environment; killed after the test where it still runs. */
export function startProgram(
  t: Cleanup,
  file: string,
  args: readonly string[],
  { env = {}, input = '', keepInput, cwd, timeoutMs = 60_000 }: ProgramOptions = {},
): Program {
  const child = spawn(file, args, {
    // No ~/.psqlrc, ~/.pgpass or ~/.my.cnf, and one language for the messages.
    env: {
      PATH: process.env.PATH ?? '',
      LC_ALL: 'C.UTF-8',
      HOME: '/nonexistent',
      PSQLRC: '/dev/null',
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  if (keepInput) child.stdin.write(input);
  else child.stdin.end(input);
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const result = new Promise<ProgramResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await result.catch(() => {});
  });
  return { process: child, result };
}

export const runProgram = (
  t: Cleanup,
  file: string,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<ProgramResult> => startProgram(t, file, args, options).result;
