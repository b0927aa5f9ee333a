import assert from 'node:assert/strict';
import { it } from 'node:test';
import { exceptionFields } from '../../src/log/exception.ts';

it('an error is told with its class, its message and the causes that led to it', () => {
  const error = new TypeError('no', { cause: new Error('because') });
  const fields = exceptionFields(error);
  assert.equal(fields['exception.type'], 'TypeError');
  assert.equal(fields['exception.message'], 'no');
  assert.match(fields['exception.stacktrace'], /^TypeError: no\n.*\ncaused by: Error: because\n/s);
});

it('a circle of causes ends', () => {
  const error = new Error('round');
  error.cause = error;
  assert.ok(exceptionFields(error)['exception.stacktrace'].length < 20_000);
});

it('what is no error is told too', () => {
  assert.deepEqual(exceptionFields('words'), {
    'exception.type': 'string',
    'exception.message': 'words',
    'exception.stacktrace': '',
  });
});
