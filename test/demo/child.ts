import { type ChildProcess, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ServerUser } from '../../src/demo/server-user.ts';
import type { Cleanup } from '../support/servers.ts';

/** A test's own process, with all that it prints. */
export interface Child {
  readonly process: ChildProcess;
  output(): string;
  /** Resolves when the output has `text` in it; rejects when the process ends before that. */
  until(text: string): Promise<void>;
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Runs a script of `test/demo/processes` with `tempFolder` as the place for temporary files. */
export function runScript(
  t: Cleanup,
  script: string,
  args: readonly string[],
  options: { readonly tempFolder: string; readonly user?: ServerUser | null },
): Child {
  const file = fileURLToPath(new URL(`./processes/${script}`, import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...process.env, TMPDIR: options.tempFolder, HOME: options.tempFolder },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.user ? { uid: options.user.uid, gid: options.user.gid } : {}),
  });
  let output = '';
  const waiting = new Set<() => void>();
  const add = (chunk: Buffer) => {
    output += chunk.toString();
    for (const look of waiting) look();
  };
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  child.stdin.on('error', () => {});
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'nothing'));
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const until = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!output.includes(text)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      ended.then(
        (how) => reject(new Error(`ended (${how}) before it printed "${text}":\n${output}`)),
        reject,
      );
    });
  return { process: child, output: () => output, until, ended };
}

/** What lies in a folder for temporary files, without the cache of the TypeScript loader. */
export async function leftIn(tempFolder: string): Promise<string[]> {
  return (await readdir(tempFolder)).filter((name) => !name.startsWith('tsx-') && !name.startsWith('node-'));
}
