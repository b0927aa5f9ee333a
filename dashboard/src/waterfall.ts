import type { FailoverJson } from '../../src/admin/api.ts';
import { counted, formatBytes, formatMs } from './format.ts';

/** One phase of a change of the writer. */
export interface Bar {
  readonly phase: string;
  /** What happened in it, in a few words. */
  readonly words: string;
  readonly afterMs: number;
  readonly lengthMs: number;
  /** In per cent of the whole. */
  readonly left: number;
  readonly width: number;
}

const phaseWords: Readonly<Record<string, string>> = {
  starting: 'The writer was looked for',
  suspect: 'The writer was silent',
  'cut-off': 'The writer was heard by replicas only',
  fencing: 'The old writer was shut out',
  promoting: 'The new writer was promoted',
  verifying: 'The new writer was checked',
  stable: 'Clients were let in',
  'operator-required': 'An operator was waited for',
};

/** A bar for each phase, from when it was reached to the next; the end of all is no phase. Each is thick enough to be seen. */
export function barsOf({
  timeline,
  duration_ms: duration,
}: Pick<FailoverJson, 'timeline' | 'duration_ms'>): readonly Bar[] {
  const whole = Math.max(1, duration, ...timeline.map(({ after_ms }) => after_ms));
  const reached = timeline.filter(({ phase, after_ms }) => phase !== 'stable' || after_ms < duration);
  return reached.map(({ phase, after_ms: afterMs }, index) => {
    const next = reached[index + 1]?.after_ms ?? Math.max(duration, afterMs);
    const lengthMs = Math.max(0, next - afterMs);
    const width = Math.max(0.8, (lengthMs / whole) * 100);
    const left = Math.min(100 - width, (afterMs / whole) * 100);
    return { phase, words: phaseWords[phase] ?? phase, afterMs, lengthMs, left, width };
  });
}

export const kindWords: Readonly<Record<FailoverJson['kind'], string>> = {
  elected: 'First writer',
  adopted: 'Promoted elsewhere',
  failover: 'Failover',
  switchover: 'Switchover',
};

/** What it cost in acknowledged data, and whether that is a reason to worry. */
export function lossOf(record: FailoverJson): { readonly words: string; readonly isGood: boolean } {
  const { lost, kind, outcome, durability } = record;
  if (outcome !== 'completed' || kind === 'elected') return { words: 'nothing lost', isGood: true };
  if (durability === 'quorum' && kind === 'failover') {
    return { words: 'nothing lost that a client was told of', isGood: true };
  }
  if (lost === null) return { words: 'loss unknown', isGood: false };
  const amount = lost.unit === 'bytes' ? formatBytes(lost.amount) : counted(lost.amount, 'transaction');
  if (lost.amount === 0) {
    // The last probe of a writer that died says nothing of what it did after.
    return lost.at_least ? { words: 'no known loss', isGood: true } : { words: 'nothing lost', isGood: true };
  }
  return { words: `${lost.at_least ? 'at least ' : ''}${amount} lost`, isGood: false };
}

/** `Failover, pg-1 → pg-2`: one line. */
export function headlineOf({ kind, outcome, from, to }: FailoverJson): string {
  const change = from === null || from === to ? to : `${from} → ${to}`;
  const end = { completed: '', undone: ', undone', failed: ', failed' }[outcome];
  return `${kindWords[kind]}${end}: ${change}`;
}

/** Label and value of each fact of the receipt that is worth a line. */
export function factsOf(record: FailoverJson): readonly (readonly [string, string])[] {
  const { reason, held, quorum, attempts, sessions_closed: closed } = record;
  const waited =
    held.connections === 0
      ? 'none waited at the end'
      : `${counted(held.connections, 'connection')} waited, the longest ${formatMs(held.longest_wait_ms)}`;
  const ofQuorum =
    quorum === null
      ? ''
      : `, ${quorum.write_quorum} of ${quorum.copies} copies${quorum.answered === null ? '' : `, ${quorum.answered} answered`}`;
  return [
    ...(reason === null ? [] : [['Why', reason] as const]),
    ['Loss', `${lossOf(record).words} (durability ${record.durability}${ofQuorum})`],
    ['Position', `${record.from_position ?? 'unknown'} → ${record.to_position ?? 'unknown'}`],
    ['Sessions', `${closed} closed; new connections: ${waited}`],
    ['Promotions', `tried ${attempts === 1 ? 'once' : `${attempts} times`}; epoch ${record.epoch}`],
    ...record.refused.map(({ instance, why }) => ['Passed over', `${instance}: ${why}`] as const),
    ...record.discarded.map(
      (gone) =>
        [
          'Thrown away',
          `of ${gone.instance}: ${gone.lost === null ? 'an unknown part' : gone.lost.unit === 'bytes' ? formatBytes(gone.lost.amount) : counted(gone.lost.amount, 'transaction')}, at ${gone.position ?? 'an unknown position'}`,
        ] as const,
    ),
  ];
}
