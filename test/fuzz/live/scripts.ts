import { type Prng, randomIndex } from '../../../src/base/prng.ts';
import type { EngineName } from '../../../src/engines/engine.ts';
import { ascii, joined, listOf, mostly, pick, randomBytes, uint24le, uint32 } from '../bytes.ts';
import { mutate } from '../mutate.ts';
import { greeting, mysqlGreeting, packet } from '../targets/mysql-greeting.ts';
import { generateAnswer, message } from '../targets/postgres-answer.ts';
import { postgresMonitor } from '../targets/postgres-monitor.ts';
import type { Script } from './evil-server.ts';

/** A conversation of a server that is right for a while, longer or shorter. */
export function drawScript(engine: EngineName, prng: Prng): Script {
  const pieces = engine === 'mysql' ? mysqlPieces(prng) : postgresPieces(prng);
  return {
    pieces: prng.next() < 0.4 ? pieces.map((piece) => worse(piece, prng)) : pieces,
    speaksFirst: engine === 'mysql',
    ending: pick(prng, ['end', 'end', 'reset', 'silence']),
  };
}

function worse(piece: Uint8Array, prng: Prng): Uint8Array {
  if (prng.next() < 0.5) return piece;
  const { dictionary } = prng.next() < 0.5 ? mysqlGreeting : postgresMonitor;
  return mutate(piece, prng, { dictionary, other: piece, maxBytes: 8_192 });
}

// ---- MySQL ----

const plain = (version: string): Uint8Array => {
  const bytes = greeting(version).slice();
  // Without CLIENT_SSL, so that the rest is spoken in plain.
  const capabilities = 1 + version.length + 1 + 4 + 9;
  bytes[capabilities + 1] = (bytes[capabilities + 1] ?? 0) & ~0x08;
  return bytes;
};
const ok = Uint8Array.of(0, 0, 0, 2, 0, 0, 0);
const eof = Uint8Array.of(0xfe, 0, 0, 2, 0);
const text = (value: string): Uint8Array => joined(Uint8Array.of(value.length), ascii(value));
const columnDefinition = (name: string): Uint8Array =>
  joined(
    ...[text('def'), text(''), text('t'), text('t'), text(name), text(name)],
    Uint8Array.of(0x0c, 45, 0, 255, 255, 0, 0, 0xfd, 0, 0, 0, 0, 0),
  );
const plugins = [
  ...[
    'mysql_native_password',
    'caching_sha2_password',
    'sha256_password',
    'mysql_clear_password',
    'client_ed25519',
  ],
  ...['dialog', '', 'x\0y', 'constructor', '__proto__', 'auth_gssapi_client'],
] as const;
const lengths = [
  ...[
    Uint8Array.of(0),
    Uint8Array.of(1),
    Uint8Array.of(0xfb),
    Uint8Array.of(0xfc, 0xff, 0xff),
    Uint8Array.of(0xfd, 0xff, 0xff, 0xff),
  ],
  ...[Uint8Array.of(0xfe, 255, 255, 255, 255, 255, 255, 255, 255), Uint8Array.of(0xff)],
] as const;

function mysqlPieces(prng: Prng): Uint8Array[] {
  const version = pick(prng, ['9.7.0', '8.0.36', '5.5.5-10.11.19-MariaDB', '11.8.2-MariaDB', '1']);
  const first = packet(prng.next() < 0.8 ? plain(version) : greeting(version));
  const login = listOf(prng, 3, () => framed(prng, authPayload(prng), 2));
  const granted = prng.next() < 0.7 ? [framed(prng, ok, 2)] : [];
  return [first, ...login, ...granted, ...listOf(prng, 6, () => answer(prng))];
}

const framed = (prng: Prng, payload: Uint8Array, sequence: number): Uint8Array =>
  packet(payload, mostly(prng, sequence), mostly(prng, payload.length));

function authPayload(prng: Prng): Uint8Array {
  const plugin = ascii(`${pick(prng, plugins)}\0`);
  return pick(prng, [
    joined(Uint8Array.of(0xfe), plugin, randomBytes(prng, pick(prng, [0, 8, 20, 21]))),
    Uint8Array.of(0xfe),
    joined(
      Uint8Array.of(1),
      pick(prng, [
        Uint8Array.of(3),
        Uint8Array.of(4),
        ascii('-----BEGIN PUBLIC KEY-----\nx'),
        new Uint8Array(0),
      ]),
    ),
    joined(Uint8Array.of(2), plugin),
    joined(Uint8Array.of(0xff, 0x15, 4), ascii('#28000denied')),
    randomBytes(prng, pick(prng, [0, 1, 9])),
  ]);
}

/** To a query, in one piece: rows, an error, a wish to have a file, or something that is none of it. */
function answer(prng: Prng): Uint8Array {
  const columns = listOf(prng, 3, () =>
    columnDefinition(pick(prng, ['a', '', 'Source_Host', '__proto__', '@@x'])),
  );
  const row = () =>
    joined(...columns.map(() => joined(pick(prng, lengths), randomBytes(prng, randomIndex(prng, 3)))));
  const packets = pick(prng, [
    [Uint8Array.of(columns.length), ...columns, eof, ...listOf(prng, 4, row), eof],
    [Uint8Array.of(1), columnDefinition('v'), eof, text('8.0.36'), eof],
    [ok],
    [joined(Uint8Array.of(0xfb), ascii('/etc/passwd'))],
    [joined(Uint8Array.of(0xff, 0x28, 4), ascii('#42000no'))],
    [pick(prng, lengths)],
    [randomBytes(prng, 5), randomBytes(prng, 0)],
    [joined(Uint8Array.of(0), pick(prng, lengths), pick(prng, lengths))],
  ]);
  return joined(...packets.map((payload, index) => framed(prng, payload, index + 1)), ...announced(prng));
}

/** Now and then a packet of which most never comes. */
const announced = (prng: Prng): Uint8Array[] =>
  prng.next() < 0.05 ? [joined(uint24le(0xffffff), Uint8Array.of(1), new Uint8Array(100))] : [];

// ---- PostgreSQL ----

const scram = (text: string): Uint8Array => message('R', joined(uint32(11), ascii(text)));

function postgresPieces(prng: Prng): Uint8Array[] {
  const built = () => postgresMonitor.generate?.(prng) ?? new Uint8Array(0);
  const login = pick(prng, [
    [],
    [message('R', uint32(3))],
    [message('R', joined(uint32(5), randomBytes(prng, pick(prng, [0, 3, 4]))))],
    [
      message(
        'R',
        joined(uint32(10), ascii(`${pick(prng, ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', 'X', ''])}\0\0`)),
      ),
      scram(
        pick(prng, [
          'r=x,s=y,i=4096',
          'r=x,s=,i=0',
          'r=,s=AAAA,i=1',
          '',
          'i=99999999999,r=x,s=AAAA',
          ',,,',
          'r=\0',
        ]),
      ),
      message('R', joined(uint32(12), ascii(pick(prng, ['v=AAAA', 'e=no', '', 'v='])))),
    ],
    [message('R', uint32(pick(prng, [2, 6, 7, 8, 9, 13, 255])))],
    [generateAnswer(prng)],
  ]);
  const seeds = postgresMonitor.seeds;
  const welcome = seeds[0] ?? new Uint8Array(0);
  const seen = () => seeds[randomIndex(prng, seeds.length)] ?? welcome;
  return [
    ...login,
    ...(prng.next() < 0.8 ? [welcome] : []),
    ...listOf(prng, 6, () => pick(prng, [built(), seen()])),
  ];
}
