import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../src/demo/free-port.ts';
import type { Cleanup } from '../../support/servers.ts';
import { startBackground } from '../background.ts';
import type { Contestant, ServerPorts } from '../contestant.ts';
import { possibleSessions } from '../open-files.ts';
import { findProgram, runProgram } from '../program.ts';

/** HAProxy in TCP mode with a thread for each core; null where it is not installed. */
export async function haproxy(t: Cleanup, servers: ServerPorts, folder: string): Promise<Contestant | null> {
  const program = findProgram('haproxy');
  if (program === null) return null;
  const ports: Record<string, number> = {};
  const listens: string[] = [];
  for (const [name, server] of Object.entries(servers)) {
    if (server === null) continue;
    const port = await freePort();
    ports[name] = port;
    listens.push(`listen ${name}\n  bind 127.0.0.1:${port}\n  server ${name} 127.0.0.1:${server}\n`);
  }
  const config = `global
  nbthread ${availableParallelism()}
  maxconn ${possibleSessions()}
defaults
  mode tcp
  maxconn ${possibleSessions()}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${listens.join('')}`;
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, config);
  const [first = 0] = Object.values(ports);
  const { pid } = await startBackground(t, [program, '-db', '-f', file], first);
  const startAnother = (other: Cleanup) => haproxy(other, servers, folder);
  return { name: 'HAProxy', ports, pid, adminUrl: null, startAnother };
}

export const haproxyVersion = async (): Promise<string> =>
  /version (\S+)/.exec(await runProgram('haproxy', ['-v'], { timeoutMs: 5_000 }))?.[1] ?? '?';
