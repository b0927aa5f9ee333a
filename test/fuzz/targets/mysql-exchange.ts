import { type Prng, randomIndex } from '../../../src/base/prng.ts';
import type { ExchangeTerms } from '../../../src/engines/engine.ts';
import { mysqlProtocol } from '../../../src/engines/mysql/handshake.ts';
import { TlsExchange } from '../../../src/engines/mysql/tls-exchange.ts';
import { ascii, joined, listOf, mostly, pick, randomBytes, uint24le } from '../bytes.ts';
import { play, scriptOf, type Turn, turnsOf } from '../exchange-script.ts';
import { type FuzzTarget, promise } from '../target.ts';
import { greeting, packet } from './mysql-greeting.ts';

const serverTls = ['never', 'if-offered', 'always'] as const;
const greetings: readonly [Uint8Array, ...Uint8Array[]] = [
  packet(greeting('9.7.0')),
  packet(greeting('10.11.19-MariaDB').map((byte, at) => (at === 30 ? byte & ~0x08 : byte))),
  packet(Uint8Array.of(10, 0x38, 0)),
];

/** The first byte chooses the terms and the greeting. */
const onTerms = (choice: number, ...turns: readonly Turn[]): Uint8Array =>
  joined(Uint8Array.of(choice), scriptOf(...turns));
const client = (...parts: readonly Uint8Array[]): Turn => ({ side: 'client', bytes: joined(...parts) });
const server = (...parts: readonly Uint8Array[]): Turn => ({ side: 'server', bytes: joined(...parts) });

const head = (flags: number): Uint8Array => {
  const fixed = new Uint8Array(32);
  new DataView(fixed.buffer).setUint32(0, flags, true);
  return fixed;
};
const capabilities = 0x8_8208;
const tlsFlag = 0x800;
const login = (plugin: string, flags = capabilities): Uint8Array =>
  joined(head(flags), ascii('u\0'), Uint8Array.of(2, 1, 2), ascii(`db\0${plugin}\0`));
const tlsRequest = packet(head(capabilities | tlsFlag), 1);
const inTls = (plugin: string): Uint8Array => packet(login(plugin, capabilities | tlsFlag), 2);
const ok = Uint8Array.of(0, 0, 0, 2, 0, 0, 0);
const authSwitch = (plugin: string): Uint8Array => joined(Uint8Array.of(0xfe), ascii(`${plugin}\0salt`));

/** The login of a MySQL client whose TLS ends at Aurelay, and the server's side of it. */
export const mysqlExchange: FuzzTarget = {
  name: 'mysql-exchange',
  seeds: [
    onTerms(0, client(tlsRequest), client(inTls('mysql_native_password')), server(packet(ok, 2))),
    onTerms(0, client(tlsRequest), client(inTls('sha256_password'))),
    onTerms(0, client(tlsRequest), client(inTls('x')), server(packet(authSwitch('dialog'), 2))),
    ...[
      onTerms(
        0,
        ...[client(tlsRequest), client(inTls('x')), server(packet(authSwitch('mysql_native_password'), 2))],
        ...[client(packet(ascii('answer'), 4)), server(packet(ok, 4))],
      ),
      onTerms(1, client(tlsRequest), client(ascii('hello'))),
      onTerms(2, client(tlsRequest), server(ascii('hello'))),
      onTerms(3, client(packet(login('mysql_native_password'), 1)), server(packet(ok, 2))),
      onTerms(6, client(packet(login('caching_sha2_password'), 1), packet(ascii('\x03select 1')))),
      onTerms(0, server(packet(joined(Uint8Array.of(0xff, 0x1d, 4), ascii('#08S01shutdown')), 0))),
    ],
  ],
  dictionary: [
    ...['caching_sha2_password\0', 'sha256_password\0', 'mysql_native_password\0', 'dialog\0'].map(ascii),
    ...[uint24le(262_144), uint24le(262_145), uint24le(1), tlsRequest, packet(ok, 2)],
    ...[Uint8Array.of(1, 3), Uint8Array.of(1, 4), Uint8Array.of(2), Uint8Array.of(0xfe), Uint8Array.of(0xff)],
  ],
  maxBytes: 2_048,
  batch: 200,
  generate,
  run,
};

function generate(prng: Prng): Uint8Array {
  const plugin = () =>
    pick(prng, ['caching_sha2_password', 'sha256_password', 'mysql_native_password', 'dialog', '', 'x']);
  const flags = () => capabilities | pick(prng, [0, 0, tlsFlag, 0x20_0000, 0x20]);
  const framed = (payload: Uint8Array) =>
    packet(payload, pick(prng, [0, 1, 2, 3, 4, 255]), mostly(prng, payload.length));
  const clients = () =>
    client(
      ...listOf(prng, 2, () =>
        framed(
          pick(prng, [
            login(plugin(), flags()),
            head(flags()),
            head(flags() | tlsFlag),
            randomBytes(prng, pick(prng, [0, 1, 20])),
          ]),
        ),
      ),
    );
  const servers = () =>
    server(
      ...listOf(prng, 3, () =>
        framed(
          pick(prng, [
            ok,
            authSwitch(plugin()),
            Uint8Array.of(1, pick(prng, [3, 4])),
            joined(Uint8Array.of(2), ascii(`${plugin()}\0`)),
            joined(Uint8Array.of(0xff, 0x15, 4), ascii('#28000Access denied')),
            randomBytes(prng, pick(prng, [0, 1, 9])),
          ]),
        ),
      ),
    );
  const usual = [client(tlsRequest), client(inTls(plugin()))];
  const turns = listOf(prng, 6, () => (randomIndex(prng, 2) === 0 ? clients() : servers()));
  return onTerms(randomIndex(prng, 18), ...(randomIndex(prng, 4) === 0 ? [] : usual), ...turns);
}

function run(input: Uint8Array): void {
  const choice = input[0] ?? 0;
  const terms: ExchangeTerms = {
    encrypted: { client: false, server: false },
    sameCertificate: false,
    serverTls: serverTls[choice % 3] ?? 'never',
    clientTlsRequired: Math.floor(choice / 3) % 2 === 0,
  };
  const first = greetings[Math.floor(choice / 6) % greetings.length] ?? greetings[0];
  const make = () => mysqlProtocol.exchange?.(terms) ?? new TlsExchange(terms);
  const { end, said, inTls, toClient, toServer } = play(make, first, turnsOf(input.subarray(1)));
  promise(toClient.length <= first.length + said.server, 'the client is told what the server has not said');
  promise(toServer.length <= said.client, 'the server is told what the client has not said');
  if (end !== 'done') return;
  promise(
    toClient.length + inTls.server.length === first.length + said.server,
    'bytes for the client are lost',
  );
  const spared = said.client - toServer.length - inTls.client.length;
  promise(spared === 0 || spared === tlsRequest.length, 'bytes for the server are lost');
}
