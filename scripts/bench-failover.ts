import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchChart, benchTable, summarise } from '../test/chaos/bench-report.ts';
import { type BenchFault, type BenchRun, benchFailover, benchFaults } from '../test/chaos/failover-bench.ts';
import { enginesUnderTest } from '../test/support/engines-under-test.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run bench:failover -- [--engine postgres|mysql] [--runs N] [--fault NAME …] [--seed N] [--quorum] [--json]
 * [--chart FILE]`:
 * how long a client cannot write when its writer is killed, stopped, frozen, cut off or switched over.
 */
const { values } = parseArgs({
  options: {
    engine: { type: 'string' },
    runs: { type: 'string', default: '20' },
    fault: { type: 'string', multiple: true },
    seed: { type: 'string', default: '1' },
    quorum: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    chart: { type: 'string' },
  },
});

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  console.error(`--${name} takes a whole number above 0`);
  process.exit(2);
}

const runs = wholeNumber('runs', values.runs);
const seed = wholeNumber('seed', values.seed);
const known = (name: string): name is BenchFault => benchFaults.some((fault) => fault === name);
const faults = (values.fault ?? []).filter(known);
if (faults.length !== (values.fault ?? []).length) {
  console.error(`--fault takes one of: ${benchFaults.join(', ')}`);
  process.exit(2);
}
const families = { postgres: 'pg', mysql: 'mysql' } as const;
if (values.engine !== undefined && !Object.hasOwn(families, values.engine)) {
  console.error('--engine takes postgres or mysql');
  process.exit(2);
}
const family = values.engine === undefined ? null : families[values.engine as keyof typeof families];

const say = (line: string) => process.stderr.write(`${line}\n`);
const { scope, end } = openScope();
const all: BenchRun[] = [];
const versions: string[] = [];
try {
  for (const engine of await enginesUnderTest()) {
    if (family !== null && engine.cluster !== family) continue;
    if (engine.skip !== false) {
      say(`${engine.name} is left out: ${engine.skip}`);
      continue;
    }
    const chosen = faults.length > 0 ? { faults } : {};
    const result = await benchFailover(scope, {
      ...{ engine, runs, seed, ...chosen, onProgress: say },
      quorum: values.quorum,
    });
    all.push(...result.runs);
    versions.push(result.version);
  }
} finally {
  await end();
}
const machine = `Node.js ${process.versions.node}, ${cpus().length} cores`;
const summary = summarise(all);
if (values.json) {
  console.log(
    JSON.stringify({ date: new Date().toISOString(), machine, versions, summary, runs: all }, null, 2),
  );
} else {
  console.log(`${versions.join(', ')}; ${machine}\n\n${benchTable(summary)}`);
}
if (values.chart !== undefined) writeFileSync(values.chart, benchChart(all));
