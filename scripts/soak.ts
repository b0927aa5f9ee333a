import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { soakTable } from '../test/soak/leaks.ts';
import { runSoak } from '../test/soak/soak-run.ts';
import { engineCalled } from '../test/support/engines-under-test.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run soak -- --minutes N [--engine postgres|mysql] [--seed S]`: clients of all kinds, well-behaved and not, through
 * a real Aurelay in front of a real cluster whose writer changes meanwhile. Exit code 1 where sessions, descriptors or
 * memory are not back in the end where they were after the first round. `mysql` is MySQL where `AURELAY_TEST_MYSQLD`
 * names a server of it, else MariaDB.
 */
const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'postgres' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
  },
});
const longestRoundSeconds = 60;
const engine = await engineCalled(values.engine);
const seconds = Number(values.minutes) * 60;
const seed = values.seed === undefined ? randomInt(1, 2 ** 31) : Number(values.seed);
if (engine === undefined || engine.skip !== false || !(seconds > 0) || !Number.isInteger(seed)) {
  console.error(
    engine !== undefined && engine.skip !== false
      ? engine.skip
      : 'usage: npm run soak -- --minutes N [--engine postgres|mysql] [--seed S]',
  );
  process.exit(2);
}

const { scope, end } = openScope();
console.log(`${engine.name}, ${values.minutes} min after the warm-up, --seed ${seed}`);
try {
  const outcome = await runSoak(scope, {
    ...{ engine, seed, seconds, roundSeconds: Math.min(longestRoundSeconds, seconds / 2) },
    onProgress: (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`),
  });
  console.log(`\n${outcome.visits} visits, ${outcome.sessions} sessions in ${outcome.rounds} rounds\n`);
  console.log(soakTable(outcome.begin, outcome.peak, outcome.end));
  for (const violation of outcome.violations) console.log(`\nLEAK: ${violation}`);
  console.log(outcome.violations.length === 0 ? '\nnothing is left over' : '');
  process.exitCode = outcome.violations.length === 0 ? 0 : 1;
} finally {
  await end();
}
