import { Parser } from 'pg-protocol/dist/parser.js';
import type { Prng } from '../../../src/base/prng.ts';
import { AnswerCheck } from '../../../src/engines/postgres/answer-check.ts';
import { ascii, joined, listOf, mostly, pick, randomBytes, uint16, uint32 } from '../bytes.ts';
import { cutsOf, waitsForEver } from '../cuts.ts';
import { type FuzzTarget, promise } from '../target.ts';
import { errorBody, generateAnswer, message } from './postgres-answer.ts';

const cell = (text: string): Uint8Array => joined(uint32(text.length), ascii(text));
const column = (name: string): Uint8Array =>
  joined(ascii(`${name}\0`), uint32(0), uint16(0), uint32(25), uint16(0xffff), uint32(0xffffffff), uint16(0));
const welcome = joined(
  ...[message('R', uint32(0)), message('S', ascii('server_version\x0018.1\0'))],
  ...[message('K', joined(uint32(7), uint32(9))), message('Z', ascii('I'))],
);
const rows = joined(
  message('T', joined(uint16(2), column('in_recovery'), column('lsn'))),
  message('D', joined(uint16(2), cell('false'), cell('0/5000148'))),
  message('C', ascii('SELECT 1\0')),
  message('Z', ascii('I')),
);

/** Beyond the longest message that there is. */
const limitBytes = 320 * 1024;

/** All that a server says to the monitor: what the check lets through, the driver's parser has to come to an end with. */
export const postgresMonitor: FuzzTarget = {
  name: 'postgres-monitor',
  seeds: [
    ...[welcome, joined(welcome, rows), joined(welcome, message('E', errorBody('SERROR', 'C42501', 'Mno')))],
    joined(
      message('R', joined(uint32(10), ascii('SCRAM-SHA-256\0\0'))),
      message('R', joined(uint32(11), ascii('r=x,s=y,i=4096'))),
    ),
    joined(
      welcome,
      message('A', joined(uint32(1), ascii('channel\0payload\0'))),
      message('I', new Uint8Array(0)),
    ),
    joined(welcome, message('G', joined(Uint8Array.of(0), uint16(1), uint16(0))), message('d', ascii('x'))),
    joined(message('v', joined(uint32(0x30000), uint32(1), ascii('_pq_.x\0'))), welcome),
  ],
  dictionary: [
    ...[...'RKSZENTDCIAtns123vGHWdcV'].map(ascii),
    ...[
      uint32(4),
      uint32(5),
      uint32(0xffffffff),
      uint32(262_143),
      uint32(262_144),
      uint16(0xffff),
      uint16(0x7fff),
    ],
    ...[ascii('\0\0'), ascii('SELECT 1\0'), ascii('C57P01\0'), column('x'), cell('1')],
  ],
  maxBytes: 4_096,
  batch: 250,
  generate,
  run,
};

function generate(prng: Prng): Uint8Array {
  const body = () => {
    switch (pick(prng, ['rows', 'row', 'error', 'noise'])) {
      case 'rows':
        return joined(uint16(mostly(prng, 2)), column('a'), column('b'));
      case 'row':
        return joined(
          uint16(mostly(prng, 2)),
          cell('t'),
          uint32(pick(prng, [0xffffffff, 0, 1, 0x7fffffff, 0x80000000])),
        );
      case 'error':
        return errorBody(...listOf(prng, 5, () => pick(prng, ['SERROR', 'C42501', 'Mx', 'P1', ''])));
      default:
        return randomBytes(prng, pick(prng, [0, 1, 4, 20]));
    }
  };
  const one = () => {
    const bytes = body();
    return message(
      pick(prng, ['T', 'D', 'E', 'N', 'C', 'A', 'S', 'K', 'Z', 't', 's', 'n', 'R']),
      bytes,
      mostly(prng, bytes.length + 4),
    );
  };
  return joined(pick(prng, [welcome, welcome, generateAnswer(prng)]), ...listOf(prng, 6, one));
}

function run(input: Uint8Array): void {
  const [whole, ...others] = cutsOf(input).map(read);
  if (whole === undefined) return;
  for (const other of others) promise(other.word === whole.word, `cut: ${other.word}, whole: ${whole.word}`);
  const { check } = whole;
  if (check === null) return;
  // A message is as long as it says; what is announced is bounded, and what comes behind it is looked at again.
  const forEver = waitsForEver((chunk) => check.push(chunk) === null, 0x41, limitBytes);
  promise(!forEver, 'it takes anything for a message');
}

/** As `CheckedSocket` does it: a fault, or what the driver throws, ends the connection. */
function read(chunks: readonly Uint8Array[]): { readonly word: string; readonly check: AnswerCheck | null } {
  const check = new AnswerCheck();
  const parser = new Parser();
  for (const chunk of chunks) {
    const fault = check.push(chunk);
    if (fault !== null) return { word: `${fault.sqlstate} ${fault.why}`, check: null };
    try {
      parser.parse(Buffer.from(chunk), () => {});
    } catch {
      // Thrown earlier or later, depending on how it was cut; the check goes on in any case.
    }
  }
  return { word: 'well', check };
}
