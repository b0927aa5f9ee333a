import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './program.ts';
import { percentile } from './summary.ts';

export interface PgbenchOptions {
  readonly port: number;
  readonly mode: 'prepared' | 'simple';
  readonly clients: number;
  readonly seconds: number;
  /** A new connection for each transaction (`-C`). */
  readonly reconnect?: boolean;
  /** For its transaction logs. */
  readonly folder: string;
}

export interface PgbenchResult {
  readonly tps: number;
  readonly transactions: number;
  /** Milliseconds; of a sample where there are many clients. */
  readonly p50: number;
  readonly p99: number;
}

/** Small enough for the demo's 32 MB of shared buffers: the load is to be on the wire. */
const scale = '1';
const base = (port: number) => ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];

export async function pgbenchInit(port: number): Promise<void> {
  await runProgram('pgbench', ['-i', '-q', '-s', scale, ...base(port), 'postgres'], { timeoutMs: 60_000 });
}

/** Read-only transactions of one statement, `pgbench -S`. */
export async function pgbench(options: PgbenchOptions): Promise<PgbenchResult> {
  const { port, mode, clients, seconds, reconnect = false, folder } = options;
  const logs = join(folder, 'pgbench-logs');
  rmSync(logs, { recursive: true, force: true });
  mkdirSync(logs);
  const threads = Math.min(clients, availableParallelism());
  const sampling = clients === 1 || reconnect ? [] : ['--sampling-rate=0.05'];
  const args = [
    ...['-n', '-S', '-M', mode, '-c', String(clients), '-j', String(threads), '-T', String(seconds)],
    ...(reconnect ? ['-C'] : []),
    ...['-l', '--log-prefix=log', ...sampling, ...base(port), 'postgres'],
  ];
  const printed = await runProgram('pgbench', args, { cwd: logs, timeoutMs: (seconds + 60) * 1000 });
  const latencies = readLatencies(readdirSync(logs).map((name) => readFileSync(join(logs, name), 'latin1')));
  return {
    ...readPrinted(printed),
    p50: percentile(latencies, 0.5) / 1000,
    p99: percentile(latencies, 0.99) / 1000,
  };
}

export function readPrinted(printed: string): { readonly tps: number; readonly transactions: number } {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(printed)?.[1];
    if (found === undefined) throw new Error(`pgbench printed no ${pattern}: ${printed}`);
    return Number(found);
  };
  return {
    tps: number(/^tps = ([\d.]+)/m),
    transactions: number(/^number of transactions actually processed: (\d+)/m),
  };
}

/** Microseconds, ascending: the third field of each line of a transaction log (pgbench's manual, "Per-Transaction Logging"). */
export function readLatencies(logs: readonly string[]): number[] {
  const lines = logs.flatMap((log) => log.split('\n')).filter((line) => line !== '');
  return lines.map((line) => Number(line.split(' ')[2])).sort((a, b) => a - b);
}
