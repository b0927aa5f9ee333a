import { fileURLToPath } from 'node:url';
import type { Load, Measure } from '../measure.ts';
import { pgbench } from '../pgbench.ts';
import { sysbench } from '../sysbench.ts';
import { transactionFigures } from '../transactions.ts';

const clients = 8;
const script = fileURLToPath(new URL('../connects.lua', import.meta.url));

const postgres: Load = {
  name: 'pgbench -C, 8 clients',
  engine: 'postgres',
  suits: ({ ports }) => ports.postgres !== undefined,
  run: (contestant, { seconds, folder }) =>
    transactionFigures(contestant, () =>
      pgbench({
        port: contestant.ports.postgres ?? 0,
        mode: 'simple',
        clients,
        seconds,
        folder,
        reconnect: true,
      }),
    ),
};

const mysql: Load = {
  name: 'MySQL connects, 8 clients',
  engine: 'mysql',
  suits: ({ ports }) => ports.mysql !== undefined,
  run: (contestant, { seconds }) =>
    transactionFigures(contestant, () =>
      sysbench(script, { port: contestant.ports.mysql ?? 0, threads: clients, seconds }),
    ),
};

/** A connection for each statement. */
export const connects: Measure = { name: 'connects', loads: [postgres, mysql] };
