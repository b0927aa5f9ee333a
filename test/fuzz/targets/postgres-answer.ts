import type { Prng } from '../../../src/base/prng.ts';
import type { ClientRequest, ServerEvent } from '../../../src/engines/engine.ts';
import { AnswerOpening } from '../../../src/engines/postgres/messages.ts';
import { ascii, hex, joined, listOf, mostly, pick, randomBytes, uint32 } from '../bytes.ts';
import { cutsOf, waitsForEver } from '../cuts.ts';
import { type FuzzTarget, promise } from '../target.ts';

const kinds: readonly ClientRequest['kind'][] = ['startup', 'tls', 'gss', 'direct-tls'];
export const message = (type: string, body: Uint8Array, length = body.length + 4): Uint8Array =>
  joined(ascii(type), uint32(length), body);
export const errorBody = (...fields: readonly string[]): Uint8Array => ascii(`${fields.join('\0')}\0\0`);
const tooMany = message('E', errorBody('SFATAL', 'VFATAL', 'C53300', 'Mtoo many clients'));
const after = (kind: ClientRequest['kind'], bytes: Uint8Array): Uint8Array =>
  joined(Uint8Array.of(kinds.indexOf(kind)), bytes);

/** Beyond the longest message that there is. */
const limitBytes = 80 * 1024;

/** A server's first answer. The first byte chooses what was asked. */
export const postgresAnswer: FuzzTarget = {
  name: 'postgres-answer',
  seeds: [
    after('startup', joined(message('R', uint32(0)), message('Z', ascii('I')))),
    after('startup', message('R', joined(uint32(10), ascii('SCRAM-SHA-256\0\0')))),
    after('startup', message('N', errorBody('SNOTICE', 'Mx'))),
    after('startup', message('v', joined(uint32(0x30002), uint32(0)))),
    after('startup', tooMany),
    after('startup', ascii('Ecould not fork\n\0')),
    ...[after('tls', ascii('S')), after('tls', ascii('N')), after('tls', tooMany), after('gss', ascii('G'))],
    after('direct-tls', Uint8Array.of(0x16, 3, 3, 0, 1, 2)),
    after('direct-tls', Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40)),
    after('startup', Uint8Array.of(0x4a, 0, 0, 0, 10, 0x38, 0x2e, 0x34)),
  ],
  dictionary: [
    ...[
      'R',
      'E',
      'N',
      'v',
      'Z',
      'S',
      'G',
      'C53300\0',
      'C57P03\0',
      'MFATAL\0',
      '\0\0',
      'could not fork\0',
    ].map(ascii),
    ...[
      uint32(4),
      uint32(8),
      uint32(65_531),
      uint32(65_532),
      uint32(0),
      uint32(12),
      Uint8Array.of(0x15, 3, 3, 0, 2),
    ],
  ],
  maxBytes: 4_096,
  batch: 400,
  generate: (prng) => joined(Uint8Array.of(pick(prng, [0, 0, 0, 1, 2, 3])), generateAnswer(prng)),
  run,
};

export function generateAnswer(prng: Prng): Uint8Array {
  const type = pick(prng, ['R', 'E', 'E', 'E', 'N', 'v', 'S', 'K']);
  const field = () =>
    `${pick(prng, ['S', 'V', 'C', 'M', 'H', 'é', ''])}${pick(prng, ['FATAL', '57P03', '53300', '', 'x'.repeat(300)])}`;
  const body =
    type === 'E' || type === 'N'
      ? errorBody(...listOf(prng, 8, field))
      : joined(
          uint32(pick(prng, [0, 3, 5, 10, 11, 12, 255, 256])),
          randomBytes(prng, pick(prng, [0, 4, 30])),
        );
  return joined(message(type, body, mostly(prng, body.length + 4)), randomBytes(prng, pick(prng, [0, 0, 5])));
}

function run(input: Uint8Array): void {
  const kind = kinds[(input[0] ?? 0) % kinds.length] ?? 'startup';
  const answer = input.subarray(1);
  const [whole, ...others] = cutsOf(answer).map((chunks) => read(kind, chunks));
  if (whole === undefined) return;
  for (const other of others) promise(other === whole, `cut: ${other}, whole: ${whole}`);
  for (const filler of [0, 0x41]) {
    const opening = new AnswerOpening(kind);
    if (opening.push(answer).kind !== 'need-more') return;
    const forEver = waitsForEver((chunk) => opening.push(chunk).kind === 'need-more', filler, limitBytes);
    promise(!forEver, 'it waits for more, whatever comes');
  }
}

function read(kind: ClientRequest['kind'], chunks: readonly Uint8Array[]): string {
  const opening = new AnswerOpening(kind);
  let fed = new Uint8Array(0);
  for (const chunk of chunks) {
    const event = opening.push(chunk);
    fed = joined(fed, chunk) as Uint8Array<ArrayBuffer>;
    if (event.kind === 'need-more') continue;
    if ('bytes' in event) promise(hex(event.bytes) === hex(fed), 'an answer is not passed on as it came');
    return wordOf(event);
  }
  return 'waits';
}

function wordOf(event: ServerEvent): string {
  switch (event.kind) {
    case 'malformed':
      return event.why;
    case 'refused':
      return `refused ${event.code} ${event.message} ${event.retryable}`;
    default:
      return event.kind;
  }
}
