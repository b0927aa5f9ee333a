import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterId, endpointId, instanceId } from '../../src/base/brand.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { EmbeddedCluster, EmbeddedInstance } from '../../src/demo/cluster.ts';
import { demoConfig } from '../../src/demo/demo-config.ts';
import { demoPorts } from '../../src/demo/demo-ports.ts';

function cluster(engine: 'postgres' | 'mysql', size: number): EmbeddedCluster {
  const prefix = engine === 'postgres' ? 'pg' : 'mysql';
  const instances = Array.from({ length: size }, (_, index): EmbeddedInstance => {
    const id = `${prefix}-${index + 1}`;
    const none = async () => {};
    const common = { directory: `/d/${id}`, startCommand: '', pid: () => null, kill: () => {} };
    return { ...common, id, port: 20_000 + index, start: none, stop: none };
  });
  return { engine, version: '1', instances, rejoin: async () => {}, stop: async () => {} };
}

test('a write quorum is taken without a warning', () => {
  const text = demoConfig([cluster('postgres', 3)], demoPorts, '/d', 2);
  const result = loadConfig({ text, file: 'aurelay.yaml', env: {}, readFile: () => '' });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.warnings, []);
  const { durability } = result.config.clusters.get(clusterId('pg')) ?? {};
  assert.deepEqual([durability?.copies, durability?.writeQuorum], [3, 2]);
});

for (const size of [1, 2, 3, 16]) {
  test(`Aurelay takes the configuration of a demo with ${size} instances of each engine`, () => {
    const clusters = [cluster('postgres', size), cluster('mysql', size)];
    const text = demoConfig(clusters, demoPorts, '/somewhere/a folder');
    const result = loadConfig({ text, file: 'aurelay.yaml', env: {}, readFile: () => '' });
    assert.ok(result.ok, JSON.stringify(result));
    // Without a replica there is nothing to promote, which it points out.
    if (size > 1) assert.deepEqual(result.warnings, []);
    assert.equal(result.config.stateDir, '/somewhere/a folder/state');
    for (const { engine, instances } of clusters) {
      const name = engine === 'postgres' ? 'pg' : 'mysql';
      const config = result.config.clusters.get(clusterId(name));
      assert.equal(config?.failover.mode, 'automatic');
      assert.equal(config?.instances.size, size);
      const analytics = config?.endpoints.get(endpointId('analytics'));
      assert.ok(analytics?.type === 'custom');
      assert.equal(analytics.listen.port, demoPorts[engine].analytics);
      const last = instances.at(-1)?.id ?? '';
      assert.deepEqual(analytics.members, { kind: 'static', instances: [instanceId(last)] });
    }
  });
}
