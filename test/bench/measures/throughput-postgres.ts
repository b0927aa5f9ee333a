import type { Load, Measure } from '../measure.ts';
import { pgbench } from '../pgbench.ts';
import { transactionFigures } from '../transactions.ts';

const load = (mode: 'prepared' | 'simple', clients: number): Load => ({
  name: `pgbench -S ${mode}, ${clients} client${clients === 1 ? '' : 's'}`,
  engine: 'postgres',
  suits: ({ ports }) => ports.postgres !== undefined,
  run: (contestant, { seconds, folder }) =>
    transactionFigures(contestant, () =>
      pgbench({ port: contestant.ports.postgres ?? 0, mode, clients, seconds, folder }),
    ),
});

/** Transactions of one statement: how many, how fast, and at what cost. */
export const throughputPostgres: Measure = {
  name: 'throughput-postgres',
  loads: (['prepared', 'simple'] as const).flatMap((mode) =>
    [1, 8, 64].map((clients) => load(mode, clients)),
  ),
};
