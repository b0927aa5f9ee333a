import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Comparison, Position } from '../../../src/cluster/position.ts';
import {
  formatPosition,
  mysqlPositions,
  parsePosition,
  positionOfLists,
  positionOfSets,
} from '../../../src/engines/mysql/position.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const compare = (a: string, b: string): Comparison => mysqlPositions.compare(a as Position, b as Position);
const missing = (a: string, b: string) =>
  mysqlPositions.missing(a as Position, b as Position)?.amount ?? null;

test('positions of MySQL are compared as sets', () => {
  assert.equal(compare(`${uuid}:1-5`, `${uuid}:1-5`), 'equal');
  assert.equal(compare(`${uuid}:1-7`, `${uuid}:1-5`), 'ahead');
  assert.equal(compare(`${uuid}:1-3`, `${uuid}:1-5`), 'behind');
  assert.equal(compare(`${uuid}:1-3:9`, `${uuid}:1-5`), 'diverged');
  assert.equal(missing(`${uuid}:1-3:9`, `${uuid}:1-5`), 1);
  assert.deepEqual(mysqlPositions.missing(`${uuid}:1-7` as Position, `${uuid}:1-5` as Position), {
    amount: 2,
    unit: 'transactions',
  });
});

test('positions of MariaDB are compared by domain', () => {
  assert.equal(compare('0-1-100,1-1-5', '0-1-100,1-1-5'), 'equal');
  assert.equal(compare('0-1-101,1-1-5', '0-1-100,1-1-5'), 'ahead');
  assert.equal(compare('0-1-101,1-1-5', '0-1-100,1-1-6'), 'diverged');
  assert.equal(compare('0-1-100', '0-1-99,0-2-150'), 'diverged');
  assert.equal(missing('0-1-100', '0-1-99,0-2-150'), 1);
});

test('a server without transactions is behind every other, and equal to its like', () => {
  assert.equal(compare('empty', 'empty'), 'equal');
  for (const position of ['0-1-3', `${uuid}:1-3`]) {
    assert.equal(compare('empty', position), 'behind');
    assert.equal(compare(position, 'empty'), 'ahead');
    assert.equal(missing(position, 'empty'), 3);
    assert.equal(missing('empty', position), 0);
  }
});

test('an unknown position is never ahead, behind or equal, and the distance to it is not known', () => {
  for (const other of ['unknown', 'empty', '0-1-3', `${uuid}:1-3`]) {
    assert.equal(compare('unknown', other), 'diverged');
    assert.equal(missing(other, 'unknown'), null);
  }
  assert.equal(compare('0-1-3', `${uuid}:1-3`), 'diverged', 'the two families');
  assert.equal(missing('0-1-3', `${uuid}:1-3`), null);
});

test('positions are made of what servers show', () => {
  assert.equal(formatPosition(positionOfSets([`${uuid}:1-5`, `${uuid}:4-9`])), `${uuid}:1-9`);
  assert.equal(formatPosition(positionOfSets([''])), 'empty');
  assert.equal(formatPosition(positionOfLists(['0-1-5', '', '0-2-6'])), '0-1-5,0-2-6');
  assert.equal(formatPosition(positionOfLists([''])), 'empty');
  assert.equal(formatPosition(positionOfLists(['?'])), 'unknown');
});

const anyPosition = fc.oneof(
  fc.constantFrom('empty', 'unknown', ''),
  fc.string({ maxLength: 30 }),
  fc
    .array(fc.tuple(fc.nat(1), fc.nat(2), fc.nat(9)), { maxLength: 4 })
    .map((l) => l.map((g) => g.join('-')).join(',')),
  fc
    .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
    .map((l) => `${uuid}:${l.join(':')}`),
);

test('whatever the texts, the order holds together', () => {
  const mirrored = { equal: 'equal', ahead: 'behind', behind: 'ahead', diverged: 'diverged' } as const;
  fc.assert(
    fc.property(anyPosition, anyPosition, (a, b) => {
      const comparison = compare(a, b);
      assert.equal(compare(b, a), mirrored[comparison]);
      const bLacks = missing(a, b);
      if (comparison === 'equal' || comparison === 'behind') assert.equal(bLacks, 0);
      if (comparison === 'ahead') assert.ok(bLacks !== null && bLacks > 0);
      assert.equal(
        formatPosition(parsePosition(formatPosition(parsePosition(a)))),
        formatPosition(parsePosition(a)),
      );
    }),
    { numRuns: 1000 },
  );
});
