import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerUser } from '../../src/demo/server-user.ts';
import type { Cleanup } from '../support/servers.ts';
import { raiseLimit } from './open-files.ts';
import { ownSession } from './program.ts';

export interface BackgroundOptions {
  readonly user?: ServerUser | null;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const startDeadlineMs = 20_000;

/**
 * Starts a program that runs until the end of the bench, with a raised limit of open files where that is allowed.
 * Resolves once `port` of 127.0.0.1 takes connections.
 */
export async function startBackground(
  t: Cleanup,
  command: readonly string[],
  port: number,
  { user = null, env = {}, cwd = '/' }: BackgroundOptions = {},
): Promise<ChildProcess & { readonly pid: number }> {
  // The shell replaces itself with the program, whose process id is the shell's then.
  const child = spawn('/bin/sh', ['-c', raiseLimit, 'sh', ...command], {
    cwd,
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: ownSession,
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed = (printed + chunk.toString()).slice(-4_000);
    });
  }
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  t.after(async () => {
    if (hasEnded() || child.pid === undefined) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  const deadline = Date.now() + startDeadlineMs;
  while (!(await takesConnections(port))) {
    if (hasEnded()) throw new Error(`${command[0]} ended while it started:\n${printed}`);
    if (Date.now() > deadline) throw new Error(`${command[0]} does not listen on port ${port}:\n${printed}`);
    await sleep(50);
  }
  if (child.pid === undefined) throw new Error(`${command[0]} could not be started`);
  return child as ChildProcess & { readonly pid: number };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
