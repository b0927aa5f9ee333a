import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedCluster } from '../../../src/demo/cluster.ts';
import { connect, type EngineUnderTest } from '../../support/engines-under-test.ts';
import { eventually } from '../../support/eventually.ts';
import type { Aurelay } from '../../support/running-aurelay.ts';
import { openScope } from '../../support/scope.ts';
import type { DriverUnderTest, Settings } from './drivers.ts';
import { type Trouble, WritingProgram } from './writing-program.ts';

export const driverFaults = ['switchover', 'kill -9', 'SIGSTOP', 'all down'] as const;
export type DriverFault = (typeof driverFaults)[number];

/** What one program went through in one fault. */
export interface DriverRun {
  readonly driver: string;
  readonly title: string;
  readonly version: string;
  readonly settings: Settings;
  readonly fault: DriverFault;
  /** The longest time without an acknowledged row, in milliseconds; null where none came after the fault. */
  readonly gapMs: number | null;
  readonly end: 'goes on' | 'hung' | 'died';
  /** Rows that the program gave up, and attempts that it made again: how often, by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly again: Readonly<Record<string, number>>;
  /** What came with each code, the first time. */
  readonly messages: Readonly<Record<string, string>>;
  readonly acknowledged: number;
  /** Acknowledged, and not there. */
  readonly missing: number;
  /** There more than once. */
  readonly twice: number;
  /** The last words of one that died. */
  readonly remarks: readonly string[];
}

/** Servers behind an Aurelay. */
export interface Stage {
  readonly engine: EngineUnderTest;
  readonly cluster: EmbeddedCluster;
  readonly aurelay: Aurelay;
}

export interface Wave {
  readonly drivers: readonly DriverUnderTest[];
  readonly settings: Settings;
  readonly fault: DriverFault;
  /** Does it to the writer of this id. */
  readonly inject: (writer: string) => Promise<void>;
  /** Where the compiled Java programs are. */
  readonly classes: string;
  /** Between the first rows and the fault. */
  readonly pauseMs: number;
}

const rowsBefore = 50;
const rowsAfter = 30;
const startDeadlineMs = 60_000;
/** As long as a person watches a program that does nothing. */
const patienceMs = 30_000;

/** All drivers write at once, and go through the same fault. */
export async function runWave(stage: Stage, wave: Wave): Promise<DriverRun[]> {
  const { scope, end } = openScope();
  try {
    const { writer } = await stage.aurelay.status();
    if (writer === null) throw new Error('a wave begins with a writer');
    const port = stage.aurelay.port('writer');
    await createTables(stage, port);
    const programs: WritingProgram[] = [];
    for (const [index, driver] of wave.drivers.entries()) {
      const launch = await driver.launch(wave.settings, wave.classes);
      programs.push(WritingProgram.start(scope, launch, { port, client: index + 1 }));
    }
    await Promise.all(programs.map((program) => untilWriting(program)));
    await sleep(wave.pauseMs);
    const faultAt = performance.now();
    await wave.inject(writer);
    const before = wave.fault === 'all down' ? null : writer;
    await eventually('there is a writer', async () => hasWriter(stage, { before }), 60_000);
    const recovered = await untilRecovered(programs, performance.now());
    await Promise.all(programs.map((program) => program.stop()));
    const stored = await countRows(stage, port);
    return programs.map((program, index) =>
      runOf(wave, wave.drivers[index] as DriverUnderTest, {
        ...{ program, stored, faultAt, recovered: recovered.has(program) },
      }),
    );
  } finally {
    await end();
  }
}

/** `before`: who is not meant; null where it may be anybody. */
const hasWriter = async (
  { aurelay }: Stage,
  { before }: { readonly before: string | null },
): Promise<boolean> => {
  const { phase, writer } = await aurelay.status();
  return phase === 'stable' && writer !== null && writer !== before;
};

async function createTables({ engine }: Stage, port: number): Promise<void> {
  const client = await connect(engine, port);
  const database = engine.cluster === 'mysql' ? 'shop.' : '';
  const columns = 'client int NOT NULL, number bigint NOT NULL';
  try {
    if (engine.cluster === 'mysql') await client.query('CREATE DATABASE IF NOT EXISTS shop');
    for (const [table, key] of tables) {
      await client.query(`DROP TABLE IF EXISTS ${database}${table}`);
      await client.query(`CREATE TABLE ${database}${table} (${columns}${key})`);
    }
  } finally {
    await client.close();
  }
}

/** What is written twice into a table without a key is there twice. */
const tables = [
  ['orders', ', PRIMARY KEY (client, number)'],
  ['visits', ''],
] as const;

async function untilWriting(program: WritingProgram): Promise<void> {
  await eventually(
    'every program writes',
    () => {
      if (program.hasDied) throw new Error(`a program ended at its start: ${program.remarks.join('\n')}`);
      return program.acknowledged.length >= rowsBefore;
    },
    startDeadlineMs,
  ).catch((error: Error) => {
    const { troubles, remarks } = program;
    const words = [...troubles.slice(-3).map(({ code, message }) => `${code} ${message}`), ...remarks];
    throw new Error(`${error.message}\n${words.join('\n')}`);
  });
}

/** Those that write again; the others have died, or were given their time. */
async function untilRecovered(
  programs: readonly WritingProgram[],
  movedAt: number,
): Promise<ReadonlySet<WritingProgram>> {
  const writes = ({ acknowledged }: WritingProgram) =>
    acknowledged.filter(({ at }) => at > movedAt).length >= rowsAfter;
  const giveUpAt = performance.now() + patienceMs;
  while (!programs.every((program) => program.hasDied || writes(program)) && performance.now() < giveUpAt) {
    await sleep(50);
  }
  return new Set(programs.filter((program) => !program.hasDied && writes(program)));
}

/** How often each row is there, by `client/number`. */
async function countRows({ engine }: Stage, port: number): Promise<ReadonlyMap<string, number>> {
  const client = await connect(engine, port);
  const database = engine.cluster === 'mysql' ? 'shop.' : '';
  try {
    const stored = new Map<string, number>();
    for (const [table] of tables) {
      const rows = await client.query(
        `SELECT client, number, count(*) AS copies FROM ${database}${table} GROUP BY client, number`,
      );
      for (const row of rows) stored.set(`${row.client}/${row.number}`, Number(row.copies));
    }
    return stored;
  } finally {
    await client.close();
  }
}

interface Seen {
  readonly program: WritingProgram;
  readonly stored: ReadonlyMap<string, number>;
  readonly faultAt: number;
  readonly recovered: boolean;
}

function runOf(
  { settings, fault }: Wave,
  driver: DriverUnderTest,
  { program, stored, faultAt, recovered }: Seen,
): DriverRun {
  const { acknowledged, troubles } = program;
  const copies = (number: number) => stored.get(`${program.client}/${number}`) ?? 0;
  const of = (kind: Trouble['kind']) => countByCode(troubles.filter((trouble) => trouble.kind === kind));
  const numbers = [...stored.keys()].filter((key) => key.startsWith(`${program.client}/`));
  return {
    ...{ driver: driver.name, title: driver.title, version: program.version, settings, fault },
    gapMs: recovered ? longestGapMs(program, faultAt) : null,
    end: program.hasDied ? 'died' : recovered ? 'goes on' : 'hung',
    errors: of('error'),
    again: of('again'),
    messages: Object.fromEntries(troubles.toReversed().map(({ code, message }) => [code, message])),
    acknowledged: acknowledged.length,
    missing: acknowledged.filter(({ number }) => copies(number) === 0).length,
    twice: numbers.filter((key) => (stored.get(key) ?? 0) > 1).length,
    remarks: program.hasDied ? program.remarks : [],
  };
}

/** Of the gaps that end after `faultAt`. */
function longestGapMs({ acknowledged }: WritingProgram, faultAt: number): number {
  let longest = 0;
  for (const [index, { at }] of acknowledged.entries()) {
    if (at > faultAt) longest = Math.max(longest, at - (acknowledged[index - 1]?.at ?? at));
  }
  return longest;
}

function countByCode(troubles: readonly Trouble[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of troubles) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}
