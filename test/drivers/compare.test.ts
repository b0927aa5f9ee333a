import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareResults } from './compare.ts';
import type { TestResult } from './test-result.ts';

const passed = (name: string): TestResult => ({ name, outcome: 'passed' });
const failed = (name: string): TestResult => ({ name, outcome: 'failed' });

describe('the results of a suite both ways', () => {
  it('are the same whatever their order', () => {
    assert.deepEqual(compareResults([passed('a'), failed('b')], [failed('b'), passed('a')]), []);
  });

  it('differ in what passed, and in what one of them never came to', () => {
    assert.deepEqual(compareResults([passed('a'), passed('b')], [failed('a')]), [
      { test: 'a', direct: 'passed', endpoint: 'failed' },
      { test: 'b', direct: 'passed', endpoint: 'absent' },
    ]);
  });

  it('tell tests of the same name apart', () => {
    assert.deepEqual(compareResults([passed('a'), passed('a')], [passed('a'), failed('a')]), [
      { test: 'a #2', direct: 'passed', endpoint: 'failed' },
    ]);
  });
});
