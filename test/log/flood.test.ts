import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Flood, flood } from '../../src/log/flood.ts';
import { SimulatedClock } from '../proxy/support/simulated-clock.ts';

const intervalMs = 1_000;

interface Line {
  readonly kind: string;
  readonly n: number;
  readonly suppressed: number;
  readonly at: number;
}

interface Setting {
  readonly clock: SimulatedClock;
  readonly said: Line[];
  readonly gate: Flood<{ readonly kind: string; readonly n: number }>;
}

function setting(): Setting {
  const clock = new SimulatedClock();
  const said: Line[] = [];
  const gate = flood<{ readonly kind: string; readonly n: number }>(
    intervalMs,
    clock,
    ({ kind }) => kind,
    (item, suppressed) => void said.push({ ...item, suppressed, at: clock.now() }),
  );
  return { clock, said, gate };
}

describe('what comes in floods', () => {
  it('is said at once, and then the last of each interval with how many were left out', () => {
    const { clock, said, gate } = setting();
    for (let n = 1; n <= 1_000; n += 1) {
      gate.tell({ kind: 'a', n });
      clock.advance(2.5);
    }
    clock.advance(10 * intervalMs);
    assert.deepEqual(
      said.map(({ n, suppressed, at }) => [n, suppressed, at]),
      [
        [1, 0, 0],
        [400, 398, 1_000],
        [800, 399, 2_000],
        [1_000, 199, 3_000],
      ],
    );
    assert.equal(clock.pending, 0, 'nothing is left of it');
    gate.tell({ kind: 'a', n: 1_001 });
    assert.equal(said.at(-1)?.n, 1_001, 'after a quiet interval at once again');
  });

  it('hides no other kind', () => {
    const { said, gate } = setting();
    for (let n = 0; n < 1_000; n += 1) gate.tell({ kind: 'often', n });
    gate.tell({ kind: 'rare', n: 0 });
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ['often', 'rare'],
    );
  });

  it('adds up, in few lines, over any time and any kinds', () => {
    const arrivals = fc.array(fc.record({ kind: fc.constantFrom('a', 'b', 'c'), gap: fc.nat(700) }));
    fc.assert(
      fc.property(arrivals, (all) => {
        const { clock, said, gate } = setting();
        for (const [n, { kind, gap }] of all.entries()) {
          clock.advance(gap);
          gate.tell({ kind, n });
        }
        const until = clock.now();
        gate.close();
        for (const kind of ['a', 'b', 'c']) {
          const lines = said.filter((line) => line.kind === kind);
          const told = lines.reduce((sum, { suppressed }) => sum + 1 + suppressed, 0);
          assert.equal(told, all.filter((one) => one.kind === kind).length);
          // The first, one for each interval, and the last words.
          assert.ok(lines.length <= 2 + until / intervalMs, `${lines.length} lines in ${until} ms`);
        }
        assert.equal(clock.pending, 0);
      }),
    );
  });

  it('is a few lines even where no two are of a kind', () => {
    const { clock, said, gate } = setting();
    for (let n = 0; n < 10_000; n += 1) gate.tell({ kind: `kind ${n}`, n });
    clock.advance(intervalMs);
    assert.ok(said.length < 300, `${said.length} lines`);
    assert.equal(
      said.reduce((sum, { suppressed }) => sum + 1 + suppressed, 0),
      10_000,
    );
  });

  it('is not told of after its end', () => {
    const { said, gate } = setting();
    gate.close();
    gate.tell({ kind: 'a', n: 1 });
    assert.deepEqual(said, []);
  });
});
