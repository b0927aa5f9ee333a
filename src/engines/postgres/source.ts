import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceId } from '../../base/brand.ts';
import { type Address, formatAddress } from '../../cluster/instance.ts';
import type { Position } from '../../cluster/position.ts';
import { type Credentials, OperationFailed } from '../engine.ts';
import type { ServerConnection } from './connection.ts';
import {
  type Conninfo,
  formatConninfo,
  parseConninfo,
  sameConninfo,
  sealed,
  withSource,
} from './conninfo.ts';
import { walPosition } from './position.ts';
import { changeSetting, pollMs, readSetting, status } from './server-settings.ts';
import { historyQuery, needsHistory, readStatus, statusQuery } from './status.ts';

const setting = 'primary_conninfo';
/** Looks in a row that must find no receiver: one may be about to connect. */
const quietLooks = 2;

/** `acknowledgingAs`: the name under which the source is to count it; null leaves the name that it has. */
export async function follow(
  connection: ServerConnection,
  source: Address,
  replication: Credentials | null,
  acknowledgingAs: InstanceId | null,
): Promise<void> {
  if (!(await status(connection)).inRecovery) {
    throw new OperationFailed(
      `it is no replica, so it cannot follow ${formatAddress(source)} before it is rewound (pg_rewind) or rebuilt, ` +
        'and started with a standby.signal file',
    );
  }
  const current = parseConninfo(await readSetting(connection, setting));
  const there = withSource(current, source, replication);
  const wanted = acknowledgingAs === null ? there : new Map(there).set('application_name', acknowledgingAs);
  await changeConninfo(connection, current, wanted);
}

/**
 * Points the replica at nobody, for good: the setting outlives a restart. What it has received is on its disk when the
 * receiver is gone, and what it may still fetch from an archive is acknowledged to nobody.
 */
export async function seal(connection: ServerConnection): Promise<Position> {
  const before = await status(connection);
  if (!before.inRecovery) {
    throw new OperationFailed('it is no replica, so there is nothing to stop receiving');
  }
  const current = parseConninfo(await readSetting(connection, setting));
  await changeConninfo(connection, current, sealed(current));
  await untilNobodyReceives(connection);
  return receivedPosition(connection, before.timeline);
}

async function changeConninfo(
  connection: ServerConnection,
  current: Conninfo,
  wanted: Conninfo,
): Promise<void> {
  if (sameConninfo(current, wanted)) return;
  await keepStatementsOutOfLogs(connection);
  await changeSetting(connection, setting, formatConninfo(wanted));
}

/** A receiver that has yet to connect shows in the list of processes only. */
async function untilNobodyReceives(connection: ServerConnection): Promise<void> {
  for (let quiet = 0; quiet < quietLooks; ) {
    const receivers = await connection.query(`
      SELECT 1 FROM pg_stat_wal_receiver UNION ALL
      SELECT 1 FROM pg_stat_activity WHERE backend_type = 'walreceiver'`);
    quiet = receivers.length === 0 ? quiet + 1 : 0;
    if (quiet < quietLooks) await sleep(pollMs);
  }
}

/** Without its receiver a replica knows its timeline from its history files, or from `earlier`. */
async function receivedPosition(connection: ServerConnection, earlier: number): Promise<Position> {
  const [row = {}] = await connection.query(statusQuery);
  const [history] = needsHistory(row) ? await connection.query(historyQuery) : [];
  const { timeline, lsn } = readStatus({ ...row, ...history });
  return walPosition(Math.max(timeline, earlier), lsn);
}

/** The statement holds a password. What this role may not turn off, stays on: it is a courtesy. */
async function keepStatementsOutOfLogs(connection: ServerConnection): Promise<void> {
  const quiet = [
    ['log_statement', 'none'],
    ['log_min_duration_statement', '-1'],
    ['log_min_error_statement', 'panic'],
    ['pg_stat_statements.track_utility', 'off'],
  ];
  for (const [setting, value] of quiet) {
    await connection.query(`SELECT set_config('${setting}', '${value}', false)`).catch((error: unknown) => {
      if (connection.isBroken) throw error;
    });
  }
}
