import type { FailoverRecord } from '../control/failover-record.ts';
import type { FailoverJson } from './api.ts';

export function failoverJson(record: FailoverRecord): FailoverJson {
  const { at, kind, outcome, reason, epoch, from, to, lost, durability, refused, attempts, held } = record;
  return {
    ...{ at, kind, outcome, reason, epoch, from, to },
    from_position: record.fromPosition,
    to_position: record.toPosition,
    lost: lost === null ? null : { ...lost, at_least: kind === 'failover' || kind === 'adopted' },
    refused,
    durability: durability.mode,
    quorum:
      durability.mode === 'async'
        ? null
        : {
            copies: durability.copies,
            write_quorum: durability.writeQuorum,
            answered: durability.answered,
          },
    discarded: record.discarded.map((one) => ({
      instance: one.id,
      at: one.at,
      position: one.instance,
      writer_position: one.writer,
      lost: one.lost,
    })),
    timeline: record.timeline.map(({ phase, afterMs }) => ({ phase, after_ms: Math.round(afterMs) })),
    duration_ms: Math.round(record.durationMs),
    attempts,
    sessions_closed: record.sessionsClosed,
    held: { connections: held.connections, longest_wait_ms: Math.round(held.longestWaitMs) },
  };
}
