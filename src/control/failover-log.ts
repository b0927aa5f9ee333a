import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterId } from '../base/brand.ts';
import type { FailoverRecord } from './failover-record.ts';
import { replaceFile } from './replace-file.ts';

/** Records of one cluster, the newest last. */
export interface FailoverLog {
  all(): readonly FailoverRecord[];
  append(record: FailoverRecord): void;
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
  return {
    all: () => records,
    append(record) {
      records = [...records, record].slice(-mostRecords);
      if (path === null || directory === null) return;
      const text = `${JSON.stringify(records, null, 1)}\n`;
      last = last.then(() => replaceFile(directory, path, text)).catch(onTrouble);
    },
  };
}

function readRecords(path: string, onTrouble: (error: unknown) => void): readonly FailoverRecord[] {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (!Array.isArray(parsed)) throw new Error(`${path} is no list of failovers`);
    return parsed.slice(-mostRecords);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onTrouble(error);
    return [];
  }
}
