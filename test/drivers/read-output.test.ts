import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readPgOutput, readPokuOutput } from './read-output.ts';

const coloured = (text: string) => text.replaceAll('^', String.fromCharCode(27));

describe('what a suite prints', () => {
  it('of pg', () => {
    const output = [
      'api-tests.js',
      '  pool callback behavior ✔',
      '  not here ? - SKIPPED',
      "  a test's name: with (marks) FAILED!",
      '',
      'AssertionError: 1 == 2',
      '    at Test.action ✔ no result',
      '  one that never ended ',
    ].join('\n');
    assert.deepEqual(readPgOutput(output), [
      { name: 'pool callback behavior', outcome: 'passed' },
      { name: 'not here', outcome: 'skipped' },
      { name: "a test's name: with (marks)", outcome: 'failed' },
    ]);
  });

  it('of mysql2, without the groups', () => {
    const output = coloured(
      [
        '^[1m^[2m◌ a group^[0m',
        '  ^[2m◌ fails^[0m',
        '    ^[91m^[1m✘ Assertion Error^[0m',
        '  ^[91m^[1m● fails^[0m ^[91m^[2m› 35.430409ms^[0m',
        '  ^[94m^[1m◯ is skipped^[0m',
        '  ^[2m◌ passes^[0m',
        '    ^[32m^[1m✔ an assertion^[0m',
        '  ^[32m^[1m● passes^[0m ^[32m^[2m› 0.145407ms^[0m',
        '^[91m^[1m● a group^[0m ^[91m^[2m› 39.207828ms^[0m',
      ].join('\n'),
    );
    assert.deepEqual(readPokuOutput(output), [
      { name: 'fails', outcome: 'failed' },
      { name: 'is skipped', outcome: 'skipped' },
      { name: 'passes', outcome: 'passed' },
    ]);
  });
});
