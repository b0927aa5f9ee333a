import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ExchangeStep } from '../../../src/engines/engine.ts';
import { SaslExchange, saslExchange } from '../../../src/engines/postgres/sasl-exchange.ts';
import { anyCuts, ascii, chunked, join } from './chunks.ts';

const message = (type: string, body: Uint8Array): Uint8Array => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return join([ascii(type), length, body]);
};
const offer = (...mechanisms: readonly string[]): Uint8Array =>
  message(
    'R',
    join([Uint8Array.of(0, 0, 0, 10), ascii(`${mechanisms.map((one) => `${one}\0`).join('')}\0`)]),
  );
const choice = (mechanism: string, data: string): Uint8Array => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return message('p', join([ascii(`${mechanism}\0`), length, ascii(data)]));
};
const plus = 'SCRAM-SHA-256-PLUS';
const scram = 'SCRAM-SHA-256';

const sent = (steps: readonly ExchangeStep[], to: 'to-client' | 'to-server'): string =>
  Buffer.concat(steps.flatMap((step) => (step.kind === to ? [step.bytes] : []))).toString('latin1');
const isOver = (steps: readonly ExchangeStep[]): boolean =>
  steps.some(({ kind }) => kind === 'done' || kind === 'refuse');
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** An exchange whose client has been made the offer without channel binding. */
function offered(): SaslExchange {
  const exchange = new SaslExchange();
  exchange.begin(offer(plus, scram));
  return exchange;
}

test('the offer to bind is taken out, however the bytes are cut and whatever notices come before', () => {
  const before = fc.array(
    fc.constantFrom(
      message('N', ascii('SNOTICE\0Mhello\0\0')),
      message('v', Uint8Array.of(0, 3, 0, 0, 0, 0, 0, 0)),
    ),
    { maxLength: 3 },
  );
  const others = fc.array(fc.constantFrom(scram, 'OAUTHBEARER'), { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(before, others, anyCuts, (notices, mechanisms, cuts) => {
      const exchange = new SaslExchange();
      const [first, ...rest] = chunked(join([...notices, offer(plus, ...mechanisms)]), cuts);
      assert(first !== undefined);
      const steps = [exchange.begin(first), ...rest.map((piece) => exchange.fromServer(piece))].flat();
      assert.equal(sent(steps, 'to-client'), latin1(join([...notices, offer(...mechanisms)])));
      assert.ok(!isOver(steps));
    }),
  );
});

test('what has no such offer goes through as it is', () => {
  const answers = [
    offer(scram),
    message('R', Uint8Array.of(0, 0, 0, 0)),
    message('R', Uint8Array.of(0, 0, 0, 5, 1, 2, 3, 4)),
    message('E', ascii('SFATAL\0Mno\0\0')),
  ];
  fc.assert(
    fc.property(
      fc.constantFrom(...answers),
      fc.uint8Array({ maxLength: 30 }),
      anyCuts,
      (answer, behind, cuts) => {
        const exchange = new SaslExchange();
        let done = false;
        let seen = '';
        for (const piece of chunked(join([answer, behind]), cuts)) {
          // Once it is over the relay has the connections.
          const steps: readonly ExchangeStep[] = done
            ? [{ kind: 'to-client', bytes: piece }]
            : exchange.fromServer(piece);
          seen += sent(steps, 'to-client');
          done ||= isOver(steps);
        }
        assert.ok(done);
        assert.equal(seen, latin1(join([answer, behind])));
      },
    ),
  );
});

test('a client that could have bound itself is refused, and every other one passes', () => {
  const cases: readonly (readonly [Uint8Array, boolean])[] = [
    [choice(scram, 'y,,n=,r=abc'), true],
    [choice(scram, 'n,,n=,r=abc'), false],
    [choice(scram, 'p=tls-server-end-point,,n=,r=abc'), false],
    [choice(plus, 'p=tls-server-end-point,,n=,r=abc'), false],
    [choice('OAUTHBEARER', 'y,,auth=Bearer x'), false],
    [choice(scram, ''), false],
    [message('p', ascii('md5 of something\0')), false],
    [message('p', new Uint8Array(0)), false],
    [message('p', ascii('x'.repeat(200))), false],
    [message('X', new Uint8Array(0)), false],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...cases), anyCuts, ([bytes, isRefused], cuts) => {
      const exchange = offered();
      let done = false;
      let seen = '';
      for (const piece of chunked(bytes, cuts)) {
        const steps: readonly ExchangeStep[] = done
          ? [{ kind: 'to-server', bytes: piece }]
          : exchange.fromClient(piece);
        seen += sent(steps, 'to-server');
        const refused = steps.find(({ kind }) => kind === 'refuse');
        if (refused !== undefined) {
          assert.ok(isRefused);
          assert.deepEqual(refused, { kind: 'refuse', code: 'channel_binding', details: {} });
          assert.equal(seen, '');
          return;
        }
        done ||= isOver(steps);
      }
      assert.ok(!isRefused && done);
      assert.equal(seen, latin1(bytes));
    }),
  );
});

test('an error that comes in place of the rest of the login reaches the client', () => {
  const timeout = message('E', ascii('SFATAL\0C57014\0Mcanceling authentication due to timeout\0\0'));
  assert.equal(sent(offered().fromServer(timeout), 'to-client'), latin1(timeout));
});

test('a server that offers nothing else is refused', () => {
  assert.deepEqual(new SaslExchange().begin(offer(plus)), [
    { kind: 'refuse', code: 'channel_binding', details: {} },
  ]);
});

test('it is there only where the server could bind to another channel than the client', () => {
  const terms = { clientTlsRequired: true, serverTls: 'if-offered' } as const;
  const isNeeded = (client: boolean, server: boolean, sameCertificate: boolean) =>
    saslExchange({ ...terms, encrypted: { client, server }, sameCertificate }) !== null;
  assert.ok(isNeeded(true, true, false));
  assert.ok(isNeeded(false, true, true), 'a client without TLS can bind to nothing');
  assert.ok(!isNeeded(true, true, true));
  assert.ok(!isNeeded(true, false, false));
});

test('whatever is sent, it never throws, nor says anything after its end', () => {
  const event = fc.record({
    on: fc.constantFrom('client', 'server'),
    chunk: fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.constantFrom(offer(plus, scram), offer(scram), choice(scram, 'y,,'), choice(scram, 'n,,')),
    ),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 10 }), (events) => {
      const exchange = new SaslExchange();
      let over = false;
      for (const { on, chunk } of events) {
        const steps = on === 'client' ? exchange.fromClient(chunk) : exchange.fromServer(chunk);
        if (over) assert.deepEqual(steps, []);
        over ||= isOver(steps);
      }
    }),
  );
});
