import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeTempFolder } from '../src/demo/temp-folder.ts';
import { type Counts, repetitions, runSuite } from '../test/drivers/run-suite.ts';
import { startServerPair } from '../test/drivers/server-pair.ts';
import { driverSuites } from '../test/drivers/suite.ts';
import { makeWorkspace } from '../test/drivers/workspace.ts';
import { enginesUnderTest } from '../test/support/engines-under-test.ts';
import { spawnAurelay } from '../test/support/running-aurelay.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run drivers -- --suite pg|mysql2 --source FOLDER [--engine mariadb] [--tls] [--compress] [--only PART]…`: the
 * published tests of a driver, from a clone of its repository in FOLDER, on a server directly and on one alike through
 * a writer endpoint. Exit code 1 where a test comes out otherwise every time. `mysql2` runs on MySQL where
 * `AURELAY_TEST_MYSQLD` names a server of it, else, or with `--engine mariadb`, on MariaDB.
 */
const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: '' },
    source: { type: 'string', default: '' },
    engine: { type: 'string' },
    only: { type: 'string', multiple: true, default: [''] },
    tls: { type: 'boolean', default: false },
    compress: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const suite = driverSuites[values.suite];
const engine = (await enginesUnderTest()).findLast(({ cluster, name }) =>
  suite?.engine === 'PostgreSQL'
    ? cluster === 'pg'
    : cluster === 'mysql' && (values.engine !== 'mariadb' || name === 'MariaDB'),
);
if (suite === undefined || values.source === '' || engine === undefined || engine.skip !== false) {
  console.error(
    engine !== undefined && engine.skip !== false
      ? engine.skip
      : 'usage: npm run drivers -- --suite pg|mysql2 --source FOLDER [--engine mariadb] [--tls] [--compress] [--only PART]…',
  );
  process.exit(2);
}

const { scope, end } = openScope();
try {
  const folder = await makeTempFolder();
  scope.after(() => folder.remove());
  const workspace = await makeWorkspace(scope, suite, {
    source: values.source,
    folder: join(folder.path, values.suite),
  });
  const [direct, behind] = await startServerPair(scope, engine, suite);
  const aurelay = await spawnAurelay(scope, { cluster: behind });
  const manner = { isEncrypted: values.tls, isCompressed: values.compress };
  const outcome = await runSuite(scope, {
    ...{ suite, workspace, only: values.only },
    direct: { port: direct.instances[0]?.port ?? 0, ...manner },
    endpoint: { port: aurelay.port('writer'), ...manner },
    onFile: (file, done, of) => {
      if (values.verbose) console.log(`${done + 1}/${of} ${file}`);
    },
  });

  const settings = [...(values.tls ? ['TLS'] : []), ...(values.compress ? ['compression'] : [])];
  const words = ({ passed, failed, skipped }: Counts) =>
    `${passed} passed, ${failed} failed, ${skipped} skipped`;
  console.log(
    `${values.suite} ${workspace.version} on ${engine.name} ${behind.version}${settings.map((name) => `, ${name}`).join('')}: ` +
      `${outcome.files} files, one result for the exit of each among these\n` +
      `directly      ${words(outcome.direct)}\nan endpoint   ${words(outcome.endpoint)}`,
  );
  for (const test of outcome.failedBoth) console.log(`fails both ways: ${test}`);
  for (const { file, test, direct: without, endpoint, again, outputs } of outcome.differences) {
    console.log(
      `\nDIFFERENCE: ${file}: ${test}: ${without} directly, ${endpoint} through the endpoint; ` +
        `so in ${again} of ${repetitions} repetitions\n` +
        `directly:\n${outputs.direct}\nthrough the endpoint:\n${outputs.endpoint}`,
    );
  }
  process.exitCode = outcome.differences.some(({ again }) => again === repetitions) ? 1 : 0;
} finally {
  await end();
}
