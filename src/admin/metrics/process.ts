import { readdir, readFile } from 'node:fs/promises';
import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * The few numbers about the process itself that an operator of a proxy needs. Not prom-client's default metrics:
 * those list open files synchronously (a stall, with ten thousand sessions) and forget their event-loop
 * percentiles at each scrape, so that two scrapers take them from each other.
 */
export function addProcessMetrics(registry: Registry): void {
  const registers = [registry];
  new Counter({
    name: 'aurelay_process_cpu_seconds_total',
    help: 'User and system CPU time of the process.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: 'aurelay_process_resident_memory_bytes',
    help: 'Memory that the process holds in RAM.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'aurelay_process_heap_bytes',
    help: 'JavaScript heap in use.',
    registers,
    collect() {
      this.set(process.memoryUsage().heapUsed);
    },
  });
  new Gauge({
    name: 'aurelay_process_start_time_seconds',
    help: 'When the process began, in seconds since 1970-01-01 UTC.',
    registers,
  }).set(Math.round(Date.now() / 1000 - process.uptime()));
  addFileDescriptors(registry);
}

function addFileDescriptors(registry: Registry): void {
  new Gauge({
    name: 'aurelay_process_open_fds',
    help: 'Open file descriptors; a session takes two. 0 where the system does not tell (not Linux).',
    registers: [registry],
    async collect() {
      this.set(
        await readdir('/proc/self/fd')
          .then((names) => names.length)
          .catch(() => 0),
      );
    },
  });
  new Gauge({
    name: 'aurelay_process_max_fds',
    help: 'File descriptors that the process may open. 0 where the system does not tell (not Linux).',
    registers: [registry],
    async collect() {
      this.set(
        await readFile('/proc/self/limits', 'utf8')
          .then(openFilesLimit)
          .catch(() => 0),
      );
    },
  });
}

/** The soft limit in the text of proc(5)'s `limits`; 0 where it has none. */
export function openFilesLimit(limits: string): number {
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
}
