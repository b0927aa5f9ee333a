import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HbaAnswer, mayReplicate } from '../../src/diagnosis/hba.ts';
import type { HbaLine } from '../../src/engines/survey.ts';

/** `type databases users address netmask method`, `-` for none. */
function lines(...texts: readonly string[]): readonly HbaLine[] {
  return texts.map((text, at) => {
    const [type = '', databases = '', users = '', address = '-', netmask = '-', method = ''] =
      text.split(' ');
    const orNull = (word: string): string | null => (word === '-' ? null : word);
    return {
      line: at + 1,
      type,
      databases: databases.split(','),
      users: users.split(','),
      address: orNull(address),
      netmask: orNull(netmask),
      method,
    };
  });
}

const cases: readonly (readonly [HbaAnswer, string, readonly HbaLine[]])[] = [
  ['allowed', '10.0.0.7', lines('host replication all 10.0.0.0 255.255.255.0 scram-sha-256')],
  ['allowed', '10.0.0.7', lines('hostssl replication a,repl all - cert')],
  ['allowed', 'fd00::7', lines('host replication repl fd00:: ffff:: scram-sha-256')],
  ['no-line', '10.0.1.7', lines('host replication all 10.0.0.0 255.255.255.0 scram-sha-256')],
  ['no-line', 'fd00::7', lines('host replication all 10.0.0.0 255.255.255.0 scram-sha-256')],
  // `all` names every database, and replication is none (manual, "The pg_hba.conf File").
  ['no-line', '10.0.0.7', lines('host all all 0.0.0.0 0.0.0.0 trust')],
  ['no-line', '10.0.0.7', lines('local replication all - - trust')],
  ['no-line', '10.0.0.7', lines('host replication other 10.0.0.0 255.0.0.0 md5')],
  ['rejected', '10.0.0.7', lines('host replication all all - reject', 'host replication all all - trust')],
  [
    'allowed',
    '10.0.0.7',
    lines('hostnossl replication all all - reject', 'hostssl replication all all - md5'),
  ],
  ['unknown', '10.0.0.7', lines('host replication repl db2.internal - md5')],
  ['unknown', '10.0.0.7', lines('host replication +replicators 10.0.0.0 255.0.0.0 md5')],
  [
    'unknown',
    '10.0.0.7',
    lines('host replication repl samenet - reject', 'host replication all all - reject'),
  ],
];

for (const [answer, address, hba] of cases) {
  const written = hba.map((line) => Object.values(line).join(' ')).join('; ');
  test(`repl from ${address}: ${answer} by ${written}`, () => {
    assert.equal(mayReplicate(hba, 'repl', address), answer);
  });
}
