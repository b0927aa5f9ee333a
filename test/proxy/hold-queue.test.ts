import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Held, HoldQueue } from '../../src/proxy/hold-queue.ts';
import { SimulatedClock } from './support/simulated-clock.ts';

let clock: SimulatedClock;
let queue: HoldQueue;
let log: string[];

beforeEach(() => {
  clock = new SimulatedClock();
  queue = new HoldQueue(clock);
  log = [];
});

const held = (name: string, deadline = 30_000, onRelease: () => void = () => {}): Held => ({
  deadline,
  release: () => {
    log.push(name);
    onRelease();
  },
  expire: () => log.push(`${name} expired`),
  turnAway: () => log.push(`${name} turned away`),
});

const enter = (name: string, deadline?: number): Held => {
  const one = held(name, deadline);
  assert.ok(queue.enter(one, false, 1000));
  return one;
};

describe('the hold queue', () => {
  it('lets nobody pass without a writer, and all in order when there is one', () => {
    assert.ok(queue.blocked);
    for (const name of ['a', 'b', 'c']) enter(name);
    clock.advance(10_000);
    assert.deepEqual(log, []);
    queue.setWriter('1 w');
    clock.advance(0);
    assert.deepEqual(log, ['a', 'b', 'c']);
    assert.equal(queue.blocked, false);
    assert.equal(clock.pending, 0);
  });

  it('releases 50 at a time, 5 ms apart', () => {
    for (let i = 0; i < 120; i++) enter(`${i}`);
    queue.setWriter('1 w');
    const released = [0, 4, 1, 4, 1].map((ms) => {
      clock.advance(ms);
      return log.length;
    });
    assert.deepEqual(released, [50, 50, 100, 100, 120]);
    assert.deepEqual(
      log,
      Array.from({ length: 120 }, (_, i) => `${i}`),
    );
  });

  it('stops releasing when the writer goes away again', () => {
    for (let i = 0; i < 120; i++) enter(`${i}`);
    queue.setWriter('1 w');
    clock.advance(0);
    queue.setWriter(null);
    clock.advance(1000);
    assert.equal(log.length, 50);
    queue.setWriter('2 x');
    clock.advance(1000);
    assert.equal(log.length, 120);
  });

  it('makes newcomers wait behind those that are being released', () => {
    for (let i = 0; i < 60; i++) enter(`${i}`);
    queue.setWriter('1 w');
    clock.advance(0);
    assert.ok(queue.blocked);
    enter('late');
    clock.advance(5);
    assert.equal(log.at(-1), 'late');
    assert.equal(queue.blocked, false);
  });

  it('ends the wait of each at its own deadline, which waiting again does not move', () => {
    enter('a', 100);
    enter('b', 150);
    clock.advance(100);
    assert.deepEqual(log, ['a expired']);
    queue.setWriter('1 w');
    clock.advance(0);
    const again = held('b', 150);
    queue.setWriter(null);
    queue.enter(again, true, 0);
    clock.advance(49);
    assert.deepEqual(log, ['a expired', 'b']);
    clock.advance(1);
    assert.deepEqual(log, ['a expired', 'b', 'b expired']);
    assert.equal(queue.size, 0);
    assert.equal(clock.pending, 0);
  });

  it('is bounded, except for those that were in it before', () => {
    assert.ok(queue.enter(held('a'), false, 2));
    assert.ok(queue.enter(held('b'), false, 2));
    assert.equal(queue.enter(held('c'), false, 2), false);
    assert.ok(queue.enter(held('d'), true, 2));
    assert.equal(queue.size, 3);
  });

  it('forgets one that leaves', () => {
    const a = enter('a', 100);
    enter('b', 100);
    queue.leave(a);
    queue.leave(a);
    queue.setWriter('1 w');
    clock.advance(200);
    assert.deepEqual(log, ['b']);
    assert.equal(clock.pending, 0);
  });

  it('turns everybody away in order', () => {
    enter('a');
    enter('b');
    queue.dismiss();
    assert.deepEqual(log, ['a turned away', 'b turned away']);
    assert.equal(clock.pending, 0);
  });
});

describe('the hold queue, while the writer refuses', () => {
  it('sends one at a time to see, those that came back first', () => {
    queue.setWriter('1 w');
    queue.writerRefused('1 w');
    assert.ok(queue.blocked);
    for (const name of ['b', 'c', 'd']) enter(name);
    queue.enter(held('a'), true, 1000);
    clock.advance(99);
    assert.deepEqual(log, []);
    clock.advance(1);
    assert.deepEqual(log, ['a']);
    clock.advance(100);
    assert.deepEqual(log, ['a', 'b']);
    queue.writerAnswered('1 w');
    clock.advance(0);
    assert.deepEqual(log, ['a', 'b', 'c', 'd']);
    assert.equal(queue.blocked, false);
  });

  it('starts afresh with another writer, or another epoch of the same one', () => {
    queue.setWriter('1 w');
    queue.writerRefused('1 w');
    enter('a');
    enter('b');
    queue.setWriter('2 w');
    clock.advance(0);
    assert.deepEqual(log, ['a', 'b']);
  });

  it('does not listen to what is said of a former writer', () => {
    queue.setWriter('2 x');
    queue.writerRefused('1 w');
    assert.equal(queue.blocked, false);
    queue.writerRefused('2 x');
    queue.writerAnswered('1 w');
    assert.ok(queue.blocked);
  });
});

it('whatever happens, each gets one answer, by its deadline at the latest, in the order of arrival', () => {
  type Step = readonly ['enter' | 'leave' | 'writer' | 'none' | 'refused' | 'answered' | 'wait', number];
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom<Step[0]>(
        'enter',
        'enter',
        'enter',
        'leave',
        'writer',
        'none',
        'refused',
        'answered',
        'wait',
      ),
      fc.nat(500),
    ),
    { maxLength: 200 },
  );
  fc.assert(
    fc.property(steps, (sequence) => {
      clock = new SimulatedClock();
      queue = new HoldQueue(clock);
      const answers = new Map<number, string>();
      const entered: Held[] = [];
      const releases: number[] = [];
      const answer = (id: number, what: string, deadline: number) => {
        assert.ok(!answers.has(id), 'one answer each');
        assert.ok(clock.now() <= deadline, 'in time');
        answers.set(id, what);
      };
      for (const [step, value] of sequence) {
        if (step === 'enter') {
          const id = entered.length;
          const deadline = clock.now() + 1000;
          const one: Held = {
            deadline,
            release: () => {
              answer(id, 'released', deadline);
              releases.push(id);
            },
            expire: () => answer(id, 'expired', deadline),
            turnAway: () => answer(id, 'turned away', deadline),
          };
          entered.push(one);
          const size = queue.size;
          assert.equal(queue.enter(one, false, 20), size < 20);
          if (size >= 20) answers.set(id, 'full');
        }
        const leaver = value % Math.max(1, entered.length);
        if (step === 'leave' && entered[leaver] !== undefined) {
          queue.leave(entered[leaver]);
          if (!answers.has(leaver)) answers.set(leaver, 'left');
        }
        if (step === 'writer') queue.setWriter(`${value % 3} w`);
        if (step === 'none') queue.setWriter(null);
        if (step === 'refused') queue.writerRefused(`${value % 3} w`);
        if (step === 'answered') queue.writerAnswered(`${value % 3} w`);
        if (step === 'wait') clock.advance(value);
        assert.ok(queue.size <= 20);
      }
      clock.advance(2000);
      assert.equal(answers.size, entered.length);
      assert.deepEqual(
        releases,
        [...releases].sort((a, b) => a - b),
      );
      assert.equal(clock.pending, 0);
    }),
    { numRuns: 300 },
  );
});
