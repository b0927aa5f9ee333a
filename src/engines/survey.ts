import type { Address } from '../cluster/instance.ts';
import type { Observation, ProbeFailure } from '../cluster/observation.ts';
import type { ShownTls } from '../tls/shown-tls.ts';
import type { ClockReading } from './clock-reading.ts';

/** What a server says of itself when it is looked at from all sides, once. Nothing in here is a secret. */
export type Survey =
  | { readonly kind: 'answered'; readonly facts: ServerFacts }
  | { readonly kind: 'failed'; readonly failure: ProbeFailure };

export type ServerFacts = PostgresFacts | MysqlFacts;

interface CommonFacts {
  /** By the very query that health checks ask. */
  readonly observation: Observation;
  /** Of that query, in the connection that it was asked over: the middle one of three. */
  readonly latencyMs: number;
  readonly clock: ClockReading;
  /** Null: the connection is in plain. */
  readonly tls: ShownTls | null;
  readonly versionNumber: VersionNumber;
  /** What this login may not read, with the server's words. */
  readonly unread: ReadonlyMap<UnreadPart, string>;
}

export interface VersionNumber {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

export type UnreadPart =
  | 'settings'
  | 'replicas'
  | 'sessions'
  | 'hba'
  | 'origins'
  | 'overrides'
  | 'slots'
  | 'heartbeats';

// ---- PostgreSQL ----

export interface PostgresFacts extends CommonFacts {
  readonly engine: 'postgres';
  readonly inRecovery: boolean;
  /** Those of `pg_settings` that matter here, by name. */
  readonly settings: ReadonlyMap<string, PostgresSetting>;
  readonly rights: PostgresRights;
  /** How it replicates; null where it names no source or does not say. */
  readonly conninfo: ConninfoFacts | null;
  readonly replicas: readonly ConnectedReplica[];
  readonly slots: readonly ReplicationSlot[];
  /** `ALTER ROLE … SET` and `ALTER DATABASE … SET` of settings that matter here. */
  readonly overrides: readonly SettingOverride[];
  readonly replayPaused: boolean;
  /** Who is logged in as a superuser, Aurelay itself aside. */
  readonly superuserSessions: readonly string[];
  /** pg_hba.conf; null where this login may not read it. */
  readonly hba: readonly HbaLine[] | null;
}

export interface PostgresSetting {
  /** As `pg_settings` has it: numbers in `unit`. */
  readonly value: string;
  readonly unit: string | null;
  /** `configuration file`, `command line`, `user`, `database`, `default`, … */
  readonly source: string;
  /** `postmaster`: a new value needs a restart. */
  readonly context: string;
  /** A new value is in the file and waits for a restart. */
  readonly pendingRestart: boolean;
  /** Written by ALTER SYSTEM; null where this login may not see the file. */
  readonly isAltered: boolean | null;
}

export interface PostgresRights {
  readonly user: string;
  readonly superuser: boolean;
  /** Connections that this role may have; null: any number. */
  readonly connectionLimit: number | null;
  readonly monitor: boolean;
  readonly signalBackend: boolean;
  readonly promote: boolean;
  readonly reload: boolean;
  /** Null: the version has no such grant. */
  readonly reservedConnections: boolean | null;
  /** By setting; null: the version has no such grant (14). */
  readonly alterSystem: ReadonlyMap<string, boolean> | null;
}

export interface ConninfoFacts {
  readonly source: Address | null;
  readonly user: string | null;
  readonly applicationName: string;
  /** A password, a password file or a client certificate is named. */
  readonly hasCredential: boolean;
  readonly sslmode: string | null;
}

export interface ConnectedReplica {
  readonly name: string;
  readonly user: string | null;
  readonly state: string;
}

export interface ReplicationSlot {
  readonly name: string;
  readonly kind: 'physical' | 'logical';
  readonly active: boolean;
  /** `reserved`, `extended`, `unreserved`, `lost`; null where nothing is reserved yet. */
  readonly walStatus: string | null;
  readonly temporary: boolean;
  /** Kept over a failover (17 and newer); null: the version knows no such slots. */
  readonly failover: boolean | null;
}

export interface SettingOverride {
  readonly role: string | null;
  readonly database: string | null;
  readonly setting: string;
  readonly value: string;
}

export interface HbaLine {
  readonly line: number;
  /** `local`, `host`, `hostssl`, `hostnossl`, `hostgssenc`, `hostnogssenc`. */
  readonly type: string;
  readonly databases: readonly string[];
  readonly users: readonly string[];
  /** An address, a name, or one of `all`, `samehost`, `samenet`; null: a socket. */
  readonly address: string | null;
  readonly netmask: string | null;
  readonly method: string;
}

// ---- MySQL and MariaDB ----

export interface MysqlFacts extends CommonFacts {
  readonly engine: 'mysql';
  readonly flavor: 'mysql' | 'mariadb';
  /** Global variables that matter here, by name, as the server writes them. */
  readonly variables: ReadonlyMap<string, string>;
  /** Where their values come from; null where the server does not say. */
  readonly origins: ReadonlyMap<string, VariableOrigin> | null;
  readonly rights: MysqlRights;
  readonly channels: readonly ChannelFacts[];
  /** Which sides of semi-synchronous replication it can take. */
  readonly semiSync: { readonly source: boolean; readonly replica: boolean };
}

/** `lasting`: an option file, the command line or SET PERSIST. `running`: SET GLOBAL, which says nothing of a restart. */
export type VariableOrigin = 'default' | 'lasting' | 'running';

export interface MysqlRights {
  /** `user`@`host` as the server matched it. */
  readonly account: string;
  /** Global privileges by name, in capitals with spaces (`REPLICATION SLAVE ADMIN`), those of active roles among them. */
  readonly privileges: ReadonlySet<string>;
  /** May read `performance_schema`. */
  readonly performanceSchema: boolean;
  /** Connections that this account may have; null: any number. */
  readonly connectionLimit: number | null;
}

export interface ChannelFacts {
  /** Empty for the default one. */
  readonly name: string;
  readonly source: Address | null;
  readonly user: string | null;
  readonly receiving: 'running' | 'connecting' | 'stopped';
  readonly receiveError: string | null;
  readonly applying: boolean;
  readonly applyError: string | null;
  readonly usesGtid: boolean;
  readonly usesTls: boolean;
  /** It may ask its source for the key that a `caching_sha2_password` login without TLS needs; null: not in this version. */
  readonly asksForKey: boolean | null;
  readonly delaySeconds: number;
  /** How often its source says that it lives while nothing is written; 0: never; null: the server does not say. */
  readonly heartbeatSeconds: number | null;
  /** `Replicate_Do_DB = a,b`, … */
  readonly filters: readonly string[];
}
