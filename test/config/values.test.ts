// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference of the configuration
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopback, listenersCollide, reaches, readAddress } from '../../src/config/address.ts';
import { shieldReferences, substitute } from '../../src/config/substitute.ts';
import { suggest } from '../../src/config/suggest.ts';

test('addresses: what is read', () => {
  const cases: readonly [string, string, number | null][] = [
    ['db1:5432', 'db1', 5432],
    ['db1', 'db1', null],
    ['db_1.internal.:1', 'db_1.internal.', 1],
    ['10.0.0.1:65535', '10.0.0.1', 65535],
    ['[::1]:5432', '::1', 5432],
    ['[fe80::1%eth0]', 'fe80::1%eth0', null],
  ];
  for (const [text, host, port] of cases) {
    assert.deepEqual(readAddress(text, false), { ok: true, address: { host, port } }, text);
  }
});

test('addresses: what is refused', () => {
  const bad = [
    '',
    ':',
    'db:',
    'db:x',
    'db:1:2',
    '::1',
    '[::1',
    '[]:1',
    '[db]:1',
    '[::1]5',
    '1.2.3:4',
    '-a:1',
  ];
  for (const text of [
    ...bad,
    'a b:1',
    'http://a:1',
    '/tmp/x.sock',
    '5432',
    ':5432',
    'db:65536',
    'db:0',
    'é:1',
  ]) {
    assert.equal(readAddress(text, false).ok, false, text);
  }
  assert.equal(readAddress('db1', true).ok, false);
});

test('two listeners collide where one could not open', () => {
  const collide = [
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['0.0.0.0', 'db1'],
    ['::', '0.0.0.0'],
    ['::', '10.0.0.1'],
    ['::1', '0:0:0:0:0:0:0:1'],
    ['localhost', '::1'],
    ['LOCALHOST', '127.0.0.1'],
    ['host.', 'HOST'],
  ] as const;
  const apart = [
    ['127.0.0.1', '127.0.0.2'],
    ['0.0.0.0', '::1'],
    ['10.0.0.1', 'db1'],
    ['::1', '127.0.0.1'],
  ] as const;
  for (const [a, b] of collide) assert.ok(listenersCollide(a, b) && listenersCollide(b, a), `${a} ${b}`);
  for (const [a, b] of apart) assert.ok(!listenersCollide(a, b) && !listenersCollide(b, a), `${a} ${b}`);
});

test('a connection reaches a listener of its own host only', () => {
  assert.ok(reaches('localhost', '0.0.0.0'));
  assert.ok(reaches('127.0.0.1', 'localhost'));
  assert.ok(reaches('db1', 'DB1'));
  assert.ok(!reaches('db1', '0.0.0.0'), 'another host, as far as the name tells');
  assert.ok(!reaches('127.0.0.1', '10.0.0.1'));
});

test('loopback', () => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) assert.ok(isLoopback(host), host);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'db1', '127.example.com'])
    assert.ok(!isLoopback(host), host);
});

test('suggestions: near, in another style, or none', () => {
  const candidates = ['writer', 'reader', 'max_lag', 'least-connections'];
  assert.equal(suggest('writter', candidates), 'writer');
  assert.equal(suggest('wirter', candidates), 'writer');
  assert.equal(suggest('maxLag', candidates), 'max_lag');
  assert.equal(suggest('LEAST_CONNECTIONS', candidates), 'least-connections');
  assert.equal(suggest('leest-conections', candidates), 'least-connections');
  assert.equal(suggest('colour', candidates), null);
  assert.equal(suggest('x', ['y']), null);
  assert.equal(suggest('writer', ['writer']), null, 'itself is no suggestion');
  assert.equal(suggest('w'.repeat(100_000), candidates), null);
});

test('substitution', () => {
  const env = { A: 'alpha', EMPTY: '', NESTED: '${A}' };
  const text = (written: string) => substitute(written, env).text;
  assert.equal(text('${A}-${A}'), 'alpha-alpha');
  assert.equal(text('${B:-fall back}'), 'fall back');
  assert.equal(text('${EMPTY:-x}${EMPTY}'), 'x');
  assert.equal(text('$$ $${A} $x $'), '$ ${A} $x $');
  assert.equal(text('${NESTED}'), '${A}', 'what comes in is not looked at again');
  assert.deepEqual(substitute('a ${B} ${A-x} ${A', env).problems, [
    { reference: '${B}', why: 'unset' },
    { reference: '${A-x}', why: 'malformed' },
    { reference: '${A', why: 'malformed' },
  ]);
  assert.equal(substitute('$$', env).substituted, false);
  assert.equal(substitute('${B:-x}', env).substituted, true);
});

test('references are shielded from YAML at their length and come back as they were', () => {
  const written = 'x: { a: ${A:-b, c: [d] #e}, f: "${G}" } # ${';
  const { text, unshield } = shieldReferences(written);
  assert.equal(text.length, written.length);
  assert.doesNotMatch(text, /\$\{A/);
  assert.equal(unshield(text), written);
});
