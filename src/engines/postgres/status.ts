import type { InstanceId } from '../../base/brand.ts';
import type { Instant } from '../../base/clock.ts';
import type { Address } from '../../cluster/instance.ts';
import type { Acknowledgement, Observation, Replication } from '../../cluster/observation.ts';
import type { Position } from '../../cluster/position.ts';
import { type Conninfo, ConninfoInvalid, isSealed, parseConninfo, sourceOf } from './conninfo.ts';
import { parseWalPosition, walPosition } from './position.ts';
import { isNamed, namedIn, parseStandbyNames, sameName } from './standby-names.ts';

/**
 * Everything about a server in one row, in one round trip, in either role, from PostgreSQL 14 on.
 *
 * The role is read once, first: it can only change from replica to writer, and what the replica's branch calls works on
 * a writer too. Columns that the monitor's role may not see are null (pg_monitor sees them all); nothing raises.
 */
export const statusQuery = `
WITH role AS MATERIALIZED (SELECT pg_is_in_recovery() AS in_recovery)
SELECT
  role.in_recovery::text AS in_recovery,
  (current_setting('transaction_read_only') = 'on'
    OR current_setting('default_transaction_read_only') = 'on')::text AS read_only,
  (SELECT system_identifier::text FROM pg_control_system()) AS identity,
  current_setting('server_version') AS version,
  pg_postmaster_start_time()::text AS started_at,
  (CASE WHEN role.in_recovery
    THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn() END)::text AS lsn,
  pg_last_wal_replay_lsn()::text AS replay_lsn,
  CASE WHEN NOT role.in_recovery THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS wal_timeline,
  (SELECT greatest(c.timeline_id, r.min_recovery_end_timeline)::text
    FROM pg_control_checkpoint() AS c, pg_control_recovery() AS r) AS control_timeline,
  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::text AS replay_age,
  has_function_privilege('pg_ls_waldir()', 'EXECUTE')::text AS may_list_wal,
  receiver.pid::text AS receiver_pid,
  receiver.status AS receiver_status,
  receiver.received_tli::text AS receiver_timeline,
  receiver.latest_end_lsn::text AS source_lsn,
  extract(epoch FROM clock_timestamp() - receiver.last_msg_receipt_time)::text AS heard_age,
  receiver.sender_host AS source_host,
  receiver.sender_port::text AS source_port,
  CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')
    THEN current_setting('primary_conninfo', true) END AS primary_conninfo,
  current_setting('cluster_name') AS cluster_name,
  current_setting('synchronous_standby_names') AS standby_names,
  current_setting('synchronous_commit') AS synchronous_commit,
  CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
    THEN coalesce((SELECT json_agg(application_name)::text
      FROM pg_stat_replication WHERE state = 'streaming'), '[]') END AS streaming_names
FROM role LEFT JOIN pg_stat_wal_receiver AS receiver ON true`;

/**
 * The newest timeline that a replica knows the history of. A separate query, because it raises where the role may not
 * ask (pg_monitor may).
 */
export const historyQuery = `
SELECT max(left(name, 8)) AS history_timeline FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{8}\\.history$'`;

/** Without a receiver the control file is all that a replica says of its timeline, and it may be a failover behind. */
export const needsHistory = (row: StatusRow): boolean =>
  row.in_recovery === 'true' && row.receiver_pid == null && row.may_list_wal === 'true';

/** A row as the driver gives it, every column read as text. */
export type StatusRow = Readonly<Record<string, string | null>>;

export interface ServerStatus {
  readonly inRecovery: boolean;
  /** A new transaction would not be allowed to write. */
  readonly readOnly: boolean;
  readonly identity: string;
  readonly version: string;
  /** Tells one run of the server from the next; opaque. */
  readonly startedAt: string;
  /** All that it has: received or replayed on a replica, written on a writer. */
  readonly lsn: string;
  /** Null on a server that has not recovered since its start. */
  readonly replayLsn: string | null;
  readonly timeline: number;
  /** Seconds since the last replayed transaction was committed, by two servers' clocks. */
  readonly replayAgeSeconds: number | null;
  /** Connected to its source and receiving. */
  readonly streaming: boolean;
  /** The end of its source's log, as the source last said. */
  readonly sourceLsn: string | null;
  readonly source: Address | null;
  /** How it connects to its source; null on a server that is no replica or does not say. */
  readonly conninfo: Conninfo | null;
  /** Under which it replicates where the connection string gives no name. */
  readonly ownName: string;
  /** What its commits wait for while it is a writer; null where it does not say. */
  readonly acknowledgement: Acknowledgement | null;
  /** Since the last message of its source, by this server's own clock. */
  readonly heardSecondsAgo: number | null;
}

/** What a status says only together with earlier ones of the same run of the same server. */
export interface StatusMemory {
  readonly startedAt: string;
  readonly timeline: number;
  readonly caughtUpAt: Instant | null;
}

/** Throws where the row is not one of `statusQuery`. */
export function readStatus(row: StatusRow): ServerStatus {
  const inRecovery = required(row, 'in_recovery') === 'true';
  const conninfo = inRecovery ? readConninfo(row) : null;
  return {
    inRecovery,
    readOnly: required(row, 'read_only') === 'true',
    identity: required(row, 'identity'),
    version: required(row, 'version'),
    startedAt: required(row, 'started_at'),
    lsn: row.lsn ?? '0/0',
    replayLsn: row.replay_lsn ?? null,
    timeline: timelineOf(row),
    replayAgeSeconds: numberOrNull(row.replay_age),
    // Without pg_read_all_stats only the pid of a receiver shows, and only once it is connected.
    streaming: row.receiver_pid != null && (row.receiver_status ?? 'streaming') === 'streaming',
    sourceLsn: row.source_lsn ?? null,
    source: inRecovery ? readSource(row, conninfo) : null,
    conninfo,
    // As the receiver itself falls back (walreceiver.c).
    ownName: row.cluster_name || 'walreceiver',
    acknowledgement: readAcknowledgement(row),
    heardSecondsAgo: numberOrNull(row.heard_age),
  };
}

/**
 * A replica's control file lags behind what it receives, by up to a restartpoint; its receiver knows better while there
 * is one.
 */
function timelineOf(row: StatusRow): number {
  if (row.wal_timeline != null) return Number.parseInt(row.wal_timeline, 16);
  const history = row.history_timeline == null ? 0 : Number.parseInt(row.history_timeline, 16);
  return Math.max(numberOrNull(row.control_timeline) ?? 0, numberOrNull(row.receiver_timeline) ?? 0, history);
}

function readSource(row: StatusRow, conninfo: Conninfo | null): Address | null {
  const port = numberOrNull(row.source_port);
  if (row.source_host != null && row.source_host !== '' && port !== null) {
    return { host: row.source_host, port };
  }
  return conninfo === null ? null : sourceOf(conninfo);
}

function readConninfo(row: StatusRow): Conninfo | null {
  if (row.primary_conninfo == null) return null;
  try {
    return parseConninfo(row.primary_conninfo);
  } catch (error) {
    if (error instanceof ConninfoInvalid) return null;
    throw error;
  }
}

function readAcknowledgement(row: StatusRow): Acknowledgement | null {
  if (row.streaming_names == null || row.standby_names == null) return null;
  const wanted = parseStandbyNames(row.standby_names);
  if (wanted === null) return null;
  const streaming = JSON.parse(row.streaming_names) as readonly string[];
  return {
    count: waitsForNobody(row.synchronous_commit ?? '') ? 0 : wanted.count,
    from: namedIn(wanted),
    connected: streaming.filter((name) => isNamed(wanted, name)).length,
    most: null,
  };
}

/** Whether a value of `synchronous_commit` tells the client before any replica has the commit. */
export const waitsForNobody = (synchronousCommit: string): boolean =>
  synchronousCommit === 'off' || synchronousCommit === 'local';

/**
 * What the status means, with the memory to give to the next call. `now` is when the status was asked for,
 * `instance` the name under which a replica is to acknowledge commits.
 */
export function observe(
  status: ServerStatus,
  earlier: StatusMemory | null,
  now: Instant,
  instance: InstanceId,
): { readonly observation: Observation; readonly memory: StatusMemory } {
  const known = earlier?.startedAt === status.startedAt ? earlier : null;
  // Within one run a timeline only grows: this bridges the time without a receiver, just when a failover compares.
  const timeline = Math.max(status.timeline, known?.timeline ?? 0);
  const caughtUpAt = isCaughtUp(status) ? now : (known?.caughtUpAt ?? null);
  const writable = !status.inRecovery && !status.readOnly;
  return {
    memory: { startedAt: status.startedAt, timeline, caughtUpAt },
    observation: {
      role: writable ? 'writer' : 'replica',
      writable,
      identity: status.identity,
      timeline,
      position: walPosition(timeline, status.lsn),
      lagSeconds: status.inRecovery ? lagOf(status, caughtUpAt, now) : 0,
      replication: status.inRecovery ? replicationOf(status, instance) : null,
      acknowledgement: writable ? status.acknowledgement : null,
      version: `PostgreSQL ${status.version.split(' ')[0]}`,
    },
  };
}

/** Where a server that has just been promoted began its own history; else its current position. */
export const beginning = (status: ServerStatus): Position =>
  walPosition(status.timeline, status.replayLsn ?? status.lsn);

export const currentPosition = (status: ServerStatus): Position => walPosition(status.timeline, status.lsn);

/** Replay stops with an error only in the log, where SQL does not reach. */
const replicationOf = (status: ServerStatus, instance: InstanceId): Replication => ({
  source: status.source,
  streaming: status.streaming,
  heardSecondsAgo: status.heardSecondsAgo,
  error: null,
  stopped: status.conninfo !== null && isSealed(status.conninfo),
  acknowledges:
    status.conninfo === null
      ? null
      : sameName(status.conninfo.get('application_name') ?? status.ownName, instance),
});

/** It has replayed all that its source has told it of. */
function isCaughtUp(status: ServerStatus): boolean {
  if (!status.inRecovery || !status.streaming || status.replayLsn === null) return false;
  const replayed = lsnValue(status.replayLsn);
  if (replayed < lsnValue(status.lsn)) return false;
  return status.sourceLsn === null || replayed >= lsnValue(status.sourceLsn);
}

/**
 * The age of the last replayed transaction is hours on a cluster where nobody writes, and is read as a lag the moment
 * that one new record is on its way. A replica that was seen caught up cannot be further behind than that.
 */
function lagOf(status: ServerStatus, caughtUpAt: Instant | null, now: Instant): number | null {
  const bounds: number[] = [];
  if (caughtUpAt !== null) bounds.push((now - caughtUpAt) / 1000);
  if (status.replayAgeSeconds !== null) bounds.push(Math.max(0, status.replayAgeSeconds));
  return bounds.length === 0 ? null : Math.min(...bounds);
}

const lsnValue = (lsn: string): bigint => parseWalPosition(`0/${lsn}`)?.lsn ?? 0n;

function required(row: StatusRow, column: string): string {
  const value = row[column];
  if (value === null || value === undefined) throw new Error(`the server did not say "${column}"`);
  return value;
}

function numberOrNull(text: string | null | undefined): number | null {
  if (text === null || text === undefined) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}
