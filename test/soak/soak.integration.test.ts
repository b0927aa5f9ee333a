import assert from 'node:assert/strict';
import { it } from 'node:test';
import { enginesUnderTest } from '../support/engines-under-test.ts';
import { scopeOf } from '../support/scope.ts';
import { runSoak } from './soak-run.ts';

for (const engine of (await enginesUnderTest()).slice(0, 1)) {
  it(`${engine.name}: a short soak leaves nothing behind`, {
    skip: engine.skip,
    timeout: 240_000,
  }, async (t) => {
    const outcome = await runSoak(scopeOf(t), {
      ...{ engine, seed: 1, roundSeconds: 7, seconds: 7 },
      changes: ['kill the writer', 'switchover'],
      onProgress: (line) => t.diagnostic(line),
    });
    assert.deepEqual(outcome.violations, []);
    // A session object in each of 750 is what the limit of the heap lets pass; a busy machine may have fewer.
    assert.ok(outcome.sessions > 100, `${outcome.sessions} sessions`);
    t.diagnostic(`${outcome.sessions} sessions between the two counts`);
    assert.ok(outcome.peak.sessions > 0 && outcome.peak.descriptors > outcome.begin.descriptors);
  });
}
