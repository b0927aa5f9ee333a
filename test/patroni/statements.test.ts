import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statementsBeyondReading } from './statements.ts';

const line = (user: string, statement: string): string =>
  `2026-01-01 00:00:00.000 UTC [42] ${user} LOG:  statement: ${statement}`;

test('what reads is nothing beyond reading', () => {
  const log = [line('aurelay', 'SELECT 1'), line('app', 'DROP TABLE written'), '\tFROM role'].join('\n');
  assert.deepEqual(statementsBeyondReading(log, 'aurelay'), []);
});

test('whatever else the user sent is told of, prepared or not', () => {
  const prepared = '2026-01-01 00:00:00.000 UTC [42] aurelay LOG:  execute <unnamed>: SELECT pg_promote()';
  const log = [line('aurelay', 'SELECT 1'), line('aurelay', 'ALTER SYSTEM RESET ALL'), prepared].join('\n');
  assert.deepEqual(statementsBeyondReading(log, 'aurelay'), [
    'ALTER SYSTEM RESET ALL',
    'SELECT pg_promote()',
  ]);
});

test('a log without a statement of the user proves nothing', () => {
  assert.throws(() => statementsBeyondReading(line('app', 'SELECT 1'), 'aurelay'), /no statement of aurelay/);
});
