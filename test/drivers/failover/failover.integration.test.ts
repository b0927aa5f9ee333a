import assert from 'node:assert/strict';
import { it } from 'node:test';
import { enginesUnderTest } from '../../support/engines-under-test.ts';
import { startAurelay } from '../../support/running-aurelay.ts';
import { scopeOf } from '../../support/scope.ts';
import { driversUnderTest } from './drivers.ts';
import { switchOver } from './faults.ts';
import { runWave } from './measure.ts';

/** The recommended code of docs/guides/drivers.md, by two drivers that npm holds; `npm run drivers:failover` does the rest. */
const ownDrivers = new Set(['pg', 'mysql2']);

for (const engine of (await enginesUnderTest()).slice(0, 2)) {
  it(`${engine.name}: programs written as recommended go through a switchover`, {
    ...{ skip: engine.skip, timeout: 120_000 },
  }, async (t) => {
    const scope = scopeOf(t);
    const cluster = await engine.start(scope, { replicas: 1 });
    const aurelay = await startAurelay(scope, { cluster });
    const stage = { engine, cluster, aurelay };
    const runs = await runWave(stage, {
      drivers: driversUnderTest.filter(
        (driver) => driver.cluster === engine.cluster && ownDrivers.has(driver.name),
      ),
      ...{ settings: 'recommended', fault: 'switchover', classes: '', pauseMs: 0 },
      inject: (writer) => switchOver(stage, writer),
    });
    assert.equal(runs.length, 1);
    for (const { title, end, errors, missing, twice, acknowledged, messages, remarks } of runs) {
      const why = `${title}: ${JSON.stringify({ errors, messages, remarks })}`;
      assert.equal(end, 'goes on', why);
      assert.deepEqual(errors, {}, `no row is given up: ${why}`);
      assert.equal(missing, 0, why);
      assert.equal(twice, 0, why);
      assert.ok(acknowledged > 50, why);
    }
  });
}
