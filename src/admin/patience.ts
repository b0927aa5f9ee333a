/** How long whoever speaks to the admin API may take, in milliseconds, and how many may at a time. */
export interface AdminPatience {
  /** For the TLS handshake, where there is one. */
  readonly handshakeMs: number;
  /** For the head of a request, from the connection or the first byte on; not above `requestMs`. */
  readonly headersMs: number;
  /** For a request with its body. */
  readonly requestMs: number;
  /** Between an answer and the next request. */
  readonly betweenRequestsMs: number;
  /** Neither reads nor writes: longer than any command may take, and than the heartbeat of events. */
  readonly silenceMs: number;
  /** How often the deadlines of requests are looked at: they are kept to this. */
  readonly checkEveryMs: number;
  /** More are dropped. */
  readonly maxConnections: number;
}

export const defaultPatience: AdminPatience = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 30_000,
  betweenRequestsMs: 5_000,
  silenceMs: 150_000,
  checkEveryMs: 5_000,
  maxConnections: 512,
};
