import type { InstanceId } from '../base/brand.ts';
import type { Address, Role } from './instance.ts';
import type { Position } from './position.ts';

/** A replica's own word on whom it replicates from. */
export interface Replication {
  /** The configured source; null where the server does not say. */
  readonly source: Address | null;
  /** It is connected to its source and receives (a witness that the source lives). */
  readonly streaming: boolean;
  /**
   * Seconds since anything came from the source, be it a heartbeat: a witness that it lived then. Null where the server does
   * not say.
   */
  readonly heardSecondsAgo: number | null;
  /** Replication stopped with an error that time alone does not mend; the server's message. */
  readonly error: string | null;
  /** Receiving was switched off: by Aurelay, which sealed it, or by somebody else. */
  readonly stopped: boolean;
  /**
   * Its source counts its receipt of a commit, under the instance's own name where names count. Null where the server
   * does not say.
   */
  readonly acknowledges: boolean | null;
}

/** What a commit waits for on a server, while it is a writer, before the client is told of it. */
export interface Acknowledgement {
  /** Replicas that must have received it; 0: none. */
  readonly count: number;
  /** Whose receipt counts, sorted; null: that of any replica that acknowledges. */
  readonly from: readonly InstanceId[] | null;
  /** Replicas that are connected now and whose receipt counts. */
  readonly connected: number;
  /** The most that this server can wait for (MariaDB: 1); null: as many as there are. */
  readonly most: number | null;
}

/** What a probe read from a live server, all in one round trip. */
export interface Observation {
  /** `writer`: takes writes and replicates from nobody. Everything else is a `replica`. */
  readonly role: Role;
  /** It would take a write now; a `replica` that is writable is misconfigured. */
  readonly writable: boolean;
  /** PostgreSQL: the system identifier (one per cluster). MySQL: `server_uuid`. MariaDB: `server_id`. */
  readonly identity: string;
  /** PostgreSQL's timeline, which grows with each promotion; null elsewhere. */
  readonly timeline: number | null;
  /** All that it has: written on a writer, received (replayed or not) on a replica. */
  readonly position: Position;
  /** Seconds that its readable data is behind its source; 0 on a writer; null where it cannot tell. */
  readonly lagSeconds: number | null;
  /** Null on a server that replicates from nobody. */
  readonly replication: Replication | null;
  /** Null where it cannot wait for anybody, does not say, or is no writer. */
  readonly acknowledgement: Acknowledgement | null;
  /**
   * Why a server that takes writes counts as a `replica` all the same: whoever promotes here does not call it the writer.
   * For people; absent: nobody but the server was asked, or both agree.
   */
  readonly withheld?: string;
  /** For people: `PostgreSQL 18.4`, `MariaDB 10.11.19`. */
  readonly version: string;
}

/** Reasons that speak for a dead or unreachable server: they count towards `fall`. */
export const deadReasons = [
  'refused',
  'reset',
  'timeout',
  'unreachable',
  'not-accepting',
  'not-ready',
  'protocol',
] as const;
/** Reasons that only a live server gives: never a cause for failover (load is not death). */
export const aliveReasons = ['overloaded', 'denied', 'query-failed', 'local-stall'] as const;

/**
 * `refused` nothing listens · `reset` the connection broke · `timeout` silence past the deadline · `unreachable` no
 * route or no such host · `not-accepting` old sessions are answered and new connections are not · `not-ready` it says that it starts up, shuts down or recovers · `protocol` something else
 * answers there · `overloaded` too many connections, out of memory · `denied` login or privilege · `query-failed`
 * any other SQL error · `local-stall` Aurelay itself was too late to tell.
 */
export type ProbeFailureReason = (typeof deadReasons)[number] | (typeof aliveReasons)[number];

export interface ProbeFailure {
  readonly reason: ProbeFailureReason;
  /** The server's or the system's own words; never a secret. */
  readonly detail: string;
}

/** The network could be to blame as well as the server. */
export const isSilence = (reason: ProbeFailureReason): boolean =>
  reason === 'timeout' || reason === 'unreachable';

export const meansAlive = (reason: ProbeFailureReason): boolean =>
  (aliveReasons as readonly string[]).includes(reason);
