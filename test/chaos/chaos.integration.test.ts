import assert from 'node:assert/strict';
import { it } from 'node:test';
import { enginesUnderTest } from '../support/engines-under-test.ts';
import { scopeOf } from '../support/scope.ts';
import { runChaos } from './chaos-run.ts';
import type { Round } from './round.ts';

const round = (fault: Round['fault'], more: Partial<Round> = {}): Round => ({
  ...{
    fault,
    onWriter: true,
    pauseMs: 300,
    lastsMs: 1_000,
    aurelayDiesAfterMs: null,
    direction: 'to-server',
    switchesOver: false,
    logOverflows: false,
  },
  ...more,
});

/** What no day goes by without; `npm run chaos` draws the rest. */
const rounds = [
  round('kill the server and start it later'),
  round('slots exhausted'),
  round('ordinary slots taken', { switchesOver: true }),
  round('cut off', { lastsMs: 4_500 }),
  round('kill the server', { aurelayDiesAfterMs: 40 }),
];

for (const engine of (await enginesUnderTest()).slice(0, 1)) {
  it(`${engine.name}: a short chaos`, { skip: engine.skip, timeout: 240_000 }, async (t) => {
    const outcome = await runChaos(scopeOf(t), {
      ...{ engine, seed: 1, seconds: 180, rounds, noDisk: 'only in long runs' },
      onProgress: (line) => t.diagnostic(line),
    });
    assert.deepEqual(outcome.violations, []);
    assert.equal(outcome.rounds, rounds.length);
    assert.ok(outcome.failovers >= 2, `${outcome.failovers} failovers`);
    assert.ok(outcome.acknowledged > 200, `${outcome.acknowledged} rows`);
    const lost = outcome.losses.reduce((sum, { rows }) => sum + rows, 0);
    t.diagnostic(
      `${outcome.acknowledged} rows acknowledged, ${lost} lost, ${outcome.stranded} replicas stranded`,
    );
  });
}
