import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { clusterId, epoch, instanceId } from '../../src/base/brand.ts';
import type { Memory } from '../../src/cluster/memory.ts';
import type { Position } from '../../src/cluster/position.ts';
import { fileStore } from '../../src/control/state-store.ts';

const memory: Memory = {
  epoch: epoch(3),
  writer: instanceId('pg-2'),
  promoting: true,
  deposed: [instanceId('pg-1')],
  drained: [],
  durability: { secured: 2, degraded: false, copies: [instanceId('pg-1'), instanceId('pg-2')] },
  began: '2/0/5000148' as Position,
  followers: [instanceId('pg-1')],
};

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'aurelay-state-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('what was saved is what is loaded, by another process too', async (t) => {
  const directory = join(folder(t), 'made', 'when missing');
  const store = fileStore(directory, clusterId('orders'));
  assert.equal(store.load(), null);
  await store.save(memory);
  assert.deepEqual(fileStore(directory, clusterId('orders')).load(), memory);
  assert.equal(fileStore(directory, clusterId('other')).load(), null);
});

test('the last of many saves wins, and nothing is left lying about', async (t) => {
  const directory = folder(t);
  const store = fileStore(directory, clusterId('orders'));
  store.load();
  await Promise.all([1, 2, 3, 4, 5].map((term) => store.save({ ...memory, epoch: epoch(term) })));
  assert.equal(store.load()?.epoch, 5);
  assert.deepEqual(readdirSync(directory), ['orders.json']);
});

test('a save that fails is told, and does not keep the next from working', async (t) => {
  const directory = folder(t);
  const store = fileStore(directory, clusterId('orders'));
  rmSync(directory, { recursive: true });
  await assert.rejects(store.save(memory), /ENOENT/);
  store.load();
  await store.save(memory);
  assert.deepEqual(store.load(), memory);
});

test('a state file that is no state file stops the start, with its name and a remedy', (t) => {
  const directory = folder(t);
  for (const text of ['', '{"version":1', '{"version":2}', '{"version":1,"epoch":-1}', '[]']) {
    writeFileSync(join(directory, 'orders.json'), text);
    assert.throws(
      () => fileStore(directory, clusterId('orders')).load(),
      /orders\.json cannot be read .*remove it/,
    );
  }
});
