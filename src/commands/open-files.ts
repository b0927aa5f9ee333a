import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.ts';

/** Probes, listeners, the admin API's clients, logs, the runtime's own, and sessions that are just being opened. */
const reserve = 512;

/** Open files of a full house: a session is a socket to the client and one to the server. */
export function openFilesNeeded({ clusters }: Pick<Config, 'clusters'>): number {
  let sessions = 0;
  for (const { endpoints } of clusters.values()) {
    for (const { maxSessions } of endpoints.values()) sessions += maxSessions;
  }
  return 2 * sessions + reserve;
}

/**
 * The process's own limit, as Linux tells it (proc(5), `/proc/pid/limits`: the first number is the soft limit, which
 * Node has raised to the hard one at its start). Null where it cannot be read, or there is none.
 */
export function openFilesAllowed(limits: string | null = readLimits()): number | null {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits ?? '')?.[1];
  return soft === undefined ? null : Number(soft);
}

/** What to tell where endpoints can be given more sessions than there are files for; null where all is well. */
export function openFilesWarning(config: Pick<Config, 'clusters'>, allowed: number | null): string | null {
  const needed = openFilesNeeded(config);
  if (allowed === null || allowed >= needed) return null;
  return (
    `this process may open ${allowed} files, and needs ${needed} once every endpoint has its max_sessions ` +
    `(two a session, and ${reserve} beside): start it with \`ulimit -n ${needed}\` or, under systemd, ` +
    `\`LimitNOFILE=${needed}\`, or lower max_sessions`
  );
}

function readLimits(): string | null {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return null;
  }
}
