import { type Prng, randomIndex } from '../../../src/base/prng.ts';
import { SaslExchange } from '../../../src/engines/postgres/sasl-exchange.ts';
import { ascii, joined, listOf, mostly, pick, randomBytes, uint32 } from '../bytes.ts';
import { play, scriptOf, type Turn, turnsOf } from '../exchange-script.ts';
import { type FuzzTarget, promise } from '../target.ts';
import { errorBody, message } from './postgres-answer.ts';

const offer = (...mechanisms: readonly string[]): Uint8Array =>
  message('R', joined(uint32(10), ascii(`${mechanisms.map((one) => `${one}\0`).join('')}\0`)));
const chosen = (mechanism: string, first: string): Uint8Array =>
  message('p', joined(ascii(`${mechanism}\0`), uint32(first.length), ascii(first)));
const client = (...parts: readonly Uint8Array[]): Turn => ({ side: 'client', bytes: joined(...parts) });
const server = (...parts: readonly Uint8Array[]): Turn => ({ side: 'server', bytes: joined(...parts) });
const both = offer('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256');
const notice = message('N', errorBody('SNOTICE', 'C00000', 'Mhello'));

/** A login by SCRAM between a client whose TLS ends at Aurelay and a server in TLS. */
export const saslExchange: FuzzTarget = {
  name: 'sasl-exchange',
  seeds: [
    scriptOf(server(both), client(chosen('SCRAM-SHA-256', 'n,,n=,r=abc'))),
    scriptOf(server(both), client(chosen('SCRAM-SHA-256', 'y,,n=,r=abc'))),
    scriptOf(server(offer('SCRAM-SHA-256-PLUS'))),
    scriptOf(server(offer('SCRAM-SHA-256'))),
    scriptOf(server(notice, both), client(chosen('OTHER', '')), server(message('R', uint32(0)))),
    scriptOf(server(message('R', uint32(0)), message('Z', ascii('I')))),
    scriptOf(server(both), server(message('E', errorBody('SFATAL', 'C57P01', 'Mshutdown')))),
    scriptOf(client(ascii('early')), server(both)),
  ],
  dictionary: [
    ...['SCRAM-SHA-256-PLUS\0', 'SCRAM-SHA-256\0', 'SCRAM-SHA-256', 'y,,', 'n,,', 'p=tls', '\0\0'].map(ascii),
    ...[uint32(10), uint32(0), uint32(4), uint32(65_532), uint32(65_531), uint32(0xffff_ffff), both, notice],
  ],
  maxBytes: 1_024,
  batch: 400,
  generate,
  run,
};

function generate(prng: Prng): Uint8Array {
  const mechanism = () =>
    pick(prng, ['SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS', '', 'OAUTHBEARER', 'x'.repeat(70)]);
  const body = () =>
    pick(prng, [
      joined(uint32(10), ascii(`${listOf(prng, 3, mechanism).join('\0')}\0\0`)),
      joined(uint32(pick(prng, [0, 3, 5, 11])), randomBytes(prng, pick(prng, [0, 4]))),
      errorBody('SFATAL', 'C28000', 'Mno'),
    ]);
  const servers = () =>
    server(
      ...listOf(prng, 2, () => {
        const payload = body();
        return message(pick(prng, ['R', 'R', 'N', 'v', 'E']), payload, mostly(prng, payload.length + 4));
      }),
    );
  const clients = () => {
    const first = pick(prng, ['n,,n=,r=x', 'y,,n=,r=x', 'p=tls-server-end-point,,', '', 'y']);
    const whole = chosen(mechanism(), first);
    return client(
      pick(prng, [whole, whole.subarray(0, randomIndex(prng, whole.length)), randomBytes(prng, 7)]),
    );
  };
  const usual = randomIndex(prng, 3) === 0 ? [] : [server(both)];
  return scriptOf(...usual, ...listOf(prng, 4, () => (randomIndex(prng, 2) === 0 ? servers() : clients())));
}

function run(input: Uint8Array): void {
  const turns = turnsOf(input);
  const { end, said, toClient, toServer } = play(() => new SaslExchange(), new Uint8Array(0), turns);
  promise(toClient.length <= said.server, 'the client is told more than the server has said');
  // Whatever the client chose is for the server to judge: it gets every byte, or the login ends.
  if (end === 'done') promise(toServer.length === said.client, 'bytes for the server are lost');
  if (end === 'open') promise(toServer.length === 0, 'the server hears of a choice that was not looked at');
  promise(!isOffer(toClient), 'the client is offered a binding that cannot hold');
}

/** Whether the first message is whole, and an AuthenticationSASL with the mechanism that binds. */
function isOffer(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 9 || bytes[0] !== 0x52 || view.getUint32(5) !== 10) return false;
  if (bytes.length < 1 + view.getUint32(1)) return false;
  const first = bytes.subarray(9, 1 + view.getUint32(1));
  return Buffer.from(first).toString('latin1').split('\0').includes('SCRAM-SHA-256-PLUS');
}
