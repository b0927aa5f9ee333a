import { parseArgs } from 'node:util';
import { startHaproxy } from '../test/patroni/haproxy.ts';
import { startObserver } from '../test/patroni/observer.ts';
import { PatroniCluster, patroniMissing } from '../test/patroni/patroni-cluster.ts';
import { statementsBeyondReading } from '../test/patroni/statements.ts';
import { runTrial, trials } from '../test/patroni/trials.ts';
import { Writer } from '../test/patroni/writer.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run patroni -- [--trial NAME …] [--ttl S] [--loop-wait S] [--fall N] [--unasked] [--synchronous]
 * [--verbose]`: three PostgreSQL servers under Patroni and
 * etcd, with Aurelay in `mode: observe` and HAProxy before them, a client writing through each; what each fault costs
 * them. `--unasked`: Aurelay's configuration has no `patroni`. Exit code 1 where Aurelay did more than read. Needs patroni, etcd-server and PostgreSQL (docs/guides/patroni.md).
 */
const { values } = parseArgs({
  options: {
    trial: { type: 'string', multiple: true },
    ttl: { type: 'string', default: '30' },
    'loop-wait': { type: 'string', default: '10' },
    fall: { type: 'string' },
    unasked: { type: 'boolean', default: false },
    synchronous: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const chosen = trials.filter(({ name }) => values.trial === undefined || values.trial.includes(name));
if (chosen.length === 0 || chosen.length < (values.trial?.length ?? 0)) {
  console.error(`--trial takes: ${trials.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const missing = patroniMissing();
if (missing !== null) {
  console.error(`not installed: ${missing}`);
  process.exit(2);
}

const { scope, end } = openScope();
try {
  const options = {
    ttl: Number(values.ttl),
    loopWait: Number(values['loop-wait']),
    synchronous: values.synchronous,
  };
  const cluster = await PatroniCluster.start(scope, options);
  const leader = await cluster.leader();
  await cluster.query(leader, 'CREATE ROLE aurelay LOGIN CONNECTION LIMIT 8');
  await cluster.query(leader, 'GRANT pg_monitor TO aurelay');
  await cluster.query(leader, "ALTER ROLE aurelay SET log_statement = 'all'");
  await cluster.query(leader, 'CREATE TABLE written (proxy text, id bigint, PRIMARY KEY (proxy, id))');
  const aurelay = await startObserver(scope, cluster.nodes, {
    asksPatroni: !values.unasked,
    fall: values.fall === undefined ? null : Number(values.fall),
  });
  const haproxy = await startHaproxy(scope, cluster.nodes);
  const writers = [new Writer(scope, 'Aurelay', aurelay.port)];
  if (haproxy !== null) writers.push(new Writer(scope, 'HAProxy', haproxy));
  console.log(`ttl ${values.ttl}, loop_wait ${values['loop-wait']}\n`);
  for (const trial of chosen) {
    const outcome = await runTrial({ cluster, aurelay, writers }, trial);
    console.log(`${trial.name}: a writable leader after ${outcome.leaderMs ?? '-'} ms`);
    for (const { proxy, gapMs, lost, errors } of outcome.proxies) {
      console.log(`  ${proxy}: no row for ${gapMs} ms, ${lost} acknowledged rows lost, ${errors} errors`);
    }
    if (values.verbose) for (const line of outcome.phases) console.log(`    ${line}`);
  }
  const statements = cluster.nodes.flatMap((node) => statementsBeyondReading(cluster.log(node), 'aurelay'));
  console.log(
    statements.length === 0
      ? '\nAurelay only read'
      : `\nAurelay did more than read:\n${statements.join('\n')}`,
  );
  process.exitCode = statements.length === 0 ? 0 : 1;
} finally {
  await end();
}
