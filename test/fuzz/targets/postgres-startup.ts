import { clientError } from '../../../src/base/errors.ts';
import type { Prng } from '../../../src/base/prng.ts';
import { AnswerOpening, refusal } from '../../../src/engines/postgres/messages.ts';
import { StartupOpening } from '../../../src/engines/postgres/startup.ts';
import { ascii, hex, joined, listOf, mostly, pick, randomBytes, uint16, uint32 } from '../bytes.ts';
import { cutsOf, waitsForEver } from '../cuts.ts';
import { type FuzzTarget, promise } from '../target.ts';

const packet = (body: Uint8Array): Uint8Array => joined(uint32(body.length + 4), body);
const special = (code: number): Uint8Array => packet(uint32(code));
const tls = special(80_877_103);
const gss = special(80_877_104);
const cancel = (keyBytes: number): Uint8Array =>
  packet(joined(uint32(80_877_102), uint32(4711), new Uint8Array(keyBytes).fill(7)));
const startup = (version: number, ...pairs: readonly string[]): Uint8Array =>
  packet(joined(uint32(version), ...pairs.map((text) => ascii(`${text}\0`)), Uint8Array.of(0)));
const version3 = 0x30000;
const version32 = 0x30002;
const hello = joined(
  Uint8Array.of(0x16, 3, 1),
  uint16(46),
  Uint8Array.of(1, 0, 0, 42, 3, 3),
  new Uint8Array(40),
);

/** Beyond the longest message that there is. */
const limitBytes = 32 * 1024;

/** A client's first bytes, with upgrades that were declined before them. */
export const postgresStartup: FuzzTarget = {
  name: 'postgres-startup',
  seeds: [
    ...[tls, gss, cancel(4), cancel(256), hello, joined(tls, gss)],
    startup(version3, 'user', 'alice'),
    startup(version32, 'user', 'alice', 'database', 'orders', 'options', '-c aurelay.endpoint=reader'),
    joined(tls, startup(version3, 'user', 'a', '_pq_.x', '1')),
    joined(gss, tls, startup(version3, 'user', 'a', 'replication', 'database')),
    ...[startup(0x20000, 'x'), ascii('GET / HTTP/1.1\r\n\r\n'), ascii('SSH-2.0-x'), uint32(0x7fffffff)],
  ],
  dictionary: [
    ...[uint32(version3), uint32(version32), uint32(80_877_102), uint32(80_877_103), uint32(80_877_104)],
    ...[uint32(8), uint32(9), uint32(10_004), uint32(10_005), Uint8Array.of(0x16, 3, 1), tls, gss],
    ...['user\0', 'database\0', 'options\0', '-c ', 'aurelay.endpoint=', '\\ ', '\0\0', 'PRI ', '_pq_.'].map(
      ascii,
    ),
  ],
  maxBytes: 12_000,
  batch: 400,
  generate,
  run,
};

function generate(prng: Prng): Uint8Array {
  const messages = listOf(prng, 3, () => pick(prng, [tls, gss]));
  return joined(...messages, last(prng), randomBytes(prng, pick(prng, [0, 0, 1, 20])));
}

function last(prng: Prng): Uint8Array {
  switch (pick(prng, ['startup', 'startup', 'startup', 'cancel', 'hello'])) {
    case 'cancel':
      return cancel(pick(prng, [0, 3, 4, 5, 32, 255, 256, 257]));
    case 'hello': {
      const payload = joined(Uint8Array.of(1), randomBytes(prng, pick(prng, [3, 4, 100, 500])));
      return joined(
        Uint8Array.of(0x16, 3, pick(prng, [0, 1, 3, 4, 5])),
        uint16(mostly(prng, payload.length)),
        payload,
      );
    }
    default: {
      const name = () =>
        pick(prng, ['user', 'database', 'options', 'application_name', '_pq_.command', '', 'é']);
      const value = () =>
        pick(prng, [
          'alice',
          '',
          '-c aurelay.endpoint=reader',
          '-c a=b\\ c',
          '-caurelay.endpoint=',
          'x'.repeat(900),
        ]);
      const body = joined(
        uint32(pick(prng, [version3, version32, version3 + 99, 0x3ffff])),
        ...listOf(prng, 12, () => ascii(`${name()}\0${value()}\0`)),
        Uint8Array.of(0),
      );
      return joined(uint32(mostly(prng, body.length + 4)), body);
    }
  }
}

interface Told {
  readonly story: string;
  readonly waiting: StartupOpening | null;
}

function run(input: Uint8Array): void {
  const [whole, ...others] = cutsOf(input).map((chunks) => listen(chunks, input));
  if (whole === undefined) return;
  for (const other of others)
    promise(other.story === whole.story, `cut: ${other.story}, whole: ${whole.story}`);
  for (const filler of [0, 0x41]) {
    const { waiting } = listen([input], input);
    if (waiting === null) continue;
    const forEver = waitsForEver((chunk) => waiting.push(chunk).kind === 'need-more', filler, limitBytes);
    promise(!forEver, 'it waits for more, whatever comes');
  }
}

/** What a session makes of it: after an upgrade request, which is declined, the client speaks again. */
function listen(chunks: readonly Uint8Array[], input: Uint8Array): Told {
  let decoder = new StartupOpening();
  const story: string[] = [];
  let taken = 0;
  const queue = [...chunks];
  for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
    const event = decoder.push(chunk);
    if (event.kind === 'need-more') continue;
    if (event.kind === 'malformed') {
      assertReadable(event.why);
      return { story: [...story, event.why].join(), waiting: null };
    }
    if (event.kind === 'goodbye') {
      const sent = hex(input.subarray(taken, taken + 5));
      promise(sent === '5800000004', 'a goodbye is not what was sent');
      return { story: [...story, 'goodbye'].join(), waiting: null };
    }
    const bytes = event.kind === 'cancel' ? event.bytes : event.request.bytes;
    promise(
      hex(bytes) === hex(input.subarray(taken, taken + bytes.length)),
      'a message is not what was sent',
    );
    taken += bytes.length;
    const kind = event.kind === 'cancel' ? 'cancel' : event.request.kind;
    story.push(`${kind} ${bytes.length}`);
    const rest = decoder.rest();
    const left = rest.length + queue.reduce((sum, { length }) => sum + length, 0);
    promise(taken + left === input.length, 'bytes behind a message were lost');
    if (kind !== 'tls' && kind !== 'gss') return { story: story.join(), waiting: null };
    decoder = new StartupOpening();
    if (rest.length > 0) queue.unshift(rest);
  }
  return { story: [...story, 'waits'].join(), waiting: decoder };
}

/** What the client is told of it is an error of the protocol. */
function assertReadable(why: string): void {
  const words = refusal(clientError('protocol_violation', { why, engine: 'postgres' }), null);
  promise(
    new AnswerOpening('startup').push(words).kind === 'refused',
    'the refusal is no error that can be read',
  );
}
