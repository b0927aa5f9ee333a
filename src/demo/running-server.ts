import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';

/** The kernel's names of the programs that a database directory may have running in it. */
const programs = new Set(['postgres', 'mariadbd', 'mysqld', 'initdb']);

/**
 * The server whose process id is in `pidFile`, if it still runs in `directory`. A pid file outlives `kill -9`, and its
 * number may be another process by now: that one is never returned.
 */
export function runningServer(pidFile: string, directory: string): number | null {
  const pid = readPid(pidFile);
  return pid !== null && worksIn(pid, realPath(directory)) ? pid : null;
}

function realPath(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}

function readPid(pidFile: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
    return pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

/** Both engines' servers make their data directory the current one, which on Linux anyone of their account can see. */
function worksIn(pid: number, directory: string): boolean {
  if (process.platform !== 'linux') return commandNames(pid, directory);
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) !== directory) return false;
    return programs.has(readFileSync(`/proc/${pid}/comm`, 'utf8').trim()) && !isZombie(pid);
  } catch {
    return false;
  }
}

function isZombie(pid: number): boolean {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z';
}

function commandNames(pid: number, directory: string): boolean {
  try {
    const command = execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return command.includes(directory);
  } catch {
    return false;
  }
}

/**
 * Every process of a server in `directory`, the children that a killed postmaster left behind included. Linux only;
 * empty elsewhere, where those children are left to notice for themselves.
 */
export function processesIn(directory: string): number[] {
  if (process.platform !== 'linux') return [];
  const path = realPath(directory);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => worksIn(pid, path));
}

/** Sends `signal` where the process still exists; false where it does not. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
