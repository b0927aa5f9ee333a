import type { Address } from '../../../cluster/instance.ts';
import type { Credentials } from '../../engine.ts';
import type { MysqlPosition } from '../position.ts';
import type { SemiSync } from '../semi-sync.ts';

/**
 * All that differs between MySQL and MariaDB once a connection is open: statements to run, and how to read the
 * answers. Pure: text in, text out.
 */
export interface Dialect {
  /** Statements, sent at once, whose results `readStatus` reads. */
  readonly statusSql: string;
  /** Throws `ProtocolFailed` where they do not say whether the server takes writes. */
  readStatus(results: Results): ServerStatus;
  /**
   * Rows that change with each heartbeat of a source, where `statusSql` does not show that (null: it does). Refused to those who
   * may not read `performance_schema.replication_connection_status`.
   */
  readonly heartbeatsSql: string | null;

  /** Stop taking transactions from the source; what was received goes on being applied. */
  stopReceivingSql(channel: Channel): string;
  startReceivingSql(channel: Channel): string;
  startApplyingSql(channel: Channel): string;
  /** Whether what was received survives a start of replication after both of its threads stood still. */
  readonly keepsRelayLog: boolean;
  stopReplicatingSql(channel: Channel): string;
  startReplicatingSql(channel: string): string;
  /** Forget the source, its credentials and the relay log. Needs replication to be stopped. */
  forgetSourceSql(channel: Channel): string;
  /**
   * Replicate from another source by GTID. Needs replication to be stopped. Without `inTls` that stays as it is, as does
   * all that the server was told of certificates.
   */
  changeSource(channel: string, source: Address, credentials: Credentials | null, inTls: boolean): Statement;
  /** Make a former writer's own transactions count as replicated; null where that needs no statement. */
  adoptOwnHistorySql(status: ServerStatus): string | null;

  /**
   * Refuse writes. Waits for commits in progress, and for locked tables, up to the session's `lock_wait_timeout`.
   * MySQL's `super_read_only` binds everybody; MariaDB's `read_only` does not bind users with SUPER or
   * READ ONLY ADMIN.
   */
  readonly refuseWritesSql: string;
  /** Whether a session that is killed while its commit waits for a replica ends, and waits no more. */
  readonly killEndsWaiting: boolean;
  /** Run before a replica is made to acknowledge; null: nothing. */
  readonly beforeAcknowledgingSql: string | null;
  readonly allowWritesSql: string;
  /** Who is logged in on a session: one row with `user`, or none. */
  sessionUserSql(connectionId: number): string;
}

/** A statement with `?` for each value, in order. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** A row as text; the drivers' types are not asked for. */
export type Row = Readonly<Record<string, string | null>>;
/** The rows of each statement, in order. */
export type Results = readonly (readonly Row[])[];

/** What a server says of itself. */
export interface ServerStatus {
  /** Ordinary users could write now. */
  readonly writable: boolean;
  /** MySQL: `server_uuid`; MariaDB: `server_id`. */
  readonly identity: string;
  /** What it has written or applied. */
  readonly executed: MysqlPosition;
  /** What it has written, applied, or received in full and not applied yet. */
  readonly held: MysqlPosition;
  /** Where it replicates from; none on a server that is no replica. Group Replication's own channels are left out. */
  readonly channels: readonly Channel[];
  readonly semiSync: SemiSync;
}

/** One source that a server is configured to replicate from (MariaDB: a named connection). */
export interface Channel {
  /** Empty for the default one. */
  readonly name: string;
  readonly source: Address | null;
  /** Null where none is set. */
  readonly user: string | null;
  /** The state of the thread that receives. */
  readonly receiving: 'running' | 'connecting' | 'stopped';
  readonly receiveError: ReplicationError | null;
  /** Whether the thread that applies is running. */
  readonly applying: boolean;
  readonly applyError: ReplicationError | null;
  /** In whole seconds, by the server's own reckoning; null where it does not know. */
  readonly secondsBehind: number | null;
  /** It finds its place by GTID and not by file and offset. */
  readonly usesGtid: boolean;
  /** It is told to receive in TLS. */
  readonly usesTls: boolean;
  /** All that was received has been applied. */
  readonly caughtUp: boolean;
  /** Differs from the last look's when anything came from the source meanwhile; heartbeats: see `heartbeatsSql`. */
  readonly signsOfLife: string;
}

export interface ReplicationError {
  readonly errno: number;
  readonly message: string;
}
