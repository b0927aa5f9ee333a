import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runChaos } from '../test/chaos/chaos-run.ts';
import { SmallDisk } from '../test/chaos/small-disk.ts';
import { engineCalled } from '../test/support/engines-under-test.ts';
import { openScope } from '../test/support/scope.ts';
import { withOwnMounts } from './own-mounts.ts';

/**
 * `npm run chaos -- --engine postgres|mysql [--minutes N] [--seed N] [--quorum]`: clients write through the writer endpoint while
 * real servers, their network, their disks (as root) and Aurelay itself are broken, one fault after another. Exit code 1
 * where a promise was. `mysql` is MySQL where `AURELAY_TEST_MYSQLD` names a server of it, else MariaDB.
 */
const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'postgres' },
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string' },
    quorum: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? randomInt(1, 2 ** 31) : Number(values.seed);
const engine = await engineCalled(values.engine);
if (engine === undefined || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run chaos -- --engine postgres|mysql [--minutes N] [--seed N] [--quorum]');
  process.exit(2);
}
if (engine.skip !== false) {
  console.error(engine.skip);
  process.exit(2);
}

await withOwnMounts();
const { scope, end } = openScope();
console.log(
  `${engine.name}, ${minutes} min${values.quorum ? ', two of three copies have each commit' : ''}, --seed ${seed}`,
);
try {
  const outcome = await runChaos(scope, {
    ...{ engine, seed, seconds: minutes * 60, quorum: values.quorum },
    noDisk: await SmallDisk.missing(),
    onProgress: (line) => console.log(`${new Date().toISOString().slice(11, 23)} ${line}`),
  });
  const { rounds, failovers, acknowledged, tried, unacknowledged, losses, violations } = outcome;
  console.log(
    `\n${rounds} faults, ${failovers} failovers; rows again at most ${Math.round(outcome.slowestReturnMs)} ms after a fault was over`,
  );
  console.log(
    `${tried} rows tried, ${acknowledged} acknowledged, ${unacknowledged} stored without an acknowledgement`,
  );
  for (const { change, rows } of losses) {
    console.log(
      `${change.kind} of epoch ${change.epoch}: ${rows} acknowledged rows lost; its receipt says ${change.lost}`,
    );
  }
  console.log(`${outcome.stranded} replicas could not follow the new writer and were made again`);
  console.log(
    `${outcome.unreceipted} changes of the writer without a receipt, Aurelay having been killed meanwhile`,
  );
  if (losses.length === 0) console.log('no acknowledged row is lost');
  for (const violation of violations) console.log(`VIOLATION: ${violation}`);
  console.log(violations.length === 0 ? 'every promise was kept' : `${violations.length} violations`);
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await end();
}
