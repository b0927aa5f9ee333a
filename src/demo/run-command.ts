import { type ChildProcess, spawn } from 'node:child_process';
import type { ServerUser } from './server-user.ts';

/** Longer outputs are cut at the front: the end says what went wrong. */
const outputLimit = 16_384;

export interface CommandResult {
  /** 0 is success; null where a signal ended it or it could not be started. */
  readonly status: number | null;
  /** Both streams, in the order they came. */
  readonly output: string;
}

export interface CommandOptions {
  readonly user?: ServerUser | null;
  readonly cwd?: string;
  /** What the program reads from its standard input; default: nothing. */
  readonly input?: string;
  readonly timeoutMs: number;
}

/**
 * What a database program gets to see of our environment: not `PGDATA`, `PGPORT` or `MYSQL_HOME`, and one language
 * for its messages.
 */
export const serverEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`,
  LC_ALL: 'C',
  TZ: 'UTC',
});

/** Runs a program that ends by itself; never rejects. */
export function runCommand(
  file: string,
  args: readonly string[],
  { user = null, cwd = '/', input = '', timeoutMs }: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      cwd,
      env: serverEnvironment(),
      stdio: 'pipe',
      // A group of its own: Ctrl-C in the terminal is for the demo, and a timeout ends the program's children too.
      detached: true,
      ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
    });
    let output = '';
    const add = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-outputLimit);
    };
    const end = (status: number | null) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ status, output });
    };
    const timer = setTimeout(() => {
      output += `\nno end after ${timeoutMs / 1000} s: killed`;
      killGroup(child);
    }, timeoutMs);
    running.add(child);
    child.stdout.on('data', add).on('error', () => {});
    child.stderr.on('data', add).on('error', () => {});
    child.stdin.on('error', () => {}).end(input);
    child.once('error', (error) => {
      output += error.message;
      end(null);
    });
    child.once('close', (status) => end(status));
  });
}

const running = new Set<ChildProcess>();
process.on('exit', () => running.forEach(killGroup));

function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
