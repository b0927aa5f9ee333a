import { parseArgs } from 'node:util';
import { runStorm } from '../test/soak/storm-run.ts';
import { engineCalled } from '../test/support/engines-under-test.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run storm -- [--engine postgres|mysql] [--clients 5000] [--within-ms 1000] [--slots 500] [--max-connecting N]
 * [--max-sessions N]`: the writer of a real cluster is killed, and so many clients connect through the writer endpoint
 * within a second, each for one statement. Exit code 1 where one was not served, or where the storm led to another
 * failover. `mysql` is MySQL where `AURELAY_TEST_MYSQLD` names a server of it, else MariaDB.
 */
const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'postgres' },
    clients: { type: 'string', default: '5000' },
    'within-ms': { type: 'string', default: '1000' },
    slots: { type: 'string', default: '500' },
    'max-connecting': { type: 'string' },
    'max-sessions': { type: 'string' },
  },
});
const engine = await engineCalled(values.engine);
const limit = (text: string | undefined) => (text === undefined ? null : Number(text));
const numbers = {
  clients: Number(values.clients),
  withinMs: Number(values['within-ms']),
  serverSlots: Number(values.slots),
  maxConnecting: limit(values['max-connecting']),
  maxSessions: limit(values['max-sessions']),
};
const isGood = Object.values(numbers).every(
  (value) => value === null || (Number.isInteger(value) && value > 0),
);
if (engine === undefined || engine.skip !== false || !isGood) {
  console.error(
    engine !== undefined && engine.skip !== false
      ? engine.skip
      : 'usage: npm run storm -- [--engine postgres|mysql] [--clients N] [--within-ms N] [--slots N] [--max-connecting N] [--max-sessions N]',
  );
  process.exit(2);
}

const { scope, end } = openScope();
try {
  const outcome = await runStorm(scope, { engine, ...numbers });
  const ms = (value: number) => `${Math.round(value)} ms`;
  const { clients, serverSlots, maxConnecting, maxSessions } = numbers;
  console.log(
    `${engine.name}: ${clients} clients within ${ms(outcome.lastKnockMs)} of the writer's end; servers of ` +
      `${serverSlots} slots, max_connecting ${maxConnecting ?? 'as by default'}, max_sessions ${maxSessions ?? 'none'}`,
  );
  console.log(`served                 ${outcome.served}`);
  for (const [code, { count, message }] of outcome.refused)
    console.log(`refused with ${code}: ${count} (${message})`);
  console.log(`the last was served    after ${ms(outcome.lastServedMs)}`);
  const { p50, p99, max } = outcome.connectMs;
  console.log(`time to connect        p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}`);
  console.log(`held at a time         ${outcome.mostHeld} seen`);
  console.log(
    `probes of the writer   at most ${ms(outcome.longestProbeGapMs)} apart, ${outcome.failedProbes} failed`,
  );
  console.log(`full accept queues     ${outcome.fullBacklogs ?? 'unknown'}`);
  console.log(`dials                  ${outcome.failedDials} failed`);
  console.log(`changes of the writer  ${outcome.failovers}`);
  process.exitCode = outcome.served === clients && outcome.failovers === 1 ? 0 : 1;
} finally {
  await end();
}
