import { fileURLToPath } from 'node:url';
import type { Contestant } from '../contestant.ts';
import type { Load, Measure } from '../measure.ts';
import { pgbench } from '../pgbench.ts';
import { sysbench } from '../sysbench.ts';
import { transactionFigures } from '../transactions.ts';

const clients = 8;
const script = fileURLToPath(new URL('../connects.lua', import.meta.url));

/** Until JavaScript that runs once for each connection is compiled by every tier of V8. */
const warmUpSeconds = 4;

const reconnecting = ({ ports }: Contestant, seconds: number, folder: string) =>
  pgbench({ port: ports.postgres ?? 0, mode: 'simple', clients, seconds, folder, reconnect: true });

const postgres: Load = {
  name: 'pgbench -C, 8 clients',
  engine: 'postgres',
  suits: ({ ports }) => ports.postgres !== undefined,
  async warmUp(contestant, { folder }) {
    await reconnecting(contestant, warmUpSeconds, folder);
  },
  run: (contestant, { seconds, folder }) =>
    transactionFigures(contestant, () => reconnecting(contestant, seconds, folder)),
};

const connecting = ({ ports }: Contestant, seconds: number) =>
  sysbench(script, { port: ports.mysql ?? 0, threads: clients, seconds });

const mysql: Load = {
  name: 'MySQL connects, 8 clients',
  engine: 'mysql',
  suits: ({ ports }) => ports.mysql !== undefined,
  async warmUp(contestant) {
    await connecting(contestant, warmUpSeconds);
  },
  run: (contestant, { seconds }) => transactionFigures(contestant, () => connecting(contestant, seconds)),
};

/** A connection for each statement. */
export const connects: Measure = { name: 'connects', loads: [postgres, mysql] };
