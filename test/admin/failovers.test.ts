import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminClient } from '../../src/admin/client.ts';
import { failoverJson } from '../../src/admin/failover-json.ts';
import { failoversText } from '../../src/admin/failovers-text.ts';
import { instanceId } from '../../src/base/brand.ts';
import type { Position } from '../../src/cluster/position.ts';
import { failoverRecord } from '../control/failover-record.ts';
import { fakeControls } from './fake-controls.ts';
import { runAdmin } from './running-admin.ts';

test('failovers are served newest first, and the client reads them', { timeout: 20_000 }, async (t) => {
  const controls = fakeControls();
  controls.records = [failoverRecord(1), failoverRecord(2)];
  const { url } = await runAdmin(t, controls);
  const records = await new AdminClient({ address: url }).failovers('orders');
  assert.deepEqual(
    records.map(({ epoch }) => epoch),
    [2, 1],
  );
  assert.deepEqual(records[0]?.timeline[1], { phase: 'fencing', after_ms: 102 });
  assert.deepEqual(records[0]?.held, { connections: 12, longest_wait_ms: 238 });
  assert.equal((await fetch(`${url}/api/v1/clusters/nope/failovers`)).status, 404);
});

test('a person reads each in a paragraph', () => {
  assert.equal(
    failoversText([failoverJson(failoverRecord(2))]),
    [
      '2026-01-02T03:04:05.678Z  epoch 2  failover completed  pg-1 -> pg-2  240ms',
      '  phases     suspect +0ms, fencing +102ms, stable +240ms',
      '  position   1/0/200 -> 1/0/100',
      '  lost       at least 256 bytes: what is known to be missing of what the old writer was last seen with (durability async)',
      '  sessions   7 closed, 12 held for up to 238ms; promotions tried 1',
      '  refused    pg-1: down (refused)',
      '',
    ].join('\n'),
  );
  assert.match(failoversText([]), /no change of the writer/);
});

test('a change under quorum durability says what it promises, and what was thrown away later', () => {
  const text = failoversText([
    failoverJson({
      ...failoverRecord(2),
      durability: { mode: 'quorum', copies: 3, writeQuorum: 2, answered: 2 },
      discarded: [
        {
          id: instanceId('pg-1'),
          at: '2026-01-02T03:05:00.000Z',
          instance: '1/0/300' as Position,
          writer: '2/0/200' as Position,
          compared: 'diverged',
          lost: null,
        },
      ],
    }),
  ]);
  assert.match(text, /lost {7}nothing that a client was told of \(durability quorum, 2 of 3, 2 answered\)/);
  assert.match(
    text,
    /discarded {2}pg-1 was at 1\/0\/300, the writer at 2\/0\/200: an unknown part thrown away on 2026/,
  );
});
