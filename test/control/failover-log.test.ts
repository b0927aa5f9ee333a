import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { clusterId, instanceId } from '../../src/base/brand.ts';
import type { Position } from '../../src/cluster/position.ts';
import { failoverLog } from '../../src/control/failover-log.ts';
import { failoverRecord } from './failover-record.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'aurelay-failovers-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const untilWritten = async (path: string, epochs: number): Promise<void> => {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      if (JSON.parse(readFileSync(path, 'utf8')).at(-1).epoch === epochs) return;
    } catch {}
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('the records were not written');
};

test('records outlive a restart, and the oldest go first', async (t) => {
  const directory = folder(t);
  const troubles: unknown[] = [];
  const open = () => failoverLog(directory, clusterId('pg'), (error) => troubles.push(error));
  const log = open();
  assert.deepEqual(log.all(), []);
  for (let term = 1; term <= 103; term += 1) log.append(failoverRecord(term));
  assert.equal(log.all().length, 100);
  assert.equal(log.all()[0]?.epoch, 4);
  await untilWritten(join(directory, 'pg.failovers.json'), 103);
  assert.deepEqual(open().all(), log.all());
  assert.deepEqual(troubles, []);
});

test('what is thrown away is added to the change that deposed the server, and is on disk when that is said', async (t) => {
  const directory = folder(t);
  const open = () => failoverLog(directory, clusterId('pg'), (error) => assert.fail(String(error)));
  const log = open();
  const [one, two] = [instanceId('pg-1'), instanceId('pg-2')];
  log.append({ ...failoverRecord(1), from: one, to: two });
  log.append({ ...failoverRecord(2), from: two, to: one });
  const discarded = (id: typeof one) => ({
    id,
    at: '2026-01-02T03:04:06.000Z',
    instance: '1/0/300' as Position,
    writer: '2/0/200' as Position,
    compared: 'diverged' as const,
    lost: null,
  });
  await log.discard(discarded(one));
  // Never a writer: whatever it had goes with the last change.
  await log.discard(discarded(instanceId('pg-3')));
  assert.deepEqual(
    open()
      .all()
      .map((record) => record.discarded.map(({ id }) => id)),
    [['pg-1'], ['pg-3']],
  );
});

test('records of an older version are read', (t) => {
  const directory = folder(t);
  const { discarded: _, ...old } = failoverRecord(1);
  writeFileSync(join(directory, 'pg.failovers.json'), JSON.stringify([{ ...old, durability: 'async' }]));
  const [record] = failoverLog(directory, clusterId('pg'), (error) => assert.fail(String(error))).all();
  assert.deepEqual(record?.discarded, []);
  assert.deepEqual(record?.durability, { mode: 'async' });
});

test('a damaged file costs the past and is told of', (t) => {
  const directory = folder(t);
  for (const text of ['', '{', '{}']) {
    writeFileSync(join(directory, 'pg.failovers.json'), text);
    const troubles: unknown[] = [];
    const log = failoverLog(directory, clusterId('pg'), (error) => troubles.push(error));
    assert.deepEqual(log.all(), []);
    assert.equal(troubles.length, 1);
  }
});

test('without a directory they live as long as the process', () => {
  const log = failoverLog(null, clusterId('pg'), () => assert.fail());
  log.append(failoverRecord(1));
  assert.equal(log.all().length, 1);
});
