import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openArena } from '../test/bench/arena.ts';
import { chart } from '../test/bench/chart.ts';
import type { EngineName } from '../test/bench/contestant.ts';
import type { Ground } from '../test/bench/measure.ts';
import { measures } from '../test/bench/measures.ts';
import { possibleSessions } from '../test/bench/open-files.ts';
import { runRounds } from '../test/bench/rounds.ts';
import { summarise } from '../test/bench/summary.ts';
import { table } from '../test/bench/table.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run bench -- [--rounds N] [--seconds N] [--only MEASURE …] [--engine postgres|mysql] [--megabytes N]
 * [--sessions N] [--load PART] [--contestant PART …] [--json FILE] [--chart FILE]`: what Aurelay adds, beside what its peers add, on this machine.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true },
    load: { type: 'string' },
    contestant: { type: 'string', multiple: true },
    engine: { type: 'string' },
    megabytes: { type: 'string', default: '500' },
    sessions: { type: 'string', default: '10000' },
    json: { type: 'string' },
    chart: { type: 'string' },
  },
});

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function wholeNumber(name: 'rounds' | 'seconds' | 'megabytes' | 'sessions'): number {
  const value = Number(values[name]);
  return Number.isInteger(value) && value > 0 ? value : fail(`--${name} takes a whole number above 0`);
}

const both: readonly EngineName[] = ['postgres', 'mysql'];
const engines = both.filter((name) => values.engine === undefined || values.engine === name);
if (engines.length === 0) fail('--engine takes postgres or mysql');
const wanted = values.only ?? measures.map(({ name }) => name);
const chosen = measures.filter(({ name }) => wanted.includes(name));
if (chosen.length !== wanted.length)
  fail(`--only takes one of: ${measures.map(({ name }) => name).join(', ')}`);

/** Room for the clients of a load beside an idle crowd. */
const busySessions = 100;
const rounds = wholeNumber('rounds');
const scale = {
  seconds: wholeNumber('seconds'),
  bulkMegabytes: wholeNumber('megabytes'),
  idleSessions: Math.min(wholeNumber('sessions'), possibleSessions() - busySessions),
};
const say = (line: string) => process.stderr.write(`${line}\n`);
if (scale.idleSessions < Number(values.sessions)) {
  say(`${scale.idleSessions} idle sessions, not ${values.sessions}: the limit of open files allows no more`);
}
const { scope, end } = openScope();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void end().finally(() => process.exit(1)));
}
try {
  const arena = await openArena(scope, engines, say);
  const ground: Ground = { servers: arena.servers, folder: arena.folder, ...scale };
  const served = engines.filter((engine) => arena.servers[engine] !== null);
  const loads = chosen
    .flatMap((measure) => measure.loads)
    .filter(({ engine, name }) => served.includes(engine) && name.includes(values.load ?? ''));
  const isWanted = (name: string) => values.contestant?.some((part) => name.includes(part)) ?? true;
  const contestants = arena.contestants.filter(({ name }) => isWanted(name));
  const samples = await runRounds(contestants, loads, ground, rounds, say);
  const summary = summarise(samples, 'HAProxy');
  const versions = arena.versions.join(', ');
  console.log(`${versions}; ${rounds} rounds, ${scale.seconds} s a load\n\n${table(summary)}`);
  if (values.json !== undefined) {
    const record = { date: new Date().toISOString(), versions: arena.versions, rounds, ...scale };
    writeFileSync(values.json, `${JSON.stringify({ ...record, summary, samples }, null, 1)}\n`);
  }
  if (values.chart !== undefined) writeFileSync(values.chart, chart(summary));
} finally {
  await end();
}
