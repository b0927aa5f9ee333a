import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { commonName, instanceName, nameServers } from '../../src/discovery/names.ts';

const named = (...candidates: (string | null)[]) => ({ wish: null, candidates });

test('a server goes by a name of its own', () => {
  assert.deepEqual(nameServers('orders', [named('orders-a'), named('Orders-B')]), ['orders-a', 'orders-b']);
});

test('a name that several have, or that says nothing, is nobody’s', () => {
  assert.deepEqual(nameServers('orders', [named('15/main', 'db1'), named('15/main', 'db2')]), ['db1', 'db2']);
  assert.deepEqual(nameServers('orders', [named('pg', 'localhost'), named('pg'), named('walreceiver')]), [
    'orders-1',
    'orders-2',
    'orders-3',
  ]);
  // A container's host name.
  assert.deepEqual(nameServers('orders', [named('3f2a9c01b7de'), named('10.0.0.1')]), [
    'orders-1',
    'orders-2',
  ]);
});

test('what a person says comes first, and nobody else gets it', () => {
  assert.deepEqual(nameServers('orders', [named('a'), { wish: 'a', candidates: ['b'] }]), ['orders-1', 'a']);
  assert.deepEqual(nameServers('orders', [named(null), { wish: 'orders-1', candidates: [] }]), [
    'orders-2',
    'orders-1',
  ]);
});

test('names are always as many as servers, all different, and such as a configuration takes', () => {
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('a', 'a-1', 'A', 'orders-1', 'orders-2', '', '-', 'ü', '15/main'),
  );
  const server = fc.record({
    wish: fc.option(text),
    candidates: fc.array(fc.option(text), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(text, fc.array(server, { maxLength: 30 }), (cluster, servers) => {
      const names = nameServers(cluster, servers);
      assert.equal(names.length, servers.length);
      assert.equal(new Set(names).size, names.length);
      for (const name of names) assert.match(name, /^[a-z0-9][a-z0-9_-]{0,62}$/);
    }),
  );
});

test('a cluster is called what its servers’ names have in common', () => {
  const cases: [readonly string[], string | null][] = [
    [['orders-1', 'orders-2'], 'orders'],
    [['orders-10', 'orders-11'], 'orders'],
    [['pg1', 'pg2'], 'pg'],
    [['orders-a', 'orders-b'], 'orders'],
    [['alpha', 'beta'], null],
    [['a1', 'a2'], null],
    [['only'], null],
    [['vm', 'vm'], null],
    [[], null],
  ];
  for (const [names, common] of cases) assert.equal(commonName(names), common, names.join(' '));
});

test('a text becomes a name where there is one in it', () => {
  assert.equal(instanceName('DB One.example'), 'db-one-example');
  assert.equal(instanceName('«»'), null);
});
