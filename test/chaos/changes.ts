import type { Rig } from './rig.ts';
import { instanceOf } from './rig.ts';
import type { Change } from './verdict.ts';

/** The lines of Aurelay's log that tell of a new writer. */
interface ReceiptLine {
  readonly event?: string;
  readonly epoch: number;
  readonly kind: string;
  readonly to: string;
  /** Null: unknown. */
  readonly lost: number | null;
  readonly lost_unit: string | null;
}

/**
 * Every change of the writer, over all the lives of the process: by its receipts, and where Aurelay was killed before it
 * could write one, by who was seen in office.
 */
export function readChanges(rig: Rig): Change[] {
  const byEpoch = new Map<number, Change>();
  for (const line of rig.aurelay.log().split('\n')) {
    if (!/"event":"(failover\.completed|writer\.elected)"/.test(line)) continue;
    const { epoch, kind, to, lost, lost_unit: unit } = JSON.parse(line) as ReceiptLine;
    byEpoch.set(epoch, {
      ...{ epoch, kind, to: instanceOf(rig, to).port },
      lost: lost === null ? 'unknown' : unit === null ? String(lost) : `${lost} ${unit}`,
    });
  }
  for (const [epoch, id] of rig.seen) {
    const { port } = instanceOf(rig, id);
    if (!byEpoch.has(epoch)) byEpoch.set(epoch, { epoch, kind: 'unknown', to: port, lost: 'unknown' });
  }
  return [...byEpoch.values()].sort((x, y) => x.epoch - y.epoch);
}
