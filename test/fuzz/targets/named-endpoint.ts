import type { Prng } from '../../../src/base/prng.ts';
import { namedEndpoint } from '../../../src/engines/postgres/named-endpoint.ts';
import { StartupOpening } from '../../../src/engines/postgres/startup.ts';
import { ascii, hex, joined, listOf, pick, uint32 } from '../bytes.ts';
import { type FuzzTarget, promise } from '../target.ts';

const startup = (...pairs: readonly string[]): Uint8Array => {
  const body = joined(uint32(0x30000), ...pairs.map((text) => ascii(`${text}\0`)), Uint8Array.of(0));
  return joined(uint32(body.length + 4), body);
};

const pieces = [
  ...[
    '-c aurelay.endpoint=reader',
    '-caurelay.endpoint=a',
    '--aurelay.endpoint=b',
    '-c',
    ' ',
    '  ',
    '\\ ',
    '\\',
    '\t',
    '\n',
  ],
  ...[
    '-c a=b',
    '--x-y=z',
    '-c aurelay.endpoint=',
    'aurelay.endpoint=x',
    '-c AURELAY.ENDPOINT=Y',
    "'",
    '=',
    '--',
    '-',
    '\xff',
  ],
] as const;

/** A startup message in which the name of an endpoint is looked for, and taken out. */
export const namedEndpointTarget: FuzzTarget = {
  name: 'named-endpoint',
  seeds: [
    startup('user', 'a', 'options', '-c aurelay.endpoint=reader'),
    startup('user', 'a', 'options', '-c work_mem=1MB --aurelay.endpoint=re\\ ader -c x=y'),
    startup('user', 'a', 'aurelay.endpoint', 'reader'),
    startup('options', '-caurelay.endpoint=a', 'options', '-c b=c'),
    startup('user', 'a'),
  ],
  dictionary: [...pieces, 'options\0', 'aurelay.endpoint\0', '\0'].map(ascii),
  maxBytes: 4_096,
  batch: 400,
  generate: (prng: Prng) =>
    startup(
      ...listOf(prng, 4, () => [
        pick(prng, ['options', 'options', 'user', 'aurelay.endpoint', 'Aurelay.Endpoint']),
        listOf(prng, 8, () => pick(prng, pieces)).join(pick(prng, ['', ' '])),
      ]).flat(),
    ),
  run(input) {
    // With its length mended, so that more than the lucky ones are startup messages.
    const sent = input.slice();
    if (sent.length >= 8) sent.set(uint32(sent.length), 0);
    const event = new StartupOpening().push(sent);
    if (event.kind !== 'request' || event.request.kind !== 'startup') return;
    const { request } = namedEndpoint(event.request);
    const again = new StartupOpening().push(request.bytes);
    promise(
      again.kind === 'request' && hex(again.request.bytes) === hex(request.bytes),
      'what is left is no startup message',
    );
    const second = namedEndpoint(request);
    promise(second.name === null, `taken out once, it still names "${second.name}"`);
    promise(hex(second.request.bytes) === hex(request.bytes), 'taken out twice, something else is gone');
  },
};
