import { type Prng, randomIndex } from '../../../src/base/prng.ts';
import { formatPosition, mysqlPositions, parsePosition } from '../../../src/engines/mysql/position.ts';
import { parseServerVersion } from '../../../src/engines/mysql/server-version.ts';
import {
  ConninfoInvalid,
  formatConninfo,
  parseConninfo,
  sameConninfo,
  sourceOf,
} from '../../../src/engines/postgres/conninfo.ts';
import { parseWalPosition, walOrder } from '../../../src/engines/postgres/position.ts';
import { listOf, pick, utf8 } from '../bytes.ts';
import { type FuzzTarget, promise } from '../target.ts';

const uuid = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

/** What servers say of themselves in the answers to the monitor's queries: positions, versions, where they replicate from. */
export const serverTexts: FuzzTarget = {
  name: 'server-texts',
  seeds: [
    ...[
      `${uuid}:1-5:7`,
      `${uuid}:tag:1-3,\n${uuid.replace('3', '4')}:9`,
      '0-1-270,1-2-9',
      'empty',
      '3/0/5000148',
    ],
    ...[
      "host='db1' port='5432' user='x'",
      'postgresql://u:p@db1:5432/x?sslmode=require',
      '8.0.36',
      '10.11.19-MariaDB',
    ],
    ...['host=/tmp,db2 port=1,2', 'postgres://[::1]:5432', "password='it\\'s' x = y"],
  ].map(utf8),
  dictionary: [
    ...[
      uuid,
      ':1-9223372036854775806',
      ':',
      '-',
      ',',
      '\n',
      '/',
      '0/0',
      'host=',
      'port=',
      "'",
      "\\'",
      '\\',
      ' = ',
    ],
    ...[
      'postgresql://',
      '@',
      '%00',
      '%2',
      '%',
      '?',
      '&',
      '[',
      ']',
      'hostaddr=',
      '4294967295',
      '18446744073709551615',
    ],
  ].map(utf8),
  maxBytes: 2_048,
  batch: 200,
  generate: (prng) => utf8(pick(prng, [gtidSet(prng), gtidList(prng), conninfo(prng)])),
  run(input) {
    const text = new TextDecoder().decode(input);
    readMysqlPosition(text);
    readConninfo(text);
    parseServerVersion(text);
    if (parseWalPosition(text) !== null) {
      const position = text as Parameters<typeof walOrder.compare>[0];
      promise(walOrder.compare(position, position) === 'equal', 'a position differs from itself');
    }
  },
};

const number = (prng: Prng): string =>
  pick(prng, ['1', '5', '6', '7', '0', '9223372036854775806', '18446744073709551615', '4294967296']);
const gtidSet = (prng: Prng): string =>
  listOf(
    prng,
    5,
    () =>
      `${uuid.slice(0, -1)}${randomIndex(prng, 3)}:${pick(prng, ['', 'tag:'])}${number(prng)}-${number(prng)}:${number(prng)}`,
  ).join(',');
const gtidList = (prng: Prng): string =>
  listOf(prng, 5, () => `${randomIndex(prng, 3)}-${number(prng)}-${number(prng)}`).join(',');
const conninfo = (prng: Prng): string =>
  listOf(
    prng,
    5,
    () =>
      `${pick(prng, ['host', 'port', 'hostaddr', 'user', 'x'])}${pick(prng, ['=', ' = '])}${pick(prng, ["'a b'", 'db1', '5432', "''", "'\\\\\\''", 'a,b'])}`,
  ).join(pick(prng, [' ', '\n']));

function readMysqlPosition(text: string): void {
  const position = parsePosition(text);
  const written = formatPosition(position);
  promise(
    formatPosition(parsePosition(written)) === written,
    'a position does not read back as it is written',
  );
  const self = mysqlPositions.compare(written, written);
  promise(self === (position.kind === 'unknown' ? 'diverged' : 'equal'), `a position is ${self} to itself`);
}

function readConninfo(text: string): void {
  let read: ReturnType<typeof parseConninfo>;
  try {
    read = parseConninfo(text);
  } catch (error) {
    if (error instanceof ConninfoInvalid) return;
    throw error;
  }
  sourceOf(read);
  promise(sameConninfo(parseConninfo(formatConninfo(read)), read), 'a connection string does not read back');
}
