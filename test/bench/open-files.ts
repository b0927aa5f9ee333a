import { readFileSync } from 'node:fs';

/** Two descriptors a session, and 10,000 sessions. */
const wanted = 65_536;
/** What a process needs beside its sessions. */
const spare = 400;

/** What a shell has to do before it becomes a program that is to keep many connections. */
export const raiseLimit = `ulimit -n ${wanted} 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"`;

/** Sessions that one proxy can have here, with two descriptors each and the hard limit of proc(5)'s `limits`. */
export function possibleSessions(): number {
  const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return Math.floor((Math.min(wanted, Number(hard ?? 1024)) - spare) / 2);
}
