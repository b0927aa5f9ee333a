import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterId } from '../base/brand.ts';
import type { Discarded, FailoverRecord } from './failover-record.ts';
import { replaceFile } from './replace-file.ts';

/** Records of one cluster, the newest last. */
export interface FailoverLog {
  all(): readonly FailoverRecord[];
  append(record: FailoverRecord): void;
  /**
   * Adds to the record of the change that deposed the server, or else to the last one. Resolves when it is on disk, or
   * when that failed and was reported.
   */
  discard(discarded: Discarded): Promise<void>;
}

/** As many as are kept of a cluster; the oldest go first. */
const mostRecords = 100;

/**
 * In `directory`, over restarts; null: only while this process lives. What cannot be read or written is reported to
 * `onTrouble`, and costs the past but no failover.
 */
export function failoverLog(
  directory: string | null,
  cluster: ClusterId,
  onTrouble: (error: unknown) => void,
): FailoverLog {
  const path = directory === null ? null : join(directory, `${cluster}.failovers.json`);
  let records: readonly FailoverRecord[] = path === null ? [] : readRecords(path, onTrouble);
  let last: Promise<void> = Promise.resolve();
  const keep = (changed: readonly FailoverRecord[]): Promise<void> => {
    records = changed;
    if (path === null || directory === null) return Promise.resolve();
    const text = `${JSON.stringify(records, null, 1)}\n`;
    last = last.then(() => replaceFile(directory, path, text)).catch(onTrouble);
    return last;
  };
  return {
    all: () => records,
    append(record) {
      keep([...records, record].slice(-mostRecords));
    },
    discard(discarded) {
      const deposing = records.findLastIndex(({ from }) => from === discarded.id);
      const index = deposing < 0 ? records.length - 1 : deposing;
      return keep(
        records.map((record, at) =>
          at === index
            ? { ...record, discarded: [...record.discarded, discarded].slice(-mostDiscarded) }
            : record,
        ),
      );
    },
  };
}

/** Of one change; a server that cannot be brought back is tried for ever. */
const mostDiscarded = 20;

function readRecords(path: string, onTrouble: (error: unknown) => void): readonly FailoverRecord[] {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (!Array.isArray(parsed)) throw new Error(`${path} is no list of failovers`);
    return parsed.slice(-mostRecords).map(asOfNow);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onTrouble(error);
    return [];
  }
}

/** Records that an older version kept lack what was added since. */
const asOfNow = (record: FailoverRecord): FailoverRecord => ({
  ...record,
  discarded: record.discarded ?? [],
  durability: typeof record.durability === 'object' ? record.durability : { mode: 'async' },
});
