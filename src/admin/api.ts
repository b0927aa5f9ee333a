/**
 * The shapes of the admin API's answers: a contract with programs that other people wrote. Add fields; never rename
 * or remove one.
 */

export interface ClusterJson {
  readonly name: string;
  readonly engine: string;
  /** `automatic` or `observe`. */
  readonly mode: string;
  readonly epoch: number;
  readonly phase: string;
  /** Why the phase is what it is; null while stable. */
  readonly reason: string | null;
  /** Who takes writer sessions now; null while nobody may. */
  readonly writer: string | null;
  readonly durability:
    | { readonly mode: 'async' }
    | {
        readonly mode: 'quorum';
        readonly copies: number;
        readonly write_quorum: number;
        /** Every acknowledged commit is on so many copies; 1: nothing is promised at the moment. */
        readonly secured: number;
        /** Copies that acknowledge now, the writer among them; null while there is none. */
        readonly acknowledging: number | null;
        readonly state: 'securing' | 'secured' | 'lost' | 'degraded';
      };
  readonly instances: readonly InstanceJson[];
  readonly endpoints: readonly EndpointJson[];
}

export interface InstanceJson {
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  /** Null while there is no fresh evidence. */
  readonly role: 'writer' | 'replica' | null;
  readonly health: 'unknown' | 'healthy' | 'suspect' | 'down';
  /** Null where it is unknown. */
  readonly lag_seconds: number | null;
  /** In the engine's notation; null before the first answer. */
  readonly position: string | null;
  readonly sessions: number;
  readonly zone: string | null;
  /** False on a replica that has lost its source. */
  readonly replicating: boolean;
  readonly deposed: boolean;
  readonly drained: boolean;
  /** The latest failed probe, kept after the instance recovered. */
  readonly last_failure: { readonly reason: string; readonly detail: string } | null;
  /** Why it counts as a replica though it takes writes; absent where that is not so. */
  readonly withheld?: string;
  readonly version: string | null;
  readonly promotion_tier: number;
  readonly weight: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface EndpointJson {
  readonly name: string;
  readonly type: 'writer' | 'reader' | 'custom' | 'instance';
  /** `host:port`. */
  readonly listen: string;
  /** The name that clients know it by, where it shares its port with others; null: it has none. */
  readonly hostname: string | null;
  /** Ids of the instances that would be given a new connection now. */
  readonly members: readonly string[];
  /** Instances that belong to it and are given no new connection now, and why (docs/http.md has the words). */
  readonly out: readonly { readonly instance: string; readonly why: string }[];
  readonly sessions: number;
  /** Connections that wait for a writer. */
  readonly held: number;
  /** Where its sessions are, by instance; those without any are absent. */
  readonly sessions_by_instance: Readonly<Record<string, number>>;
  readonly listening: boolean;
  readonly listen_error: string | null;
  readonly max_sessions: number;
}

/** A change of the writer: what it did and cost. */
export interface FailoverJson {
  readonly at: string;
  readonly kind: 'elected' | 'adopted' | 'failover' | 'switchover';
  readonly outcome: 'completed' | 'undone' | 'failed';
  /** Why it did not succeed; null where it did. */
  readonly reason: string | null;
  readonly epoch: number;
  readonly from: string | null;
  readonly to: string;
  readonly from_position: string | null;
  readonly to_position: string | null;
  /**
   * What the new writer lacks of `from_position`; null where it is unknown. `at_least`: nobody saw what the old writer did
   * after that position, and `discarded` says more once it came back.
   */
  readonly lost: {
    readonly amount: number;
    readonly unit: 'bytes' | 'transactions';
    readonly at_least: boolean;
  } | null;
  /** Which commits the old writer had told its clients of (docs/durability.md). */
  readonly durability: 'async' | 'quorum' | 'degraded' | 'unsecured' | 'waived';
  /** Null where `durability` is `async`. `answered`: copies that were heard before the choice. */
  readonly quorum: {
    readonly copies: number;
    readonly write_quorum: number;
    readonly answered: number | null;
  } | null;
  /** What was thrown away since, to make replicas of deposed servers again. */
  readonly discarded: readonly {
    readonly instance: string;
    readonly at: string;
    readonly position: string | null;
    readonly writer_position: string | null;
    /** What the writer lacked of it; null where it is unknown. */
    readonly lost: { readonly amount: number; readonly unit: 'bytes' | 'transactions' } | null;
  }[];
  readonly refused: readonly { readonly instance: string; readonly why: string }[];
  /** When each phase was reached, in milliseconds from the first sign. */
  readonly timeline: readonly { readonly phase: string; readonly after_ms: number }[];
  readonly duration_ms: number;
  readonly attempts: number;
  readonly sessions_closed: number;
  /** New connections that waited when it ended. */
  readonly held: { readonly connections: number; readonly longest_wait_ms: number };
}

/** What runs: `GET /api/v1/version`. */
export interface VersionJson {
  readonly version: string;
  /** The commit that it was compiled from, or what whoever compiled it said; `source`: it runs from a checkout. */
  readonly build: string;
  /** When that commit was made, ISO 8601, UTC; null where nobody said. */
  readonly date: string | null;
  /** `v20.20.2`. */
  readonly node: string;
  /** What carries the bytes of sessions. */
  readonly relay: 'native' | 'stream';
  /** When this process began, ISO 8601, UTC. */
  readonly started_at: string;
}

/** What `GET /readyz` answers, with 200 or 503. */
export interface ReadinessJson {
  readonly ready: boolean;
  readonly shutting_down: boolean;
  readonly clusters: Readonly<
    Record<string, { readonly ready: boolean; readonly reasons: readonly string[] }>
  >;
}

/** What a failover, switchover, drain or undrain that succeeded answers. */
export interface CommandJson {
  readonly message: string;
  readonly writer: string | null;
  readonly epoch: number;
}

/** What a reload that succeeded answers. */
export interface ReloadJson {
  readonly message: string;
  readonly outcome: 'applied' | 'unchanged';
}

export interface EventJson {
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly cluster: string;
  readonly level: string;
  readonly name: string;
  readonly epoch: number;
  readonly instance: string | null;
  readonly rule: string | null;
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}

/** What `GET /api/v1/live` begins with. */
export interface LiveHelloJson {
  /** Another one after each start of Aurelay: the numbers of events begin again. */
  readonly process: string;
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly version: string;
  /** Another one where the page is another; null: it was not built. */
  readonly dashboard: string | null;
}

/** How things were, at regular moments. Every list and text has one entry for each of `at_ms`. */
export interface HistoryJson {
  /** Between two moments. */
  readonly interval_ms: number;
  /** Milliseconds since 1970, oldest first. */
  readonly at_ms: readonly number[];
  readonly clusters: readonly {
    readonly name: string;
    readonly instances: readonly {
      readonly id: string;
      /** Null where it was unknown. */
      readonly lag_seconds: readonly (number | null)[];
      readonly sessions: readonly (number | null)[];
      /** A letter each: `h` healthy, `s` suspect, `d` down, `u` unknown, `.` not configured then. */
      readonly health: string;
      /** A letter each: `w` writer, `r` replica, `-` unknown, `.` not configured then. */
      readonly role: string;
    }[];
    readonly endpoints: readonly {
      readonly name: string;
      readonly sessions: readonly (number | null)[];
      readonly held: readonly (number | null)[];
    }[];
  }[];
}

/** Stable codes, for programs; the message is for people. */
export type ApiErrorCode =
  | 'bad_request'
  | 'invalid_config'
  | 'unsupported_media_type'
  | 'too_large'
  | 'unauthorized'
  | 'invalid_token'
  | 'forbidden_host'
  | 'forbidden_origin'
  | 'not_found'
  | 'unknown_cluster'
  | 'unknown_instance'
  | 'conflict'
  | 'failed'
  | 'timeout'
  | 'too_many_subscribers'
  | 'shutting_down'
  | 'internal';

/** The form of every answer that is not a success. */
export interface ErrorJson {
  readonly error: {
    readonly code: ApiErrorCode;
    readonly message: string;
    /** Of `invalid_config`: each as `aurelay check --json` prints it. */
    readonly diagnostics?: readonly Readonly<Record<string, string | number | null>>[];
  };
}
