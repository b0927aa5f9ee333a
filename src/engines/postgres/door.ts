import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Instant } from '../../base/clock.ts';
import { meansAlive, type ProbeFailure } from '../../cluster/observation.ts';
import { classify } from './failure.ts';
import { gssRequest } from './messages.ts';

/** Between two knocks at least; each costs the server a fork. */
const knockIntervalMs = 1_000;
/** A knock that was seen silent fewer times may only have been looked at late. */
const minSilentLooks = 2;

/**
 * Whether a server still takes new connections, asked with a GSSENCRequest on a connection of its own. A session that
 * exists does not tell: its backend goes on answering while the postmaster, which alone lets anybody in, hangs. The
 * server (12 and later) answers it however full it is, `G` or `N`, and logs nothing when no more follows. An SSLRequest
 * would leave a line in its log each time, where it has TLS: "could not accept SSL connection: EOF detected".
 */
export class Door {
  #knock: Socket | null = null;
  #knockedAt: Instant = Number.NEGATIVE_INFINITY;
  /** Since when no knock was answered; null while the last one was. */
  #silentSince: Instant | null = null;
  #silentLooks = 0;
  #failure: ProbeFailure | null = null;

  /**
   * Knocks at `peer` where it is time to: where a session already leads, by number, so that a name server's outage is
   * not taken for the server's. An answer that takes longer than `patienceMs` is no more waited for, but asked anew.
   */
  knock(peer: NetConnectOpts, patienceMs: number, preamble?: Uint8Array): void {
    const now = performance.now();
    const age = now - this.#knockedAt;
    if (age < knockIntervalMs || (this.#knock !== null && age < patienceMs)) return;
    this.#knock?.destroy();
    this.#knockedAt = now;
    this.#silentSince ??= now;
    this.#knock = this.#begin(peer, preamble);
  }

  /** What speaks against the server, as far as is known now. */
  look(patienceMs: number): ProbeFailure | null {
    if (this.#failure !== null) return this.#failure;
    if (this.#silentSince === null) return null;
    this.#silentLooks++;
    const silentMs = performance.now() - this.#silentSince;
    if (silentMs < patienceMs || this.#silentLooks < minSilentLooks) return null;
    return {
      reason: 'not-accepting',
      detail: `it answers queries, but has let no new connection in for ${Math.round(silentMs)}ms`,
    };
  }

  /** Somebody else was let in just now. */
  opened(): void {
    this.#knock?.destroy();
    this.#settle(null);
  }

  close(): void {
    this.#knock?.destroy();
    this.#knock = null;
  }

  #begin(peer: NetConnectOpts, preamble: Uint8Array | undefined): Socket {
    const socket = connect(peer);
    if (preamble !== undefined) socket.write(preamble);
    let outcome: ProbeFailure | null = classify(new Error('Connection terminated before an answer'), []);
    socket.on('connect', () => socket.write(gssRequest));
    socket.on('data', () => {
      outcome = null;
      socket.destroy();
    });
    socket.on('error', (error) => {
      outcome = classify(error, []);
    });
    socket.on('close', () => {
      if (socket === this.#knock) this.#settle(outcome);
    });
    return socket;
  }

  #settle(outcome: ProbeFailure | null): void {
    this.#knock = null;
    // What only a live server causes, or this machine's own trouble, is the query's business to tell.
    this.#failure = outcome !== null && !meansAlive(outcome.reason) ? outcome : null;
    if (this.#failure !== null) return;
    this.#silentSince = null;
    this.#silentLooks = 0;
  }
}
