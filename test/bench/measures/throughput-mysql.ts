import type { Load, Measure } from '../measure.ts';
import { sysbench } from '../sysbench.ts';
import { transactionFigures } from '../transactions.ts';

const load = (threads: number): Load => ({
  name: `sysbench oltp_point_select, ${threads} client${threads === 1 ? '' : 's'}`,
  engine: 'mysql',
  suits: ({ ports }) => ports.mysql !== undefined,
  run: (contestant, { seconds }) =>
    transactionFigures(contestant, () =>
      sysbench('oltp_point_select', { port: contestant.ports.mysql ?? 0, threads, seconds }),
    ),
});

/** Statements on one row by its key. */
export const throughputMysql: Measure = { name: 'throughput-mysql', loads: [1, 8, 64].map(load) };
