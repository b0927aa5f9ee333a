import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DatabaseError } from 'pg-protocol';
import { Parser } from 'pg-protocol/dist/parser.js';
import { clientError } from '../../../src/base/errors.ts';
import type { ClientRequest, ServerEvent } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/engine.ts';
import { AnswerOpening, declineUpgrade, refusal } from '../../../src/engines/postgres/messages.ts';
import { anyCuts, ascii, chunked, join } from './chunks.ts';

type Kind = ClientRequest['kind'];
const kinds: readonly Kind[] = ['startup', 'tls', 'gss', 'direct-tls'];

function message(type: string, body: Uint8Array): Uint8Array {
  const header = new Uint8Array(5);
  header[0] = type.charCodeAt(0);
  new DataView(header.buffer).setUint32(1, body.length + 4);
  return join([header, body]);
}

const errorWith = (sqlstate: string, text: string): Uint8Array =>
  message('E', ascii(`SFATAL\0VFATAL\0C${sqlstate}\0M${text}\0Fpostmaster.c\0\0`));
const authenticationOk = message('R', Uint8Array.of(0, 0, 0, 0));
const sasl = message('R', join([Uint8Array.of(0, 0, 0, 10), ascii('SCRAM-SHA-256\0\0')]));
const negotiate = message('v', Uint8Array.of(0, 3, 0, 0, 0, 0, 0, 0));
const notice = message('N', ascii('SNOTICE\0C00000\0Mhello\0\0'));
const alert = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 80);

/** The first event that is not `need-more`; its bytes are cut to `bytes`, since what came behind may be in it. */
function read(kind: Kind, chunks: readonly Uint8Array[]): ServerEvent {
  const opening = new AnswerOpening(kind);
  let fed = new Uint8Array(0) as Uint8Array;
  for (const chunk of chunks) {
    const event = opening.push(chunk);
    fed = join([fed, chunk]);
    if (event.kind === 'need-more') continue;
    if (event.kind !== 'malformed') assert.deepEqual(event.bytes, fed, 'nothing is left behind');
    return event;
  }
  return { kind: 'need-more' };
}

/** Without `bytes`, which depend on the pieces. */
function verdict(event: ServerEvent): object {
  const { bytes: _, ...said } = { bytes: null, ...event };
  return said;
}

const answers: readonly (readonly [Kind, string, Uint8Array, ServerEvent['kind']])[] = [
  ['tls', 'S', ascii('S'), 'accepted'],
  ['tls', 'N', ascii('N'), 'declined'],
  ['tls', 'an error', errorWith('53300', 'full'), 'refused'],
  ['gss', 'G', ascii('G'), 'accepted'],
  ['gss', 'N', ascii('N'), 'declined'],
  ['gss', 'an error', errorWith('53300', 'full'), 'refused'],
  ['startup', 'AuthenticationOk', authenticationOk, 'accepted'],
  ['startup', 'AuthenticationSASL', sasl, 'accepted'],
  ['startup', 'NegotiateProtocolVersion', negotiate, 'accepted'],
  ['startup', 'a notice', notice, 'accepted'],
  ['startup', 'an error', errorWith('28000', 'no entry'), 'refused'],
  ['startup', 'an error of old', ascii('Ecould not fork\n\0'), 'refused'],
  ['direct-tls', 'a handshake', Uint8Array.of(0x16), 'accepted'],
  ['direct-tls', 'an alert', alert, 'refused'],
];

describe('the first answer of a PostgreSQL server', () => {
  for (const [kind, name, bytes, expected] of answers) {
    it(`${kind}: reads ${name} in any pieces`, () => {
      fc.assert(
        fc.property(anyCuts, fc.uint8Array({ maxLength: 30 }), (cuts, behind) => {
          assert.equal(read(kind, chunked(bytes, cuts)).kind, expected);
          const longer = read(kind, chunked(join([bytes, behind]), cuts));
          assert.deepEqual(verdict(longer), verdict(read(kind, [bytes])));
        }),
        { numRuns: 50 },
      );
    });
  }

  it('tells what another server may do better', () => {
    const retryable = (sqlstate: string): boolean => {
      const event = read('startup', [errorWith(sqlstate, 'the text')]);
      assert.ok(event.kind === 'refused');
      assert.equal(event.code, sqlstate);
      assert.equal(event.message, 'the text');
      return event.retryable;
    };
    assert.deepEqual(['53300', '57P01', '57P02', '57P03'].map(retryable), [true, true, true, true]);
    assert.deepEqual(['28P01', '3D000', '42501', '57P04'].map(retryable), [false, false, false, false]);
  });

  it('reads the text of a server that cannot fork, and tries another', () => {
    const event = read('startup', [ascii('Ecould not fork new process\n\0')]);
    assert.ok(event.kind === 'refused');
    assert.equal(event.message, 'could not fork new process');
    assert.equal(event.retryable, true);
  });

  it('takes no MySQL greeting for a session, whatever its length', () => {
    for (let length = 60; length < 128; length++) {
      const greeting = join([Uint8Array.of(length, 0, 0, 0, 10), ascii('8.0.36\0'), new Uint8Array(length)]);
      assert.equal(read('startup', [greeting]).kind, 'malformed', `length ${length}`);
    }
  });

  it('finds out an error that cannot be read, or is too long, without waiting', () => {
    assert.equal(read('startup', [Uint8Array.of(0x45, 0, 1, 0, 0)]).kind, 'malformed');
    assert.equal(read('startup', [Uint8Array.of(0x45, 0, 0, 0, 3)]).kind, 'malformed');
    assert.equal(read('tls', [message('E', ascii('SFATAL\0Mno end'))]).kind, 'malformed');
    assert.equal(read('tls', [message('E', ascii('SFATAL\0Mone end\0'))]).kind, 'malformed');
    assert.equal(read('startup', [message('E', new Uint8Array(0))]).kind, 'malformed');
  });

  it('holds a bounded amount', () => {
    const opening = new AnswerOpening('startup');
    let event = opening.push(ascii('Etext'));
    for (let chunks = 0; event.kind === 'need-more'; chunks++) {
      assert.ok(chunks < 70, 'it decides');
      event = opening.push(new Uint8Array(1_000).fill(65));
    }
    assert.equal(event.kind, 'malformed');
  });

  it('answers garbage with an event, the same however it is cut', () => {
    const start = fc.constantFrom(...'ERNvSG\x15\x16'.split(''));
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(start, fc.uint8Array({ maxLength: 40 })).map(([type, body]) => join([ascii(type), body])),
      fc.tuple(start, fc.uint8Array({ maxLength: 40 })).map(([type, body]) => message(type, body)),
    );
    fc.assert(
      fc.property(fc.constantFrom(...kinds), garbage, anyCuts, (kind, bytes, cuts) => {
        const whole = verdict(read(kind, [bytes]));
        assert.deepEqual(verdict(read(kind, chunked(bytes, cuts))), whole);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a refusal', () => {
  const error = clientError('no_writer', { cluster: 'orders', phase: 'promoting' });
  const request = (kind: Kind): ClientRequest => ({ kind, bytes: new Uint8Array(0) });

  it('is an error that a driver reads', () => {
    for (const asked of [null, request('startup'), request('tls'), request('gss')]) {
      const read: unknown[] = [];
      new Parser().parse(Buffer.from(refusal(error, asked)), (parsed) => read.push(parsed));
      const [parsed] = read;
      assert.equal(read.length, 1);
      assert.ok(parsed instanceof DatabaseError);
      assert.equal(parsed.severity, 'FATAL');
      assert.equal(parsed.code, '57P03');
      assert.equal(parsed.message, error.message);
      assert.equal(parsed.hint, error.hint);
    }
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const event = read('startup', [refusal({ ...error, message: `m${text}` }, null)]);
        assert.ok(event.kind === 'refused');
        assert.equal(event.code, '57P03');
      }),
    );
  });

  it('is a TLS alert where nothing else can be read', () => {
    const event = read('direct-tls', [refusal(error, request('direct-tls'))]);
    assert.ok(event.kind === 'refused');
    assert.equal(event.code, 'tls-alert-80');
  });

  it('can be made readable first, by declining encryption', () => {
    assert.deepEqual(declineUpgrade(request('tls')), ascii('N'));
    assert.deepEqual(declineUpgrade(request('gss')), ascii('N'));
    assert.equal(declineUpgrade(request('startup')), null);
    assert.equal(declineUpgrade(request('direct-tls')), null);
  });

  it('comes from the engine', () => {
    assert.deepEqual(postgres.protocol.refusal(error, null), refusal(error, null));
    assert.equal(postgres.protocol.serverOpening(request('tls')).push(ascii('N')).kind, 'declined');
  });
});
