import type { Cleanup } from '../support/servers.ts';

/** Somebody to run a load through: the server itself, a peer, or Aurelay with one of its relays. */
export interface Contestant {
  /** `direct`, `HAProxy`, `Aurelay (native)`, … */
  readonly name: string;
  /** On 127.0.0.1, for clients of each engine; absent where it cannot carry it. */
  readonly ports: { readonly postgres?: number; readonly mysql?: number; readonly idle?: number };
  /** The process that carries the bytes; null for `direct`. */
  readonly pid: number | null;
  /** Where its admin API answers; null where it has none. */
  readonly adminUrl: string | null;
  /** Starts another one of it, which has carried nothing yet; null for `direct`. */
  readonly startAnother: ((t: Cleanup) => Promise<Contestant | null>) | null;
}

export type EngineName = 'postgres' | 'mysql';

/** Where the servers themselves listen, on 127.0.0.1. */
export interface ServerPorts {
  readonly postgres: number | null;
  readonly mysql: number | null;
  /** A PostgreSQL that keeps any number of idle sessions; see `idle/server.ts`. */
  readonly idle: number | null;
}
