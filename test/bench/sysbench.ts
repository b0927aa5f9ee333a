import { runProgram } from './program.ts';

export interface SysbenchResult {
  readonly tps: number;
  readonly transactions: number;
  /** Milliseconds, from the histogram: to about 2 %. */
  readonly p50: number;
  readonly p99: number;
}

const base = (port: number): string[] => [
  ...['--db-driver=mysql', '--mysql-host=127.0.0.1', `--mysql-port=${port}`, '--mysql-user=root'],
  ...['--mysql-db=bench', '--tables=1', '--table-size=10000'],
];

export async function sysbenchInit(port: number): Promise<void> {
  await runProgram(
    'mysql',
    ['-h127.0.0.1', `-P${port}`, '-uroot', '-e', 'CREATE DATABASE IF NOT EXISTS bench'],
    {
      timeoutMs: 20_000,
    },
  );
  await runProgram('sysbench', [...base(port), 'oltp_point_select', 'prepare'], { timeoutMs: 60_000 });
}

/** `script` is one of sysbench's own tests, or the path of a Lua file. */
export async function sysbench(
  script: string,
  options: { readonly port: number; readonly threads: number; readonly seconds: number },
): Promise<SysbenchResult> {
  const { port, threads, seconds } = options;
  const args = [
    ...base(port),
    ...[`--threads=${threads}`, `--time=${seconds}`, '--histogram=on', '--db-ps-mode=auto'],
    ...[script, 'run'],
  ];
  return readSysbench(await runProgram('sysbench', args, { timeoutMs: (seconds + 60) * 1000 }));
}

export function readSysbench(printed: string): SysbenchResult {
  const transactions = Number(/transactions:\s+(\d+)/.exec(printed)?.[1] ?? Number.NaN);
  const tps = Number(/transactions:\s+\d+\s+\(([\d.]+) per sec/.exec(printed)?.[1] ?? Number.NaN);
  const buckets = [...printed.matchAll(/^\s*([\d.]+) \|\**\s+(\d+)$/gm)].map(([, ms, count]) => ({
    ms: Number(ms),
    count: Number(count),
  }));
  if (Number.isNaN(tps) || buckets.length === 0) throw new Error(`sysbench printed no result: ${printed}`);
  return { transactions, tps, p50: atShare(buckets, 0.5), p99: atShare(buckets, 0.99) };
}

function atShare(buckets: readonly { readonly ms: number; readonly count: number }[], share: number): number {
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const { ms, count } of buckets) {
    seen += count;
    if (seen >= share * total) return ms;
  }
  return Number.NaN;
}
