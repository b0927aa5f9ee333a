import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { raiseLimit } from '../open-files.ts';

export interface Crowd {
  /** Closes all of its sessions. */
  leave(): Promise<void>;
}

const script = fileURLToPath(new URL('clients.ts', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));
const openDeadlineMs = 120_000;

/** `count` idle sessions through `port`, all of them open. */
export async function idleCrowd(port: number, count: number): Promise<Crowd> {
  const args = [process.execPath, '--import', 'tsx', script, String(port), String(count)];
  const child = spawn('/bin/sh', ['-c', raiseLimit, 'sh', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const leave = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${count} idle sessions in time`)), openDeadlineMs);
      child.stdout.setEncoding('utf8').on('data', (line: string) => {
        clearTimeout(timer);
        if (line.startsWith('ready')) resolve();
        else reject(new Error(line.trim()));
      });
    });
  } catch (error) {
    await leave();
    throw error;
  }
  return { leave };
}
