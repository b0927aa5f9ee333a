import { readFileSync } from 'node:fs';

/** The kernel counts in hundredths of a second (`USER_HZ`), on every machine that Node runs on. */
const ticksPerSecond = 100;

/** Seconds that the machine's cores have been busy since it started; proc(5), `/proc/stat`. */
export function machineBusySeconds(): number {
  const fields = (/^cpu\s+(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').map(Number);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) / ticksPerSecond;
}

/** Seconds that the process has run, its own and in the kernel; proc(5), `/proc/PID/stat`. */
export function processSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in brackets, may hold anything.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return ((fields[11] ?? 0) + (fields[12] ?? 0)) / ticksPerSecond;
}

/** Bytes of the process that are in RAM. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** CPU time while `run` ran, of the machine and of one process of it, in seconds. */
export async function cpuDuring<Result>(
  pid: number | null,
  run: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly machine: number; readonly own: number }> {
  const machine = machineBusySeconds();
  const own = pid === null ? 0 : processSeconds(pid);
  const result = await run();
  return {
    result,
    machine: machineBusySeconds() - machine,
    own: pid === null ? 0 : processSeconds(pid) - own,
  };
}
