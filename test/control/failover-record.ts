import { epoch, instanceId } from '../../src/base/brand.ts';
import type { Position } from '../../src/cluster/position.ts';
import type { FailoverRecord } from '../../src/control/failover-record.ts';

export const failoverRecord = (term: number): FailoverRecord => ({
  at: '2026-01-02T03:04:05.678Z',
  kind: 'failover',
  outcome: 'completed',
  reason: null,
  epoch: epoch(term),
  from: instanceId('pg-1'),
  to: instanceId('pg-2'),
  fromPosition: '1/0/200' as Position,
  toPosition: '1/0/100' as Position,
  lost: { amount: 256, unit: 'bytes' },
  refused: [{ instance: instanceId('pg-1'), why: 'down (refused)' }],
  timeline: [
    { phase: 'suspect', afterMs: 0 },
    { phase: 'fencing', afterMs: 101.6 },
    { phase: 'stable', afterMs: 240 },
  ],
  durationMs: 240,
  attempts: 1,
  sessionsClosed: 7,
  held: { connections: 12, longestWaitMs: 238.4 },
  durability: { mode: 'async' },
  discarded: [],
});
