import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { SocketEnd } from '../proxy-protocol/header.ts';

/** Where a session came in. */
export interface At {
  readonly cluster: ClusterId;
  readonly endpoint: EndpointId;
}

/** Why a relayed session ended. The values are labels of metrics: add, never rename. */
export type CloseReason =
  | 'client-closed'
  | 'server-closed'
  | 'client-error'
  | 'server-error'
  | 'failover'
  | 'idle-timeout'
  | 'removed'
  /** With an error of Aurelay's in the middle of the login. */
  | 'refused'
  | 'shutdown';

/** The values are labels of metrics: add, never rename. */
export type DialFailure = 'refused' | 'timeout' | 'error' | 'server-error';

/** What the proxy tells the rest of the house while it works; metrics and logs are made of it. Never blocks or throws. */
export interface ProxyObserver {
  /** A client's TCP connection was accepted. */
  accepted(at: At): void;
  /** A server took the session; `seconds` from the client's request (or accept, where the server greets) to that. */
  routed(at: At, instance: InstanceId, seconds: number): void;
  /** A routed session ended. Bytes: `sent` from client to server, `received` from server to client. */
  closed(
    at: At,
    instance: InstanceId,
    reason: CloseReason,
    bytes: { sent: number; received: number },
    seconds: number,
  ): void;
  /** A client was given an error (or left before it was served: `client_gone`). `client`: null where it is unknown by now. */
  refused(at: At, code: ErrorCode | 'client_gone', detail: string, client: SocketEnd | null): void;
  /** A dial to a server failed; another candidate may still take the session. */
  dialFailed(at: At, instance: InstanceId, reason: DialFailure, detail: string): void;
  /** A connection began to wait for a writer. */
  held(at: At): void;
  /** It stopped waiting after `seconds`. */
  unheld(at: At, outcome: 'released' | 'timeout' | 'client-gone' | 'shutdown', seconds: number): void;
  /** An endpoint that ends TLS, and one of its clients, did not agree on any. */
  tlsHandshakeFailed(at: At): void;
  /** A cancel request was passed to so many servers. */
  cancelled(at: At, servers: number): void;
}
