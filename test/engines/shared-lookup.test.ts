import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { it } from 'node:test';
import { sharing } from '../../src/engines/shared-lookup.ts';

type Done = Parameters<LookupFunction>[2];

function asked() {
  const questions: { readonly host: string; readonly done: Done }[] = [];
  const lookup = sharing((host, _options, done) => void questions.push({ host, done }));
  const answers: string[] = [];
  const ask = (host: string, options = {}) =>
    lookup(host, options, (error, address) => answers.push(error?.message ?? String(address)));
  return { questions, answers, ask };
}

it('who asks for the same at the same time gets the same answer, who comes later another', () => {
  const { questions, answers, ask } = asked();
  for (let i = 0; i < 3; i++) ask('db1');
  assert.equal(questions.length, 1);
  questions[0]?.done(null, '192.0.2.1', 4);
  assert.deepEqual(answers.splice(0), ['192.0.2.1', '192.0.2.1', '192.0.2.1']);
  ask('db1');
  assert.equal(questions.length, 2);
  questions[1]?.done(null, '192.0.2.2', 4);
  assert.deepEqual(answers.splice(0), ['192.0.2.2']);
});

it('an error is shared and not kept either', () => {
  const { questions, answers, ask } = asked();
  ask('db1');
  ask('db1');
  questions[0]?.done(new Error('no answer'), '', 0);
  assert.deepEqual(answers.splice(0), ['no answer', 'no answer']);
  ask('db1');
  questions[1]?.done(null, '192.0.2.1', 4);
  assert.deepEqual(answers, ['192.0.2.1']);
});

it('another name, or another question, waits for nobody', () => {
  const { questions, answers, ask } = asked();
  ask('silent.example');
  ask('db1');
  ask('db1', { family: 6 });
  assert.equal(questions.length, 3);
  questions[1]?.done(null, '192.0.2.1', 4);
  assert.deepEqual(answers, ['192.0.2.1']);
});

it('whoever asks again from within an answer starts anew', () => {
  const questions: Done[] = [];
  const lookup = sharing((_host, _options, done) => void questions.push(done));
  lookup('db1', {}, () => lookup('db1', {}, () => {}));
  questions[0]?.(null, '192.0.2.1', 4);
  assert.equal(questions.length, 2);
});
