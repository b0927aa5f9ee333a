import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  countMissing,
  formatGtidSet,
  type GtidSet,
  parseGtidSet,
  uniteGtidSets,
} from '../../../src/engines/mysql/gtid-set.ts';

const one = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const two = 'b8b1a5c4-0d6e-11ee-8c99-0242ac120002';
const read = (text: string): GtidSet => {
  const set = parseGtidSet(text);
  assert.ok(set !== null, `not read: ${text}`);
  return set;
};

test('sets are read as servers write them, and written in the shortest form', () => {
  const same = (text: string, written: string) => assert.equal(formatGtidSet(read(text)), written);
  same('', '');
  same(`${one}:1-5`, `${one}:1-5`);
  same(`${two}:1-3,\n${one.toUpperCase()}:7:1-5:11-18`, `${one}:1-5:7:11-18,${two}:1-3`);
  same(`${one}:1-3:4-6:6:5-8`, `${one}:1-8`);
  same(`${one}:1-3:blue:2:red_1:5-7, ${one}:4`, `${one}:1-4,${one}:blue:2,${one}:red_1:5-7`);
  same(`${one}:9223372036854775806`, `${one}:9223372036854775806`);
});

test('anything else is no set', () => {
  const others = [
    'x',
    one,
    `${one}:`,
    `${one}:0`,
    `${one}:5-3`,
    `${one}:1-`,
    `${one}:-1`,
    `${one}:1,`,
    `${one}:tag`,
    `${one}:tag:other:1`,
    `${one}:1:tag`,
    `${one}:9223372036854775807`,
    `${one.slice(1)}:1`,
    '0-1-100',
    `${one}:1,`.repeat(30_000),
  ];
  for (const text of others) assert.equal(parseGtidSet(text), null, text.slice(0, 60));
});

test('garbage gives a set or null', () => {
  const pieces = fc.constantFrom(one, two, ':', ',', '-', '1', '7', '999', 'tag', ' ', '\n', 'é');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => {
      const set = parseGtidSet(parts.join(''));
      if (set !== null) assert.deepEqual(parseGtidSet(formatGtidSet(set)), set);
    }),
    { numRuns: 1000 },
  );
});

/** The naive model: every transaction by name. */
type Model = ReadonlySet<string>;
const sources = [one, two, `${two}:tag`];
const model = fc
  .array(fc.tuple(fc.constantFrom(...sources), fc.integer({ min: 1, max: 40 })), { maxLength: 40 })
  .map((items) => new Set(items.map(([source, number]) => `${source}:${number}`)));
const textOf = (items: Model): string => [...items].join(',');
const difference = (a: Model, b: Model): string[] => [...a].filter((item) => !b.has(item));

test('union, difference and text agree with sets of numbers', () => {
  fc.assert(
    fc.property(model, model, (a, b) => {
      const [setA, setB] = [read(textOf(a)), read(textOf(b))];
      assert.equal(countMissing(setA, setB), BigInt(difference(a, b).length));
      assert.equal(countMissing(setB, setA), BigInt(difference(b, a).length));
      const united = uniteGtidSets(setA, setB);
      assert.deepEqual(united, read(textOf(new Set([...a, ...b]))));
      assert.deepEqual(read(formatGtidSet(united)), united);
    }),
    { numRuns: 500 },
  );
});
