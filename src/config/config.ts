import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';
import type { LogLevel } from '../base/errors.ts';
import type { QuorumPolicy } from '../cluster/durability.ts';
import type { Address, Instance } from '../cluster/instance.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { ServerLimits } from '../endpoints/server-limits.ts';
import type { Credentials, EngineName } from '../engines/engine.ts';
import type { ServerTls } from './tls.ts';

/** `auto`: `pretty` where a person looks on, else `json`. */
export type LogFormat = 'auto' | 'json' | 'pretty';

/** The whole configuration, checked and with every default filled in. Secrets are plain here: never log it. */
export interface Config {
  readonly admin: AdminConfig;
  /** Null: nothing is kept over a restart, which only `mode: observe` may choose. */
  readonly stateDir: string | null;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  readonly shutdown: {
    /** How long open sessions may go on after SIGTERM. */
    readonly drainTimeoutMs: number;
  };
  readonly tcp: TcpConfig;
  readonly reload: {
    /** The configuration is read again when its file changes. */
    readonly watch: boolean;
  };
  readonly clusters: ReadonlyMap<ClusterId, ClusterConfig>;
}

export interface AdminConfig {
  readonly listen: Address;
  /** PEM files, with absolute paths; null: plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  /** What changes something has to show it; null: on loopback only, nobody has to. */
  readonly token: string | null;
  /** Plain HTTP beyond this machine was asked for. */
  readonly allowInsecure: boolean;
}

/** How a peer that vanished is noticed, on both sides of every session. */
export interface TcpConfig {
  /** A connection that was silent for so long is asked for a sign of life. */
  readonly keepaliveMs: number;
  /** Sent bytes that stay unacknowledged for so long end a session; 0: as the system has it. */
  readonly userTimeoutMs: number;
}

export interface ClusterConfig {
  readonly id: ClusterId;
  readonly engine: EngineName;
  readonly monitor: Credentials & { readonly database: string };
  /** For replicas that are pointed at a new writer; null: each keeps the credentials that it has. */
  readonly replication: Credentials | null;
  /** How probes, operations and terminated sessions speak to the servers. */
  readonly serverTls: ServerTls;
  readonly health: HealthConfig;
  readonly failover: FailoverConfig;
  /** Null: `async`. */
  readonly durability: QuorumPolicy | null;
  /** The program, with its arguments, that brings a deposed server back as a replica; null: nobody does. */
  readonly rejoinCommand: readonly string[] | null;
  /** Bringing one back that takes longer has failed. */
  readonly rejoinTimeoutMs: number;
  /** Sessions on a server that a reload takes away go on as long as they like, or as after SIGTERM. */
  readonly onRemovedInstance: 'keep' | 'drain';
  readonly instances: ReadonlyMap<InstanceId, Instance>;
  /** Keys of the instances too, apart from them because only the proxy is subject to them. */
  readonly serverLimits: ReadonlyMap<InstanceId, ServerLimits>;
  readonly endpoints: ReadonlyMap<EndpointId, Endpoint>;
}

export interface HealthConfig {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failed probes in a row that make an instance `down`. */
  readonly fall: number;
  /** Good probes in a row that bring a `down` instance back. */
  readonly rise: number;
}

export interface FailoverConfig {
  readonly mode: 'automatic' | 'observe';
  /** How long a new writer connection waits for a writer. */
  readonly holdMs: number;
  /** Connections that wait at a time. */
  readonly maxHeld: number;
  /** At least this long between two automatic failovers. */
  readonly minIntervalMs: number;
  /** In bytes (PostgreSQL) or transactions (MySQL); null: any. */
  readonly maxLoss: number | null;
  /** A promotion that takes longer has failed. */
  readonly promoteTimeoutMs: number;
}
