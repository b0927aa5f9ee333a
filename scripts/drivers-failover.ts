import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { allSettings, driversUnderTest } from '../test/drivers/failover/drivers.ts';
import { failoverTables, summarise } from '../test/drivers/failover/failover-table.ts';
import { driverFaults } from '../test/drivers/failover/measure.ts';
import { type Measured, measureAll } from '../test/drivers/failover/measure-all.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run drivers:failover -- [DRIVER…] [--runs N] [--fault NAME]… [--settings NAME]… [--quorum] [--json FILE]`: what a
 * program that writes through a driver sees of a switchover, a killed and a frozen writer, and of no server at all, behind
 * Aurelay, with the driver's defaults and as docs/guides/drivers.md recommends. What is not installed is left out, with the
 * Debian package that holds it. `--from FILE`, any number of them, prints the table of what earlier runs wrote instead.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '1' },
    fault: { type: 'string', multiple: true, default: [...driverFaults] },
    settings: { type: 'string', multiple: true, default: [...allSettings] },
    quorum: { type: 'boolean', default: false },
    json: { type: 'string' },
    from: { type: 'string', multiple: true, default: [] },
  },
});
const say = (line: string) => process.stderr.write(`${line}\n`);
function usage(why: string): never {
  say(why);
  process.exit(2);
}
function chosen<Name extends string>(what: string, all: readonly Name[], given: readonly string[]): Name[] {
  const unknown = given.filter((name) => !all.some((known) => known === name));
  if (unknown.length > 0) usage(`no ${what} ${unknown.join(', ')}; there are: ${all.join(', ')}`);
  return all.filter((name) => given.includes(name));
}

const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) usage('--runs takes a whole number above 0');
const wanted = {
  ...{ runs, quorum: values.quorum, onProgress: say },
  faults: chosen('fault', driverFaults, values.fault),
  settings: chosen('settings', allSettings, values.settings),
  drivers: chosen(
    'driver',
    driversUnderTest.map(({ name }) => name),
    positionals,
  ),
};

async function measure(): Promise<Measured> {
  const { scope, end } = openScope();
  try {
    return await measureAll(scope, wanted);
  } finally {
    await end();
  }
}

/** Several runs put together. */
function read(files: readonly string[]): Measured {
  const all = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Measured);
  return {
    versions: [...new Set(all.flatMap(({ versions }) => versions))],
    runs: all.flatMap(({ runs: some }) => some),
  };
}

const measured = values.from.length > 0 ? read(values.from) : await measure();
const summary = summarise(measured.runs);
const machine = `Node.js ${process.versions.node}, ${cpus().length} cores`;
console.log(`${measured.versions.join(', ')}; ${machine}\n\n${failoverTables(summary)}`);
if (values.json !== undefined) {
  writeFileSync(values.json, JSON.stringify({ machine, ...measured, summary }, null, 2));
}
