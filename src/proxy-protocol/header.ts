import type { Ip } from '../base/ip.ts';

/** Version 1 is a line of text, version 2 is binary (HAProxy, proxy-protocol.txt, chapter 2). */
export type ProxyProtocolVersion = 'v1' | 'v2';

/** One end of a TCP connection. */
export interface SocketEnd {
  readonly ip: Ip;
  readonly port: number;
}

/** What a PROXY header says about the connection that it begins. */
export type ProxyHeader =
  /** The sender carries somebody else's connection, which goes from `source` to `destination`. */
  | { readonly kind: 'proxied'; readonly source: SocketEnd; readonly destination: SocketEnd }
  /** The connection is the sender's own, or one that has no TCP addresses (UNKNOWN, UNSPEC, UNIX, UDP). */
  | { readonly kind: 'local' };

export type HeaderEvent =
  | { readonly kind: 'need-more' }
  | { readonly kind: 'header'; readonly header: ProxyHeader; readonly length: number }
  | { readonly kind: 'malformed'; readonly why: string };

export const needMore: HeaderEvent = { kind: 'need-more' };
export const malformed = (why: string): HeaderEvent => ({ kind: 'malformed', why });
