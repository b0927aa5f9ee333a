import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  countMissingInList,
  formatGtidList,
  type GtidList,
  lacks,
  newestOfEachDomain,
  parseGtidList,
  uniteGtidLists,
} from '../../../src/engines/mysql/gtid-list.ts';

const read = (text: string): GtidList => {
  const list = parseGtidList(text);
  assert.ok(list !== null, `not read: ${text}`);
  return list;
};

test('lists are read as servers write them, and written with the newest of a domain last', () => {
  const same = (text: string, written: string) => assert.equal(formatGtidList(read(text)), written);
  same('', '');
  same('0-1-100', '0-1-100');
  same('1-5-20, 0-2-150,0-1-99', '0-1-99,0-2-150,1-5-20');
  same('0-1-3,0-1-7,0-1-5', '0-1-7');
  same('0-1-0', '');
  same('4294967295-4294967295-18446744073709551615', '4294967295-4294967295-18446744073709551615');
  assert.equal(formatGtidList(newestOfEachDomain(read('0-1-99,0-2-150,1-5-20'))), '0-2-150,1-5-20');
  assert.equal(
    formatGtidList(uniteGtidLists([read('0-1-99'), read('0-1-7,1-1-1'), read('')])),
    '0-1-99,1-1-1',
  );
});

test('anything else is no list', () => {
  const others = [
    'x',
    '0-1',
    '0-1-2-3',
    '0-1-',
    '0-1-2,',
    '-1-1-1',
    '4294967296-1-1',
    '0-1-18446744073709551616',
  ];
  for (const text of [...others, '0-1-1,'.repeat(200_000)]) assert.equal(parseGtidList(text), null);
});

test('a writer that crashed with what nobody received is seen to have parted from its successor', () => {
  const old = read('0-1-100');
  const successor = read('0-1-99,0-2-150');
  assert.ok(lacks(old, successor) && lacks(successor, old));
  assert.equal(countMissingInList(old, successor), 1n);
  assert.equal(countMissingInList(successor, old), 51n);
});

test('without a trace of the other server the higher number contains the lower', () => {
  assert.equal(lacks(read('0-1-100'), read('0-2-150')), false);
  assert.equal(countMissingInList(read('0-2-150'), read('0-1-100')), 50n);
});

test('the same number from two servers is two transactions, and nobody knows since when', () => {
  const [a, b] = [read('0-1-100'), read('0-2-100')];
  assert.ok(lacks(a, b) && lacks(b, a));
  assert.equal(countMissingInList(a, b), null);
});

test('a domain that the other has not begun is missing as a whole', () => {
  assert.equal(countMissingInList(read('0-1-5,7-1-30'), read('0-1-5')), 30n);
  assert.equal(countMissingInList(read(''), read('0-1-5')), 0n);
});

/** The naive model: one domain's history as the servers that wrote it, in order; numbers are the places in it. */
type History = readonly number[];
const stateOf = (history: History): GtidList =>
  read(history.map((server, index) => `0-${server}-${index + 1}`).join(','));
const writers = (...servers: number[]) => fc.array(fc.constantFrom(...servers), { maxLength: 12 });

test('of one history, the longer part has all of the shorter', () => {
  fc.assert(
    fc.property(writers(1, 2, 3), writers(1, 2, 3), (common, more) => {
      const [short, long] = [stateOf(common), stateOf([...common, ...more])];
      assert.equal(lacks(short, long), false);
      assert.equal(lacks(long, short), more.length > 0);
      assert.equal(countMissingInList(short, long), 0n);
      // Who wrote only after the other stopped is unknown to it, and does not count against it.
      assert.equal(countMissingInList(long, short), BigInt(more.length));
    }),
    { numRuns: 500 },
  );
});

test('two histories that parted are told apart, and by how much', () => {
  const fork = fc.record({
    common: writers(1, 2, 3).map((servers) => [...servers, 1, 2]),
    a: writers(1).filter((servers) => servers.length > 0),
    b: writers(2).filter((servers) => servers.length > 0),
  });
  fc.assert(
    fc.property(fork, ({ common, a, b }) => {
      const [stateA, stateB] = [stateOf([...common, ...a]), stateOf([...common, ...b])];
      assert.ok(lacks(stateA, stateB) && lacks(stateB, stateA));
      assert.equal(countMissingInList(stateA, stateB), BigInt(a.length));
      assert.equal(countMissingInList(stateB, stateA), BigInt(b.length));
    }),
    { numRuns: 500 },
  );
});

test('garbage gives a list or null', () => {
  const pieces = fc.constantFrom('0', '1', '42', '-', ',', ' ', 'x');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), (parts) => {
      const list = parseGtidList(parts.join(''));
      if (list !== null) assert.deepEqual(formatGtidList(read(formatGtidList(list))), formatGtidList(list));
    }),
    { numRuns: 1000 },
  );
});
