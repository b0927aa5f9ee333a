import type { Contestant } from './contestant.ts';
import { cpuDuring } from './cpu-time.ts';
import type { Figure } from './measure.ts';

/** The figures of any load that is made of transactions. */
export async function transactionFigures(
  { pid }: Contestant,
  run: () => Promise<{
    readonly tps: number;
    readonly transactions: number;
    readonly p50: number;
    readonly p99: number;
  }>,
): Promise<readonly Figure[]> {
  const { result, machine, own } = await cpuDuring(pid, run);
  const perTransaction = (seconds: number): number => (seconds / result.transactions) * 1e6;
  return [
    { figure: 'tps', unit: '/s', better: 'higher', value: result.tps },
    { figure: 'p50', unit: 'ms', better: 'lower', value: result.p50 },
    { figure: 'p99', unit: 'ms', better: 'lower', value: result.p99 },
    { figure: 'CPU, machine', unit: 'µs', better: 'lower', value: perTransaction(machine) },
    ...(pid === null
      ? []
      : [{ figure: 'CPU, own', unit: 'µs', better: 'lower' as const, value: perTransaction(own) }]),
  ];
}
