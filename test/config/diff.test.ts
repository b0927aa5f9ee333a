import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConfigDiff, diffConfig, isUnchanged } from '../../src/config/diff.ts';
import { loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import { goodText, readSecretFile } from './fixtures.ts';

function diff(...edits: readonly (readonly [from: string, to: string])[]): ConfigDiff {
  const [before, after] = [
    goodText,
    edits.reduce((text, [from, to]) => text.replace(from, to), goodText),
  ].map((text) => {
    const result = loadConfig({ text, file: 'a.yaml', env: {}, readFile: readSecretFile });
    assert.ok(result.ok, checkReport(result));
    return result.config;
  });
  assert.ok(before && after);
  return diffConfig(before, after);
}

const nothing = { added: [], removed: [], changed: [] };

test('no difference, comments and order aside', () => {
  const same = diff([
    'zone: a, promotion_tier: 0',
    'promotion_tier: 0, zone: a # here'.replace(' # here', ''),
  ]);
  assert.ok(isUnchanged(same));
  assert.deepEqual(same, { keys: [], clusters: nothing });
});

test('keys outside of the clusters', () => {
  const changed = diff(['state_dir: /var/lib/aurelay', 'state_dir: /x\nlog: { level: warn }']);
  assert.deepEqual(changed, { keys: ['state_dir', 'log.level'], clusters: nothing });
  assert.ok(!isUnchanged(changed));
});

test('keys of a cluster, by their names in the file and never their values', () => {
  const changed = diff(
    ['mode: automatic', 'mode: observe, promote_timeout: 20s'],
    ['literal-hunter2', 'other-hunter2'],
    ['    failover:', '    server_tls: { mode: require, server_name: db }\n    failover:'],
    ['    instances:', '    replication: { user: r, password: third-hunter2 }\n    instances:'],
  );
  assert.deepEqual(changed.clusters.changed, [
    {
      id: 'orders',
      keys: [
        'monitor.password',
        'replication',
        'server_tls.mode',
        'server_tls.server_name',
        'failover.mode',
        'failover.promote_timeout',
      ],
      instances: nothing,
      endpoints: nothing,
    },
  ]);
  assert.doesNotMatch(JSON.stringify(changed), /hunter2/);
});

test('instances and endpoints that came, went and changed', () => {
  const changed = diff(
    ['orders-1: { address: db1:5432, zone: a', 'orders-1: { address: db9:5432, max_sessions: 9, zone: c'],
    ['orders-2: { address: db2:5432, zone: b }', 'orders-3: { address: db3:5432 }'],
    ['members: { static: [orders-2] }', 'members: { static: [orders-3] }'],
    ['max_lag: 5s', 'max_lag: 6s, slow_start: 0s'],
    ['      writer: {', '      main: {'],
  );
  assert.deepEqual(changed, {
    keys: [],
    clusters: {
      added: [],
      removed: [],
      changed: [
        {
          id: 'orders',
          keys: [],
          instances: {
            added: ['orders-3'],
            removed: ['orders-2'],
            changed: [{ id: 'orders-1', keys: ['address', 'zone', 'max_sessions'] }],
          },
          endpoints: {
            added: ['main'],
            removed: ['writer'],
            changed: [
              { id: 'reader', keys: ['max_lag', 'slow_start'] },
              { id: 'analytics', keys: ['members'] },
            ],
          },
        },
      ],
    },
  });
});

test('a cluster with another name is another cluster', () => {
  const { clusters } = diff(['  orders:', '  sales:']);
  assert.deepEqual(clusters, { added: ['sales'], removed: ['orders'], changed: [] });
});
