import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { planReload } from '../../src/config/reload.ts';

const text = `
state_dir: /tmp/state
clusters:
  a:
    engine: postgres
    monitor: { user: m, password: hush }
    failover: { mode: automatic }
    instances: { one: { address: one }, two: { address: two } }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:6432 } }
`;

function config(change: (text: string) => string = (same) => same): Config {
  const loaded = loadConfig({
    text: change(text),
    file: 'f',
    env: {},
    readFile: () => assert.fail('no files'),
  });
  assert(loaded.ok, JSON.stringify(loaded));
  return loaded.config;
}

const plan = (change: (text: string) => string) => planReload(config(), config(change));

test('the same configuration is no change', () => {
  const same = plan((text) => `# a comment\n${text}`);
  assert.deepEqual([same.isUnchanged, same.refusals], [true, []]);
});

test('what changed is told by its key, never by its value', () => {
  const { summary, refusals, isUnchanged } = plan((text) =>
    text.replace('hush', 'sshh').replace('address: two', 'address: three, weight: 2'),
  );
  assert.deepEqual([isUnchanged, refusals], [false, []]);
  assert.equal(summary, 'cluster a: monitor.password, instance two: address weight');
});

test('whom to ask beside a server is a change of the instance', () => {
  const observed = (text: string): string => text.replace('automatic', 'observe');
  const asked = observed(text).replace('address: two', 'address: two, patroni: two');
  const { summary, refusals } = planReload(
    config(observed),
    config(() => asked),
  );
  assert.deepEqual([summary, refusals], ['cluster a: instance two: patroni', []]);
});

test('clusters, instances and endpoints come and go', () => {
  const { summary, addedClusters, removedClusters } = plan((text) => text.replace('  a:', '  b:'));
  assert.deepEqual([addedClusters, removedClusters], [['b'], ['a']]);
  assert.equal(summary, 'cluster b added; cluster a removed');
});

test('what only a restart changes is refused, and with it all the rest', () => {
  const changes: [string, string, RegExp][] = [
    ['state_dir: /tmp/state', 'state_dir: /tmp/other', /`state_dir`/],
    ['state_dir', 'admin: { listen: 127.0.0.1:1 }\nstate_dir', /`admin.listen`/],
    ['state_dir', 'tcp: { user_timeout: 1m }\nstate_dir', /`tcp.user_timeout`/],
    ['engine: postgres', 'engine: mysql', /`clusters.a.engine`/],
  ];
  const token = 'admin: { token: a-token-of-some-length }\nstate_dir';
  assert.deepEqual(plan((text) => text.replace('state_dir', token)).refusals, []);
  for (const [from, to, expected] of changes) {
    assert.match(plan((text) => text.replace(from, to)).refusals.join(), expected);
  }
});
