import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterAnswer, noWord, type PatroniAnswer } from '../../src/cluster/patroni-word.ts';

const where = '10.0.0.1:8008';
const leader: PatroniAnswer = { kind: 'leader' };
const other: PatroniAnswer = { kind: 'not-leader', status: 503 };
const none: PatroniAnswer = { kind: 'none', why: 'does not answer: connect ECONNREFUSED' };
const stall: PatroniAnswer = { kind: 'local-stall' };

const withheldAfter = (answers: readonly PatroniAnswer[], fall = 3): string | null =>
  answers.reduce((word, answer) => afterAnswer(word, answer, where, fall), noWord(where)).withheld;

test('a server is the writer once Patroni calls it the leader, and no longer', () => {
  assert.equal(withheldAfter([]), 'Patroni on 10.0.0.1:8008 has not answered yet');
  assert.equal(withheldAfter([leader]), null);
  assert.equal(
    withheldAfter([leader, other]),
    'Patroni on 10.0.0.1:8008 does not call it the leader: HTTP 503',
  );
  assert.equal(withheldAfter([leader, other, leader]), null);
});

test('silence takes the office after `fall` questions in a row, and gives none', () => {
  assert.equal(withheldAfter([leader, none, none]), null);
  assert.equal(
    withheldAfter([leader, none, none, none]),
    'Patroni on 10.0.0.1:8008 does not answer: connect ECONNREFUSED',
  );
  assert.equal(withheldAfter([leader, none, none, leader, none, none]), null);
  assert.notEqual(withheldAfter([none]), null);
  assert.notEqual(withheldAfter([leader, other, none]), null, 'who said no and fell silent did not say yes');
  assert.notEqual(withheldAfter([leader, none], 1), null);
});

test('a late look of Aurelay itself counts for nothing', () => {
  assert.equal(withheldAfter([leader, none, none, stall, stall]), null);
  assert.notEqual(withheldAfter([leader, none, none, stall, none]), null);
  assert.notEqual(withheldAfter([stall]), null);
});

test('in any order of answers, a writer has a yes that was followed by fewer than `fall` misses and no refusal', () => {
  const answers = fc.array(fc.constantFrom(leader, other, none, stall));
  fc.assert(
    fc.property(answers, fc.integer({ min: 1, max: 5 }), (given, fall) => {
      const since = given.slice(given.lastIndexOf(leader) + 1);
      const isWriter =
        given.includes(leader) &&
        !since.includes(other) &&
        since.filter((answer) => answer === none).length < fall;
      assert.equal(withheldAfter(given, fall) === null, isWriter);
    }),
  );
});
