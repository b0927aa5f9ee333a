import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clusterId, instanceId } from '../../../src/base/brand.ts';
import {
  firstNumber,
  type NumberedSession,
  type Server,
  SessionNumbers,
} from '../../../src/proxy/kill/session-numbers.ts';

const server = (name: string): Server => ({
  cluster: clusterId('orders'),
  instance: instanceId(name),
  address: { host: name, port: 3306 },
});
const a = server('a');
const b = server('b');
const at = (place: number): SessionNumbers => new SessionNumbers({ next: () => place });

describe('the numbers of sessions', () => {
  it('are unique while they last, out of every server’s reach, and gone with their sessions', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.nat(20)), { maxLength: 200 }),
        (place, steps) => {
          const numbers = at(place);
          const open: NumberedSession[] = [];
          let own = 0;
          for (const [enters, first, which] of steps) {
            if (enters || open.length === 0) {
              own += 1;
              const one = first ? a : b;
              open.push(numbers.enter(one, own, numbers.highest(one)));
            } else {
              const [gone] = open.splice(which % open.length, 1);
              assert(gone !== undefined);
              numbers.leave(gone);
              numbers.leave(gone);
              assert.equal(numbers.find(gone.number), null);
            }
            assert.equal(new Set(open.map(({ number }) => number)).size, open.length);
            assert.equal(numbers.size, open.length);
            for (const one of open) {
              assert.ok(one.number >= firstNumber && one.number <= 0xffff_fffe);
              assert.equal(numbers.find(one.number), one);
            }
          }
        },
      ),
    );
  });

  it('begin again at the end of their range', () => {
    const numbers = at(1 - Number.EPSILON);
    const given = [1, 2, 3].map((own) => numbers.enter(a, own, 0).number);
    assert.ok(given.includes(0xffff_fffe));
    assert.ok(given.includes(firstNumber));
    assert.equal(new Set(given).size, 3);
  });

  it('name nobody once the server counts from the beginning again', () => {
    const numbers = at(0);
    const before = numbers.enter(a, 100, numbers.highest(a));
    const elsewhere = numbers.enter(b, 5, numbers.highest(b));
    const highest = numbers.highest(a);
    assert.equal(highest, 100);
    const [second, first] = [numbers.enter(a, 2, highest), numbers.enter(a, 1, highest)];
    assert.equal(numbers.find(before.number), null);
    for (const one of [first, second, elsewhere]) assert.equal(numbers.find(one.number), one);
    numbers.leave(before);
    const third = numbers.enter(a, 3, numbers.highest(a));
    for (const one of [first, second, third]) assert.equal(numbers.find(one.number), one);
  });

  it('may be told of in another order than the server gave them out', () => {
    const numbers = at(0);
    const highest = numbers.highest(a);
    const later = numbers.enter(a, 8, highest);
    const earlier = numbers.enter(a, 7, highest);
    for (const one of [earlier, later]) assert.equal(numbers.find(one.number), one);
  });
});
