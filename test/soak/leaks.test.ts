import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Census } from './census.ts';
import { excess, leaks, measures, soakTable } from './leaks.ts';

const megabyte = 1024 * 1024;
const quiet: Census = {
  ...{ sessions: 0, held: 0, attached: 0, openSessions: 0, heldConnections: 0 },
  ...{ descriptors: 38, heapBytes: 23 * megabyte, residentBytes: 110 * megabyte },
};

describe('leaks', () => {
  it('finds none where everything is back, or moves within its limit', () => {
    assert.deepEqual(leaks(quiet, quiet, 1_000), []);
    const end = { ...quiet, descriptors: 42, heapBytes: 24 * megabyte, residentBytes: 90 * megabyte };
    assert.deepEqual(leaks(quiet, end, 1_000), []);
  });

  const leaking: Partial<Census> = {
    ...{ sessions: 1, held: 1, attached: 1, openSessions: 1, heldConnections: 1 },
    ...{ descriptors: 43, heapBytes: 25 * megabyte, residentBytes: 150 * megabyte },
  };
  for (const measure of measures) {
    it(`finds one of ${measure}, and says which`, () => {
      const end = { ...quiet, [measure]: leaking[measure] };
      assert.equal(leaks(quiet, end, 1_000).length, 1);
      assert.deepEqual(
        measures.filter((other) => excess(other, quiet, end) !== null),
        [measure],
      );
      assert.equal(soakTable(quiet, end, end).match(/LEAK/g)?.length, 1);
    });
  }

  it('takes less than nobody for a fault too: somebody was counted out twice', () => {
    assert.equal(leaks(quiet, { ...quiet, attached: -1 }, 1_000).length, 1);
  });

  it('takes what was there at the beginning for no excuse, where there is to be nothing', () => {
    const busy = { ...quiet, sessions: 2 };
    assert.deepEqual(leaks(busy, busy, 0), ['sessions of endpoints: 2 -> 2; it has to be 0']);
  });

  it('says what it is for each session', () => {
    const [text] = leaks(quiet, { ...quiet, descriptors: 2_038 }, 1_000);
    assert.equal(text, 'file descriptors: 38 -> 2038, 2.00 a session; it may grow by 4');
  });
});
