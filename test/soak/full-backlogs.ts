import { readFileSync } from 'node:fs';

/**
 * How often a connection found an accept queue full, on this machine since it started (`nstat`'s TcpExtListenOverflows:
 * the kernel drops the attempt, and the client tries again a second later); null where the system does not tell.
 */
export function fullBacklogs(netstat: string | null = readNetstat()): number | null {
  const [names, values] = (netstat ?? '').split('\n').filter((line) => line.startsWith('TcpExt:'));
  const at = names?.split(' ').indexOf('ListenOverflows') ?? -1;
  return at < 0 || values === undefined ? null : Number(values.split(' ')[at]);
}

function readNetstat(): string | null {
  try {
    return readFileSync('/proc/net/netstat', 'latin1');
  } catch {
    return null;
  }
}
