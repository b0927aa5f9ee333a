import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientRequest } from '../../src/engines/engine.ts';
import { postgresProtocol as protocol } from '../../src/engines/postgres/protocol.ts';
import { type AnswerHere, answerHere } from '../../src/proxy/answer-here.ts';

const hello = Buffer.from([22, 3, 1, 0, 1, 1]);
const ask = (kind: ClientRequest['kind']): ClientRequest => ({
  kind,
  bytes: kind === 'direct-tls' ? hello : Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
});

function answer(
  kind: ClientRequest['kind'],
  {
    isEncrypted = false,
    isRequired = true,
    early = null as Uint8Array | null,
    tls = null as Uint8Array | null,
  } = {},
): AnswerHere {
  return answerHere({ isRequired }, protocol, {
    request: ask(kind),
    tls,
    takeEarly: () => early,
    isEncrypted,
  });
}

test('a startup message goes to a server, unless TLS is required and missing', () => {
  assert.equal(answer('startup').kind, 'tls-required');
  assert.equal(answer('startup', { isEncrypted: true }).kind, 'none');
  assert.equal(answer('startup', { isRequired: false }).kind, 'none');
});

test('a request for TLS is granted, and what was read of its hello is handed on', () => {
  assert.deepEqual(answer('tls'), {
    kind: 'encrypt',
    granted: Uint8Array.of(0x53),
    received: new Uint8Array(0),
  });
  const promised = answer('promised-tls', { tls: hello, early: hello });
  assert.equal(promised.kind === 'encrypt' && promised.received, hello);
});

test('direct TLS is granted without a word, and loses nothing of the hello', () => {
  const direct = answer('direct-tls', { early: Buffer.from([7]) });
  assert(direct.kind === 'encrypt');
  assert.equal(direct.granted.length, 0);
  assert.deepEqual(Buffer.from(direct.received), Buffer.concat([hello, Buffer.from([7])]));
});

test('bytes in clear behind a request for TLS are nobody’s', () => {
  assert.equal(answer('tls', { early: Buffer.from('Q') }).kind, 'violation');
});

test('there is no encryption within TLS, and no GSS', () => {
  for (const kind of ['tls', 'gss', 'direct-tls'] as const) {
    assert.equal(answer(kind, { isEncrypted: true }).kind, 'violation', kind);
  }
  assert.deepEqual(answer('gss'), { kind: 'declined', bytes: Uint8Array.of(0x4e) });
});
