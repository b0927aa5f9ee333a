import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededPrng } from '../../src/base/prng.ts';
import { Prober } from '../../src/control/prober.ts';
import type { Probe, ProbeResult } from '../../src/engines/engine.ts';
import { ManualClock } from './manual-clock.ts';

const failure: ProbeResult = { kind: 'failed', failure: { reason: 'refused', detail: '' } };

function setUp() {
  const clock = new ManualClock();
  const asked: number[] = [];
  const told: string[] = [];
  let answer: (() => void) | null = null;
  const probe: Probe = {
    onLost: null,
    close: () => told.push('closed'),
    probe: () => {
      asked.push(clock.now());
      return new Promise((resolve) => {
        answer = () => resolve(failure);
      });
    },
  };
  const onResult = (result: ProbeResult) =>
    told.push(result.kind === 'failed' ? result.failure.reason : 'ok');
  const prober = new Prober({
    probe,
    intervalMs: 1000,
    timeoutMs: 500,
    clock,
    prng: seededPrng(1),
    onResult,
  });
  return { clock, asked, told, probe, prober, answer: () => answer?.() };
}

test('asks at once, then each interval with a little jitter, one question at a time', async () => {
  const { clock, asked, prober, answer } = setUp();
  prober.start();
  await clock.advance(0);
  assert.deepEqual(asked, [0]);
  await clock.advance(5_000);
  assert.equal(asked.length, 1, 'a question is still open');
  answer();
  await clock.advance(1_150);
  assert.equal(asked.length, 2);
  const gap = (asked[1] as number) - 5_000;
  assert.ok(gap >= 900 && gap <= 1_100, `${gap} ms`);
});

test('an earlier look is taken earlier, a later one changes nothing', async () => {
  const { clock, asked, prober, answer } = setUp();
  prober.start();
  await clock.advance(0);
  answer();
  await clock.advance(10);
  prober.soon(50);
  prober.soon(400);
  await clock.advance(50);
  assert.deepEqual(asked, [0, 60]);
});

test('a look that is wanted while a question is open comes right after it', async () => {
  const { clock, asked, prober, answer } = setUp();
  prober.start();
  await clock.advance(0);
  prober.soon(50);
  await clock.advance(100);
  answer();
  await clock.advance(50);
  assert.deepEqual(asked, [0, 150]);
});

test('a broken idle connection is told at once; after stop nothing is', async () => {
  const { clock, told, probe, prober, answer } = setUp();
  prober.start();
  await clock.advance(0);
  probe.onLost?.('closed under a question');
  assert.deepEqual(told, [], 'the question itself will tell');
  answer();
  await clock.advance(10);
  probe.onLost?.('closed by the server');
  assert.deepEqual(told, ['refused', 'reset']);
  prober.stop();
  await clock.advance(5_000);
  assert.deepEqual(told, ['refused', 'reset', 'closed']);
  assert.equal(probe.onLost, null);
});
