import { join } from 'node:path';
import { copyTree } from './copy-tree.ts';
import { withPostgres } from './postgres-query.ts';
import { replicaSettings } from './postgres-settings.ts';
import { removeFolder } from './remove-folder.ts';
import type { ServerUser } from './server-user.ts';
import { writeOwned } from './write-owned.ts';

export interface CloneSource {
  readonly directory: string;
  readonly port: number;
}

export interface CloneTarget {
  readonly id: string;
  readonly directory: string;
  /** The whole `postgresql.conf`. */
  readonly settings: string;
}

/** Files that belong to the source alone (manual, "Backing Up the Data Directory", 25.3.4). */
const own = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'standby.signal',
  'recovery.signal',
  'backup_label',
]);
/** Folders that are copied empty. */
const emptied =
  /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\//;

const isLeftOut = (path: string): boolean =>
  own.has(path) || emptied.test(path) || /(^|\/)(pgsql_tmp|pg_internal\.init)/.test(path);

/**
 * Makes replicas of a running writer: copies of its folder, taken while it is told that a backup runs, are valid once
 * they hold the backup's label. They fetch the WAL since the backup's start from the writer.
 */
export function cloneReplicas(
  source: CloneSource,
  targets: readonly CloneTarget[],
  major: number,
  owner: ServerUser | null,
): Promise<void> {
  return withPostgres(source.port, async (client) => {
    const call = backupCalls(major);
    await client.query(call.start);
    await Promise.all(targets.map((target) => copyInstance(source, target, owner)));
    const { rows } = await client.query<{ labelfile: string }>(call.stop);
    const label = rows[0]?.labelfile;
    if (label === undefined) throw new Error('the backup of the writer gave no label');
    await Promise.all(targets.map((target) => finishReplica(source, target, label, owner)));
  });
}

/** The two functions were renamed in PostgreSQL 15. */
const backupCalls = (major: number): { start: string; stop: string } =>
  major >= 15
    ? {
        start: "SELECT pg_backup_start('aurelay demo', true)",
        stop: 'SELECT labelfile FROM pg_backup_stop(false)',
      }
    : {
        start: "SELECT pg_start_backup('aurelay demo', true, false)",
        stop: 'SELECT labelfile FROM pg_stop_backup(false, false)',
      };

async function copyInstance(
  source: CloneSource,
  target: CloneTarget,
  owner: ServerUser | null,
): Promise<void> {
  await removeFolder(target.directory);
  await copyTree(source.directory, target.directory, { owner, skip: isLeftOut });
}

async function finishReplica(
  source: CloneSource,
  target: CloneTarget,
  label: string,
  owner: ServerUser | null,
): Promise<void> {
  const files = {
    backup_label: label,
    'postgresql.conf': target.settings,
    'postgresql.auto.conf': replicaSettings(target.id, source.port),
    'standby.signal': '',
  };
  for (const [name, text] of Object.entries(files)) {
    await writeOwned(join(target.directory, name), text, owner);
  }
}
