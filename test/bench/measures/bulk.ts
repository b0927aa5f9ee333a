import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Contestant } from '../contestant.ts';
import { cpuDuring } from '../cpu-time.ts';
import type { Figure, Ground, Load, Measure } from '../measure.ts';
import { runProgram } from '../program.ts';

const rowBytes = 1_000;
const inputFile = ({ folder }: Ground): string => join(folder, 'bulk.copy');

const psql = (port: number, sql: string, files: { inputFile?: string; outputFile?: string } = {}) =>
  runProgram(
    'psql',
    ['-qXAt', '-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-c', sql, 'postgres'],
    {
      ...files,
      timeoutMs: 300_000,
    },
  );

/** Wide rows: the work is to be in carrying them. */
async function prepare(ground: Ground): Promise<void> {
  const port = ground.servers.postgres;
  if (port === null) return;
  const rows = ground.bulkMegabytes * 1_000;
  await psql(port, 'DROP TABLE IF EXISTS bulk; CREATE UNLOGGED TABLE bulk (line text)');
  await psql(port, 'ALTER TABLE bulk ALTER COLUMN line SET STORAGE PLAIN');
  await psql(port, `INSERT INTO bulk SELECT repeat('x', ${rowBytes - 1}) FROM generate_series(1, ${rows})`);
  await psql(port, 'COPY bulk TO STDOUT', { outputFile: inputFile(ground) });
}

async function copyFigures(
  { pid }: Contestant,
  { bulkMegabytes }: Ground,
  copy: () => Promise<unknown>,
): Promise<readonly Figure[]> {
  const begin = performance.now();
  const { own } = await cpuDuring(pid, copy);
  const seconds = (performance.now() - begin) / 1000;
  return [
    { figure: 'rate', unit: 'MB/s', better: 'higher', value: bulkMegabytes / seconds },
    ...(pid === null
      ? []
      : [
          { figure: 'CPU, own', unit: 'µs/MB', better: 'lower' as const, value: (own / bulkMegabytes) * 1e6 },
        ]),
  ];
}

const suits: Load['suits'] = ({ ports }) => ports.postgres !== undefined;

const out: Load = {
  name: 'COPY out',
  engine: 'postgres',
  suits,
  prepare,
  run: (contestant, ground) =>
    copyFigures(contestant, ground, () =>
      psql(contestant.ports.postgres ?? 0, 'COPY bulk TO STDOUT', { outputFile: '/dev/null' }),
    ),
};

/** The server reads every row and keeps none: what it would do with them is no business of a proxy. */
const into: Load = {
  name: 'COPY in',
  engine: 'postgres',
  suits,
  run: (contestant, ground) =>
    copyFigures(contestant, ground, () =>
      psql(contestant.ports.postgres ?? 0, 'COPY bulk FROM STDIN WHERE false', {
        inputFile: inputFile(ground),
      }),
    ),
};

/** One stream of data as fast as it goes, each way. */
export const bulk: Measure = { name: 'bulk', loads: [out, into] };
