import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { instanceId } from '../../../src/base/brand.ts';
import {
  asksFor,
  formatQuorum,
  isNamed,
  namedIn,
  parseStandbyNames,
  type StandbyNames,
} from '../../../src/engines/postgres/standby-names.ts';

const read = (text: string): StandbyNames => {
  const names = parseStandbyNames(text);
  assert.ok(names !== null, text);
  return names;
};
const quorum = (count: number, ...from: string[]) => ({ count, from: from.map(instanceId) });

describe('synchronous_standby_names', () => {
  it('is read in each of its forms', () => {
    const forms: Record<string, StandbyNames> = {
      '': { method: 'first', count: 0, names: [] },
      ' ': { method: 'first', count: 0, names: [] },
      s1: { method: 'first', count: 1, names: ['s1'] },
      's1, "S 2" ,s3': { method: 'first', count: 1, names: ['s1', 'S 2', 's3'] },
      '*': { method: 'first', count: 1, names: ['*'] },
      '2 (s1, s2, s3)': { method: 'first', count: 2, names: ['s1', 's2', 's3'] },
      'FIRST 2 (s1,s2)': { method: 'first', count: 2, names: ['s1', 's2'] },
      'any 1("a""b", *)': { method: 'any', count: 1, names: ['a"b', '*'] },
      'any, first': { method: 'first', count: 1, names: ['any', 'first'] },
    };
    for (const [text, form] of Object.entries(forms)) {
      assert.deepEqual(parseStandbyNames(text), form, text);
    }
  });

  it('is nothing where the text is something else', () => {
    for (const text of [
      'ANY 1 ()',
      'any(s1)',
      'ANY x (s1)',
      'ANY 1 (s1',
      's1 s2',
      's1,',
      '"s1',
      'a-b',
      ',',
      '1 2 (s1)',
    ]) {
      assert.equal(parseStandbyNames(text), null, text);
    }
  });

  it('asks for the quorum that it was made from, whatever the names and their order', () => {
    const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((text) => text !== '*');
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 9 }),
        (names, count) => {
          const setting = read(formatQuorum(quorum(count, ...names)));
          assert.ok(asksFor(setting, quorum(count, ...names.toReversed())));
          assert.ok(!asksFor(setting, quorum(count + 1, ...names)));
          if (count === 0) return;
          assert.deepEqual(namedIn(setting), [...names].sort());
          assert.ok(!asksFor(setting, quorum(count, ...names, `${names.join('')}x`)));
          for (const one of names) assert.ok(isNamed(setting, one));
        },
      ),
    );
  });

  it('is compared as the server does', () => {
    const setting = read('ANY 1 ("Orders-1", orders)');
    assert.ok(isNamed(setting, 'ORDERS-1'));
    assert.ok(!isNamed(setting, 'orders-2'));
    assert.ok(asksFor(setting, quorum(1, 'orders-1', 'orders')));
    assert.ok(!asksFor(read('FIRST 1 ("orders-1", orders)'), quorum(1, 'orders-1', 'orders')));
    assert.ok(isNamed(read('a, *'), 'whoever'));
    assert.equal(namedIn(read('a, *')), null);
  });
});
