import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLine } from './program-line.ts';

test('what a writing program prints is read', () => {
  assert.deepEqual(parseLine('stdout', 'driver 8.23.1'), { kind: 'driver', version: '8.23.1' });
  assert.deepEqual(parseLine('stdout', 'ack 12'), { kind: 'ack', number: 12 });
  assert.deepEqual(parseLine('stdout', 'error 2006 gone away'), {
    ...{ kind: 'error', code: '2006', message: 'gone away' },
  });
  assert.deepEqual(parseLine('stderr', 'again: 57P03 no writer'), {
    ...{ kind: 'again', code: '57P03', message: 'no writer' },
  });
});

test('psql’s exit status gives way to the SQLSTATE, where it says one', () => {
  const line = parseLine('stderr', 'again: 1 ERROR:  25006: cannot execute INSERT');
  assert.equal(line.kind === 'again' && line.code, '25006');
  const lost = parseLine('stderr', 'again: 2 psql: error: connection to server failed');
  assert.equal(lost.kind === 'again' && lost.code, '2');
});

test('what drivers and runtimes say themselves is none of it', () => {
  assert.equal(parseLine('stderr', "error connecting in 'pool-1': timeout expired").kind, 'other');
  assert.equal(parseLine('stderr', 'driver 1').kind, 'other');
  assert.equal(parseLine('stdout', 'again: 1 x').kind, 'other');
  assert.equal(parseLine('stdout', '').kind, 'other');
});
