import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Acknowledged } from './numbered-writer.ts';
import { type Change, type Evidence, judge } from './verdict.ts';

const a = 1001;
const b = 1002;

const change = (epoch: number, to: number, kind = 'failover'): Change => ({
  epoch,
  kind,
  to,
  lost: '0 bytes',
});

/** Rows of client 1, as `server` for each number from 1. */
const acknowledgedBy = (...servers: readonly number[]): Acknowledged[] =>
  servers.map((server, index) => ({ client: 1, number: index + 1, server, at: index }));

const stored = (...numbers: readonly number[]) => numbers.map((number) => ({ client: 1, number, copies: 1 }));

const evidence = (given: Partial<Evidence>): Evidence => ({
  acknowledged: acknowledgedBy(a, a, b, b),
  tried: new Map([[1, 4]]),
  stored: stored(1, 2, 3, 4),
  changes: [change(1, a, 'elected'), change(2, b)],
  ...given,
});

describe('the verdict of a chaos run', () => {
  it('is clean where everything is', () => {
    assert.deepEqual(judge(evidence({})), { violations: [], losses: [], unacknowledged: 0 });
  });

  it('counts rows whose answer was lost', () => {
    const verdict = judge(evidence({ tried: new Map([[1, 5]]), stored: stored(1, 2, 3, 4, 5) }));
    assert.deepEqual(verdict, { violations: [], losses: [], unacknowledged: 1 });
  });

  it('counts the last rows before a failover as lost in it', () => {
    const verdict = judge(evidence({ stored: stored(1, 3, 4) }));
    assert.deepEqual(verdict.losses, [{ change: change(2, b), rows: 1 }]);
    assert.deepEqual(verdict.violations, []);
  });

  const broken: readonly { what: string; given: Partial<Evidence>; says: RegExp }[] = [
    {
      what: 'a row twice',
      given: { stored: [...stored(1, 2, 3), { client: 1, number: 4, copies: 2 }] },
      says: /1\/4 is there 2 times/,
    },
    { what: 'a row out of nowhere', given: { stored: stored(1, 2, 3, 4, 9) }, says: /1\/9 was never sent/ },
    { what: 'a hole', given: { stored: stored(2, 3, 4) }, says: /1\/1 is lost, and row 2 after it is not/ },
    {
      what: 'a row lost by the writer of now',
      given: { stored: stored(1, 2, 3) },
      says: /the last writer acknowledged/,
    },
    {
      what: 'a row lost in a switchover',
      given: { stored: stored(1, 3, 4), changes: [change(1, a), change(2, b, 'switchover')] },
      says: /switchover of epoch 2 lost 1/,
    },
    {
      what: 'two writers in turns',
      given: { acknowledged: acknowledgedBy(a, b, a, b) },
      says: /1\/3 was acknowledged by the server on port 1001 in the epoch of another/,
    },
    {
      what: 'a writer that no epoch knows',
      given: { acknowledged: acknowledgedBy(a, a, 9, b) },
      says: /1\/3 was acknowledged by the server on port 9/,
    },
  ];
  for (const { what, given, says } of broken) {
    it(`finds ${what}`, () => {
      const { violations } = judge(evidence(given));
      assert.equal(violations.length, 1, violations.join('; '));
      assert.match(violations[0] ?? '', says);
    });
  }

  it('lets an office go and come back', () => {
    const changes = [change(1, a), change(2, b), change(3, a)];
    const verdict = judge(evidence({ acknowledged: acknowledgedBy(a, b, b, a), changes }));
    assert.deepEqual(verdict.violations, []);
  });
});
