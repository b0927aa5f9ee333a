import assert from 'node:assert/strict';
import { it } from 'node:test';
import { enginesUnderTest } from '../support/engines-under-test.ts';
import { scopeOf } from '../support/scope.ts';
import { runStorm } from './storm-run.ts';

for (const engine of (await enginesUnderTest()).slice(0, 2)) {
  it(`${engine.name}: 300 clients that come as the writer dies are all served`, {
    skip: engine.skip,
    timeout: 240_000,
  }, async (t) => {
    const outcome = await runStorm(scopeOf(t), {
      ...{ engine, clients: 300, withinMs: 60, serverSlots: 400 },
      ...{ maxConnecting: 16, maxSessions: null },
    });
    assert.deepEqual([...outcome.refused], []);
    assert.equal(outcome.served, 300);
    assert.equal(outcome.failovers, 1, 'the storm itself is no reason for a failover');
    const { lastServedMs, longestProbeGapMs } = outcome;
    t.diagnostic(
      `all served after ${Math.round(lastServedMs)} ms, probes ${Math.round(longestProbeGapMs)} ms apart`,
    );
  });
}
