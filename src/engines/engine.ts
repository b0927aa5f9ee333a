import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { InstanceId } from '../base/brand.ts';
import type { ClientError, ErrorCode } from '../base/errors.ts';
import type { Address } from '../cluster/instance.ts';
import type { Observation, ProbeFailure } from '../cluster/observation.ts';
import type { Position, PositionOrder } from '../cluster/position.ts';
import type { TlsClient } from '../tls/tls-client.ts';
import type { DiscoveryResult } from './discovery.ts';
import type { Survey } from './survey.ts';

/** Everything that differs between engines, and nothing else. Adding an engine is adding a folder. */
export interface Engine {
  readonly name: EngineName;
  readonly defaultPort: number;
  readonly positions: PositionOrder;
  readonly protocol: Protocol;
  /** `follow` makes a replica of a former writer too, where its data is no more than its new source's. */
  readonly formerWriterCanFollow: boolean;
  /** Opens nothing yet; the first `probe()` connects. */
  createProbe(target: Target): Probe;
  createOperations(target: Target): Operations;
  /** Asks a server for its neighbours, within `timeoutMs`. Changes nothing, never throws. */
  discover(target: Target, timeoutMs: number): Promise<DiscoveryResult>;
  /** Reads all that `aurelay doctor` judges by, over one connection, within `timeoutMs`. Changes nothing, never throws. */
  survey(target: Target, timeoutMs: number): Promise<Survey>;
  /** Only where `protocol.kill` is. */
  createKiller?(target: Target): Killer;
  /**
   * Begins TLS on a connected, paused socket to a server, on which nothing was said yet. `host` is that of the server's
   * address. Rejects with the remedy, and destroys the socket then; at your deadline, abort `signal`. Absent where TLS
   * begins within the login, which `Protocol.exchange` sees to.
   */
  encrypt?(
    socket: Socket,
    tls: TlsClient,
    host: string,
    signal: AbortSignal,
  ): Promise<{ readonly kind: 'plain' } | { readonly kind: 'secured'; readonly socket: TLSSocket }>;
}

export type EngineName = 'postgres' | 'mysql';

/** A server, and the monitor user's way into it. */
export interface Target {
  /** The name that it goes by in the cluster, and under which it acknowledges commits. */
  readonly instance: InstanceId;
  readonly address: Address;
  readonly user: string;
  readonly password: string | null;
  /** PostgreSQL's database to connect to; MySQL needs none. */
  readonly database: string;
  /** Sent on each connection before anything else (a PROXY header); absent: nothing is. */
  readonly preamble?: Uint8Array;
  readonly tls: TlsClient;
}

// ---- the protocol's start: sans-IO, bytes in and events out ----

/** The beginning of a session, as much as Aurelay has to understand before it only carries bytes. */
export interface Protocol {
  /** `client`: the client's first message says what it wants (PostgreSQL). `server`: the server greets (MySQL). */
  readonly speaksFirst: 'client' | 'server';
  /** Reads what a client says until it can be routed. One decoder reads one connection. */
  clientOpening(): ClientOpening;
  /** Reads the first answer of a server to `request`. `request` is null where the server speaks first. */
  serverOpening(request: ClientRequest | null): ServerOpening;
  /** The bytes that tell a client of `error` in its protocol, before the connection is closed. */
  refusal(error: ClientError, request: ClientRequest | null): Uint8Array;
  /**
   * The bytes that decline an encryption request, after which the client speaks again in plain and can read a
   * `refusal`; null for a request that cannot be declined. libpq shows no text of an error that answers an SSLRequest.
   */
  decline?(request: ClientRequest): Uint8Array | null;
  /** Where clients name sessions by a number that the server gave out, so that it is another session's elsewhere. */
  readonly kill?: KillProtocol;
  /** How clients say which of several endpoints they want; absent where they cannot before a server has to be chosen. */
  readonly naming?: Naming;
  /**
   * The bytes that grant an encryption request, after which TLS begins; null where none are due. Only for an endpoint
   * that ends TLS, and a `tls` or `direct-tls` request.
   */
  grant?(request: ClientRequest): Uint8Array | null;
  /** The protocol that a TLS hello has to name (ALPN), where the protocol has one. */
  readonly alpn?: string;
  /**
   * What has to be seen to between the server's first answer and the end of the login, on an endpoint that ends TLS;
   * null: nothing, the session can be carried.
   */
  exchange?(terms: ExchangeTerms): Exchange | null;
}

/** By the server name in their TLS hello, or in their startup message. */
export interface Naming {
  /** The bytes that grant an encryption request in a server's stead: the TLS hello comes next. */
  readonly promise: Uint8Array;
  /** What a server is asked once the client was granted TLS: to grant it too. */
  readonly promised: ClientRequest;
  hello(): HelloReader;
  /** What a startup message says of an endpoint, and what of it a server is to see. */
  endpointOf(request: ClientRequest): NamedRequest;
}

export interface NamedRequest {
  /** As the client wrote it; null where it names none. */
  readonly name: string | null;
  readonly request: ClientRequest;
}

export type HelloEvent =
  | { readonly kind: 'need-more' }
  /** `bytes` is everything that was read, the TLS records around the hello included. */
  | { readonly kind: 'hello'; readonly serverName: string | null; readonly bytes: Uint8Array }
  | { readonly kind: 'malformed'; readonly why: string };

/** Reads a TLS hello and changes nothing of it. */
export interface HelloReader {
  /** Feed the bytes as they come. */
  push(chunk: Uint8Array): HelloEvent;
  /** Bytes that came behind the hello. Empties the buffer. */
  rest(): Uint8Array;
}

/** KILL, by which one session ends another one, or what it runs. */
export interface KillProtocol {
  /** The number that a server gives a session in its greeting, with which `bytes` begin; null: it gives none. */
  numberIn(bytes: Uint8Array): number | null;
  /** The same greeting with another number; all 32 bits may be used. */
  withNumber(bytes: Uint8Array, number: number): Uint8Array;
  /** `start`: from the first byte that a client sends. `command`: from between two of its packets. */
  watch(from: 'start' | 'command'): { sees(chunk: Uint8Array): boolean };
  /** What a command that `watch` saw asks for; null where it names nobody by a number. */
  read(packet: Uint8Array): KillCommand | null;
  renumber(packet: Uint8Array, session: number): Uint8Array;
  /** In place of a KILL that was carried out elsewhere: the server answers it with OK. */
  readonly done: Uint8Array;
  /** In place of `packet`: the server answers it with this error, as far as the protocol lets it. */
  failed(packet: Uint8Array, error: KillError): Uint8Array;
}

export interface KillCommand {
  /** The number of the session that it names. */
  readonly session: number;
  /** `query`: only what it runs now. */
  readonly scope: 'connection' | 'query';
  /** MariaDB's `SOFT` spares what must not be interrupted; null: nothing was said. */
  readonly force: 'hard' | 'soft' | null;
}

export interface KillError {
  readonly errno: number;
  readonly message: string;
}

/** How the two sides of a session stand, where Aurelay ends TLS. */
export interface ExchangeTerms {
  /** What is encrypted already when the server gives its first answer. */
  readonly encrypted: { readonly client: boolean; readonly server: boolean };
  /** The server's certificate is the one that the client sees: what is bound to it holds on both sides. */
  readonly sameCertificate: boolean;
  /** A client has to ask for TLS. */
  readonly clientTlsRequired: boolean;
  /** `if-offered`: TLS where the server has it, else plain. */
  readonly serverTls: 'never' | 'if-offered' | 'always';
}

/**
 * The part of a login that differs between the two sides when Aurelay ends TLS in between: bytes of both in, steps out,
 * to be taken in their order. After `done` or `refuse` it is over.
 */
export interface Exchange {
  /** The server's first answer, as its opening accepted it. */
  begin(answer: Uint8Array): readonly ExchangeStep[];
  fromClient(chunk: Uint8Array): readonly ExchangeStep[];
  fromServer(chunk: Uint8Array): readonly ExchangeStep[];
  /** TLS stands with that side, as a step asked for. */
  encrypted(side: 'client' | 'server'): readonly ExchangeStep[];
  /** The bytes that tell the client of `error` at this point of the exchange. */
  refusal(error: ClientError): Uint8Array;
}

export type ExchangeStep =
  | { readonly kind: 'to-client' | 'to-server'; readonly bytes: Uint8Array }
  /** Begin TLS with that side; `received` came from it already, and is TLS. */
  | { readonly kind: 'encrypt'; readonly side: 'client' | 'server'; readonly received: Uint8Array }
  /** `details` fill in the error's text. */
  | {
      readonly kind: 'refuse';
      readonly code: ErrorCode;
      readonly details: Readonly<Record<string, string | number>>;
    }
  /** Nothing is left to be seen to; all bytes that were given have been given back in steps. */
  | { readonly kind: 'done' };

/**
 * `startup` an ordinary session · `tls` / `gss` an upgrade request, answered by the server with one byte, after which
 * the client speaks again · `direct-tls` a TLS hello with no request before it · `promised-tls` an upgrade request of
 * ours, for a client that was told already that it may begin with TLS: its hello goes out once the server agrees.
 */
export interface ClientRequest {
  readonly kind: 'startup' | 'tls' | 'gss' | 'direct-tls' | 'promised-tls';
  /** To be sent to the server as it is. */
  readonly bytes: Uint8Array;
}

export type ClientEvent =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'request'; readonly request: ClientRequest }
  /** Cancel a query that runs somewhere: to be sent to each server that may run it, each on a connection of its own. */
  | { readonly kind: 'cancel'; readonly bytes: Uint8Array }
  /** The client takes its leave before it asked for anything: there is nothing to tell it. */
  | { readonly kind: 'goodbye' }
  /** The text is for the client and the log. */
  | { readonly kind: 'malformed'; readonly why: string };

export interface ClientOpening {
  /** Feed the bytes as they come; after any event but `need-more` the decoder is done until `next()`. */
  push(chunk: Uint8Array): ClientEvent;
  /** Bytes that came behind the message that was decoded; they belong to whatever follows. Empties the buffer. */
  rest(): Uint8Array;
}

export type ServerEvent =
  | { readonly kind: 'need-more' }
  /** The session has begun: send `bytes` to the client and carry everything from here. */
  | { readonly kind: 'accepted'; readonly bytes: Uint8Array }
  /** The server declined a TLS or GSS upgrade: send `bytes` to the client, which then speaks again in plain. */
  | { readonly kind: 'declined'; readonly bytes: Uint8Array }
  /** The server answered with an error; `retryable` where another server may do better (full, starting up). */
  | {
      readonly kind: 'refused';
      readonly bytes: Uint8Array;
      readonly retryable: boolean;
      readonly code: string;
      readonly message: string;
    }
  | { readonly kind: 'malformed'; readonly why: string };

export interface ServerOpening {
  /** Feed the bytes as they come; `bytes` of an event holds everything fed so far, nothing is left behind. */
  push(chunk: Uint8Array): ServerEvent;
}

// ---- health and promotion: I/O, through the engine's driver ----

export type ProbeResult =
  | { readonly kind: 'observed'; readonly observation: Observation }
  | { readonly kind: 'failed'; readonly failure: ProbeFailure };

/** One persistent connection to one server. Never throws: whatever goes wrong is a `failed` result. */
export interface Probe {
  /** One look at the server within `timeoutMs`, connecting first where needed. One at a time. */
  probe(timeoutMs: number): Promise<ProbeResult>;
  /** Called when an idle probe connection breaks, which says more than silence: probe again at once. */
  onLost: ((detail: string) => void) | null;
  close(): void;
}

/**
 * What changes a server. Each call opens its own connection, ends within `timeoutMs`, throws an `OperationFailed`
 * with the server's words, and does no harm when it is repeated.
 */
export interface Operations {
  /**
   * Replays what was received, then takes writes. Returns where its own history begins.
   * Idempotent: on a server that is a writer already it only reports the position.
   *
   * With a `quorum` it never takes a write that does not wait for it: that is set before the first write is let in.
   */
  promote(timeoutMs: number, quorum: Quorum | null): Promise<Position>;
  /**
   * Replicates from `source` from now on, with the credentials that it has or `replication` gives. `acknowledging`:
   * so that its source may count its receipt of a commit, under its own name; else that is left as it is.
   */
  follow(
    source: Address,
    replication: Credentials | null,
    acknowledging: boolean,
    timeoutMs: number,
  ): Promise<void>;
  /**
   * Receives nothing any more, from whatever source, and so acknowledges nothing, until `follow`: whoever is the writer
   * cannot reach its quorum with this server. Returns all that it has received, read after that. Outlives a restart of
   * the server on PostgreSQL; MySQL and MariaDB receive again after one, and still acknowledge nothing.
   */
  seal(timeoutMs: number): Promise<Position>;
  /** Each commit on this writer that begins after this waits for the quorum (`count` 0: for nobody). */
  requireQuorum(quorum: Quorum, timeoutMs: number): Promise<void>;
  /**
   * Refuses new writes and ends the sessions of clients, as far as the engine allows; returns the last position
   * written, read after that.
   */
  fence(timeoutMs: number): Promise<Position>;
  /** Takes back `fence` on a server that stays the writer. */
  unfence(timeoutMs: number): Promise<void>;
}

/** Looks after KILLs whose session is on another server than who asks for it, as the monitor user. Throws `OperationFailed`. */
export interface Killer {
  /** Who is logged in on session `number`; null: nobody, as far as the monitor user may see. */
  userOf(number: number, timeoutMs: number): Promise<string | null>;
  /**
   * Carries out `command` where `user` is logged in on the session that it names: as on one server, a user may end its own
   * sessions. `unknown`: there is no such session. `not-owner`: it is another user's.
   */
  kill(command: KillCommand, user: string, timeoutMs: number): Promise<'done' | 'unknown' | 'not-owner'>;
}

/** A commit is told to the client once `count` of the replicas `from` have received it. */
export interface Quorum {
  readonly count: number;
  /** Where an engine counts any replica that acknowledges, these are the ones that are made to. */
  readonly from: readonly InstanceId[];
}

export interface Credentials {
  readonly user: string;
  readonly password: string | null;
}

export class OperationFailed extends Error {
  override readonly name = 'OperationFailed';
}
