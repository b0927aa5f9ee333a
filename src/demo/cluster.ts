/** One real database server, run as a child of this process, on 127.0.0.1. */
export interface EmbeddedInstance {
  /** `pg-1`, `mysql-2`, … */
  readonly id: string;
  readonly port: number;
  /** Holds `postmaster.pid` or `mysqld.pid` while the server runs. */
  readonly directory: string;
  /** The command that starts this server by hand, as a person would paste it. */
  readonly startCommand: string;
  /** The postmaster or mysqld; null while no server runs in the directory. */
  pid(): number | null;
  /** Signals the postmaster or mysqld alone, never its children. Throws where no server runs. */
  kill(signal: NodeJS.Signals): void;
  /** Starts a server that is not running, in the role that its files give it; resolves once it answers. */
  start(): Promise<void>;
  /** Fast but clean; kills what does not stop in time, frozen servers included. Harmless when repeated. */
  stop(): Promise<void>;
}

export interface RejoinOptions {
  /** The id of the instance to replicate from, which takes writes. */
  readonly writer: string;
  /** Whether its data is known to hold what the writer lacks; then it gets a fresh copy. */
  readonly isDiverged: boolean;
  readonly signal: AbortSignal;
}

/** A writer with its replicas. Nothing in it restarts but what is asked for. */
export interface EmbeddedCluster {
  readonly engine: 'postgres' | 'mysql';
  /** As the server says it: `18.4`, `10.11.6-MariaDB`. */
  readonly version: string;
  readonly instances: readonly EmbeddedInstance[];
  /**
   * Brings an instance back that was the writer: stops what is left of it and starts it as a replica of `writer`, with
   * a fresh copy of the data where its own is of no use (PostgreSQL: always, for lack of `pg_rewind`). MySQL and MariaDB
   * come up read-only, to be pointed at the writer by SQL.
   */
  rejoin(id: string, options: RejoinOptions): Promise<void>;
  /** Stops every server; the data stays. Harmless when repeated. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** Made where it is missing. Data of an earlier run is started as it is, each server in the role it had. */
  readonly directory: string;
  /** 0-15 beside the writer. Kept data with more instances than this starts all of them. */
  readonly replicas: number;
  /** One an instance, in order; default: the ports of the earlier run, or free ones on 127.0.0.1. */
  readonly ports?: readonly number[];
  readonly onProgress?: (line: string) => void;
  /** A folder of binaries, or the server binary, instead of the one that would be found. */
  readonly binaries?: string;
  /**
   * Whether committed data is to survive the machine losing power (default false: it survives `kill -9` of every
   * process, which costs no disk flush). Fixed when the data directory is made.
   */
  readonly durable?: boolean;
  /** Ends a start that is under way: it cleans up and rejects. */
  readonly signal?: AbortSignal;
}

/** An embedded cluster could not do what was asked; the message says what to do about it. */
export class EmbeddedClusterError extends Error {
  override readonly name = 'EmbeddedClusterError';
}
