import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clientError } from '../../../src/base/errors.ts';
import type { ExchangeStep, ExchangeTerms } from '../../../src/engines/engine.ts';
import { readError } from '../../../src/engines/mysql/error-packet.ts';
import { pluginOfGreeting, readGreeting } from '../../../src/engines/mysql/greeting.ts';
import { pluginOfLogin } from '../../../src/engines/mysql/handshake-response.ts';
import { encodePacket, joinBytes } from '../../../src/engines/mysql/packets.ts';
import { TlsExchange } from '../../../src/engines/mysql/tls-exchange.ts';
import { mariadbGreeting, mysqlGreeting } from './greetings.ts';

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'latin1'));

const protocol41 = 0x200;
const ssl = 0x800;
const pluginAuth = 0x80000;
const secureConnection = 0x8000;
const withDatabase = 0x8;

const head = (capabilities: number): Uint8Array => {
  const fixed = Buffer.alloc(32);
  fixed.writeUInt32LE(capabilities);
  fixed.writeUInt32LE(0x1000000, 4);
  fixed[8] = 45;
  return fixed;
};
const capabilities = protocol41 + secureConnection + pluginAuth + withDatabase;
const tlsRequest = encodePacket(1, head(capabilities + ssl));
const loginPayload = (flags: number, plugin: string): Uint8Array =>
  joinBytes([head(flags), text(`user\0`), Uint8Array.of(3, 1, 2, 3), text(`app\0${plugin}\0`)]);
const login = (sequence: number, flags: number, plugin = 'mysql_native_password'): Uint8Array =>
  encodePacket(sequence, loginPayload(flags, plugin));

const terms = (changes: Partial<ExchangeTerms> = {}): ExchangeTerms => ({
  encrypted: { client: false, server: false },
  sameCertificate: false,
  clientTlsRequired: true,
  serverTls: 'if-offered',
  ...changes,
});

const sent = (steps: readonly ExchangeStep[], to: 'to-client' | 'to-server'): Uint8Array =>
  joinBytes(steps.flatMap((step) => (step.kind === to ? [step.bytes] : [])));
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex');
const kinds = (steps: readonly ExchangeStep[]): string[] => steps.map(({ kind }) => kind);

const cut = (whole: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const edges = [0, ...places.map((place) => place % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  return edges.slice(1).map((end, index) => whole.subarray(edges[index], end));
};
const anyCuts = fc.array(fc.nat(), { maxLength: 8 });

/** The exchange with a plain server, up to where the client's login is due. */
function withPlainServer(): TlsExchange {
  const exchange = new TlsExchange(terms({ serverTls: 'never' }));
  exchange.begin(mysqlGreeting);
  exchange.fromClient(tlsRequest);
  exchange.encrypted('client');
  return exchange;
}

test('the greeting offers TLS, whatever the server has, and is the same in all else', () => {
  for (const greeting of [mysqlGreeting, mariadbGreeting]) {
    const steps = new TlsExchange(terms()).begin(greeting);
    assert.deepEqual(kinds(steps), ['to-client']);
    const seen = sent(steps, 'to-client');
    assert.deepEqual(readGreeting(seen), { ...readGreeting(greeting), offersTls: true });
    const differing = [...seen].filter((byte, at) => byte !== greeting[at]);
    assert.ok(differing.length <= 1 && seen.length === greeting.length);
  }
});

test('the login method is read from a greeting and from a login', () => {
  assert.equal(pluginOfGreeting(mysqlGreeting), 'caching_sha2_password');
  assert.equal(pluginOfGreeting(mariadbGreeting), 'mysql_native_password');
  assert.equal(pluginOfLogin(login(1, capabilities, 'client_ed25519')), 'client_ed25519');
  assert.equal(pluginOfLogin(login(1, capabilities - pluginAuth)), null);
});

test('TLS on both sides: the request goes on as it is, and nothing behind it is touched', () => {
  fc.assert(
    fc.property(anyCuts, fc.uint8Array({ maxLength: 50 }), fc.boolean(), (cuts, hello, clientFirst) => {
      const exchange = new TlsExchange(terms({ serverTls: 'always' }));
      exchange.begin(mysqlGreeting);
      // Once TLS is asked for, what comes next is TLS, and is not given to the exchange.
      const pieces = [...cut(tlsRequest, cuts).slice(0, -1)];
      const last = joinBytes([tlsRequest.subarray(joinBytes(pieces).length), hello]);
      for (const piece of pieces) {
        const early = exchange.fromClient(piece);
        if (early.length > 0) return;
      }
      const steps = exchange.fromClient(last);
      assert.deepEqual(kinds(steps), ['to-server', 'encrypt', 'encrypt']);
      assert.equal(hex(sent(steps, 'to-server')), hex(tlsRequest));
      const [, server, client] = steps;
      assert(client?.kind === 'encrypt' && server?.kind === 'encrypt');
      assert.deepEqual([server.side, client.side], ['server', 'client']);
      assert.equal(hex(client.received), hex(hello));
      const [first, second] = clientFirst ? (['client', 'server'] as const) : (['server', 'client'] as const);
      assert.deepEqual(exchange.encrypted(first), []);
      assert.deepEqual(exchange.encrypted(second), [{ kind: 'done' }]);
    }),
  );
});

test('a login that comes before TLS stands with the server is kept, and passed on unchanged', () => {
  const exchange = new TlsExchange(terms({ serverTls: 'always' }));
  exchange.begin(mysqlGreeting);
  exchange.fromClient(tlsRequest);
  exchange.encrypted('client');
  const whole = login(2, capabilities + ssl);
  assert.deepEqual(exchange.fromClient(whole), []);
  const steps = exchange.encrypted('server');
  assert.deepEqual(kinds(steps), ['to-server', 'done']);
  assert.equal(hex(sent(steps, 'to-server')), hex(whole));
});

/** What a plain server and a client say after the login, payloads only. */
const turn = fc.record({
  by: fc.constantFrom('client', 'server'),
  payload: fc.uint8Array({ minLength: 1, maxLength: 40 }),
});

test('TLS to the client only: a plain server counts one packet less until the login is over', () => {
  fc.assert(
    fc.property(
      fc.array(turn, { maxLength: 8 }),
      fc.constantFrom(0x00, 0xff),
      fc.uint8Array({ maxLength: 30 }),
      anyCuts,
      (turns, verdict, behind, cuts) => {
        const exchange = withPlainServer();
        let [number, toServer, toClient] = [2, '', ''];
        const take = (steps: readonly ExchangeStep[]) => {
          toServer += hex(sent(steps, 'to-server'));
          toClient += hex(sent(steps, 'to-client'));
          return kinds(steps).includes('done');
        };
        let [expectedByServer, expectedByClient] = ['', ''];
        const say = (by: string, payload: Uint8Array): boolean => {
          const seen = encodePacket(by === 'client' ? number : number - 1, payload);
          const passed = encodePacket(by === 'client' ? number - 1 : number, payload);
          if (by === 'client') expectedByServer += hex(passed);
          else expectedByClient += hex(passed);
          number = (number + 1) % 250;
          let done = false;
          for (const piece of cut(seen, cuts)) {
            done ||= take(by === 'client' ? exchange.fromClient(piece) : exchange.fromServer(piece));
          }
          return done;
        };
        const loginSteps = exchange.fromClient(login(2, capabilities + ssl));
        take(loginSteps);
        expectedByServer += hex(login(1, capabilities));
        number = 3;
        for (const { by, payload } of turns) {
          // No verdict, and none of the markers that name a login method.
          if (by === 'server') payload[0] = 0x03;
          assert.equal(say(by, payload), false);
        }
        const last = encodePacket(number - 1, Uint8Array.of(verdict, 1, 2));
        expectedByClient += hex(encodePacket(number, Uint8Array.of(verdict, 1, 2))) + hex(behind);
        assert.equal(take(exchange.fromServer(joinBytes([last, behind]))), true);
        assert.equal(toServer, expectedByServer);
        assert.equal(toClient, expectedByClient);
      },
    ),
  );
});

test('a switch to another login method passes, with its number', () => {
  const exchange = withPlainServer();
  exchange.fromClient(login(2, capabilities + ssl, 'caching_sha2_password'));
  const steps = exchange.fromServer(encodePacket(2, text('\xfemysql_native_password\0scramble\0')));
  assert.equal(
    hex(sent(steps, 'to-client')),
    hex(encodePacket(3, text('\xfemysql_native_password\0scramble\0'))),
  );
  const more = exchange.fromServer(encodePacket(4, Uint8Array.of(1, 3)));
  assert.deepEqual(kinds(more), ['to-client']);
});

const refusedCode = (steps: readonly ExchangeStep[]): string => {
  const [step] = steps;
  return step?.kind === 'refuse' ? step.code : kinds(steps).join();
};

test('no login goes on that would send the password in clear to a plain server', () => {
  const plugins = [
    'caching_sha2_password',
    'sha256_password',
    'mysql_clear_password',
    'dialog',
    'authentication_openid_connect_client',
  ];
  for (const plugin of plugins) {
    const switched = withPlainServer();
    switched.fromClient(login(2, capabilities + ssl));
    const asked = switched.fromServer(encodePacket(2, text(`\xfe${plugin}\0scramble\0`)));
    assert.equal(refusedCode(asked), 'insecure_login', plugin);
    const factor = withPlainServer();
    factor.fromClient(login(2, capabilities + ssl));
    assert.equal(
      refusedCode(factor.fromServer(encodePacket(2, text(`\x02${plugin}\0`)))),
      'insecure_login',
      plugin,
    );
  }
  for (const plugin of plugins.slice(1)) {
    const steps = withPlainServer().fromClient(login(2, capabilities + ssl, plugin));
    assert.deepEqual(steps, [{ kind: 'refuse', code: 'insecure_login', details: { plugin } }], plugin);
  }
  for (const answer of [3, 4]) {
    const exchange = withPlainServer();
    assert.deepEqual(kinds(exchange.fromClient(login(2, capabilities + ssl, 'caching_sha2_password'))), [
      'to-server',
    ]);
    assert.equal(
      refusedCode(exchange.fromServer(encodePacket(2, Uint8Array.of(1, answer)))),
      'insecure_login',
    );
  }
});

test('the login method of the greeting holds where the login names none', () => {
  const exchange = withPlainServer();
  exchange.fromClient(login(2, capabilities + ssl - pluginAuth));
  assert.equal(refusedCode(exchange.fromServer(encodePacket(2, Uint8Array.of(1, 4)))), 'insecure_login');
});

test('a client without TLS: refused where TLS is required, else as it is and never to a server with TLS', () => {
  const strict = new TlsExchange(terms());
  strict.begin(mysqlGreeting);
  assert.equal(refusedCode(strict.fromClient(login(1, capabilities))), 'tls_required');

  const lax = new TlsExchange(terms({ clientTlsRequired: false }));
  lax.begin(mysqlGreeting);
  const whole = joinBytes([login(1, capabilities), text('more')]);
  const steps = lax.fromClient(whole);
  assert.equal(hex(sent(steps, 'to-server')), hex(whole));
  assert.equal(kinds(steps).at(-1), 'done');
  assert.ok(!kinds(steps).includes('encrypt'));

  const impossible = new TlsExchange(terms({ clientTlsRequired: false, serverTls: 'always' }));
  impossible.begin(mysqlGreeting);
  assert.equal(refusedCode(impossible.fromClient(login(1, capabilities))), 'tls_required');
});

test('a server without TLS that has to have it is refused in place of its greeting', () => {
  const exchange = new TlsExchange(terms({ serverTls: 'always' }));
  assert.equal(refusedCode(exchange.begin(mariadbGreeting)), 'server_tls_failed');
  const packet = exchange.refusal(clientError('server_tls_failed', { instance: 'db-1', why: 'why' }));
  assert.equal(packet[3], 0);
  assert.match(readError(packet)?.message ?? '', /no TLS with server "db-1": why/);
});

test('refusals have the number that the client waits for, and a state', () => {
  const error = clientError('tls_required', { endpoint: 'writer', cluster: 'orders' });
  const plain = new TlsExchange(terms());
  plain.begin(mysqlGreeting);
  plain.fromClient(login(1, capabilities));
  assert.equal(plain.refusal(error)[3], 2);
  const encrypted = withPlainServer();
  assert.equal(encrypted.refusal(error)[3], 3);
  const packet = encrypted.refusal(error);
  assert.deepEqual(readError(packet)?.errno, 3159);
  assert.equal(Buffer.from(packet.subarray(7, 13)).toString(), '#HY000');
});

test('malformed answers are refused: too old, too long, TLS announced and not begun', () => {
  for (const packet of [
    encodePacket(1, head(ssl)),
    encodePacket(1, Uint8Array.of(0, 2)),
    login(1, capabilities + ssl),
    Uint8Array.of(0xff, 0xff, 0xff, 1),
  ]) {
    const exchange = new TlsExchange(terms());
    exchange.begin(mysqlGreeting);
    assert.equal(refusedCode(exchange.fromClient(packet)), 'protocol_violation', hex(packet.subarray(0, 10)));
  }
});

test('whatever is sent in whatever order, it takes steps and never throws, nor says anything after its end', () => {
  const event = fc.oneof(
    fc.record({
      on: fc.constantFrom('client', 'server'),
      chunk: fc.oneof(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom(tlsRequest, login(1, capabilities), login(2, capabilities + ssl)),
        fc
          .tuple(fc.nat(255), fc.uint8Array({ maxLength: 60 }))
          .map(([sequence, payload]) => encodePacket(sequence, payload)),
      ),
    }),
    fc.record({ on: fc.constantFrom('encrypted client', 'encrypted server') }),
  );
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 12 }),
      fc.constantFrom('never', 'if-offered', 'always'),
      fc.boolean(),
      (events, serverTls, clientTlsRequired) => {
        const exchange = new TlsExchange(terms({ serverTls, clientTlsRequired }));
        exchange.begin(mysqlGreeting);
        let isOver = false;
        for (const { on, ...rest } of events) {
          const chunk = 'chunk' in rest ? rest.chunk : new Uint8Array(0);
          const steps =
            on === 'client'
              ? exchange.fromClient(chunk)
              : on === 'server'
                ? exchange.fromServer(chunk)
                : exchange.encrypted(on === 'encrypted client' ? 'client' : 'server');
          if (isOver) assert.deepEqual(steps, []);
          isOver ||= steps.some(({ kind }) => kind === 'done' || kind === 'refuse');
          exchange.refusal(clientError('tls_required', {}));
        }
      },
    ),
  );
});

test('a refusal behind packets of the server has the number that the client waits for, and loses none of them', () => {
  const exchange = withPlainServer();
  exchange.fromClient(login(2, capabilities + ssl, 'client_ed25519'));
  const asksFirst = encodePacket(2, text('\x01first'));
  const asksForPassword = encodePacket(3, text('\xfedialog\0'));
  const steps = exchange.fromServer(joinBytes([asksFirst, asksForPassword]));
  assert.deepEqual(kinds(steps), ['to-client', 'refuse']);
  assert.equal(sent(steps, 'to-client')[3], 3);
  const error = clientError('insecure_login', { plugin: 'dialog', engine: 'mysql' });
  assert.equal(exchange.refusal(error)[3], 4);
});
