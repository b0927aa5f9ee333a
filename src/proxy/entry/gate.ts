import type { Socket } from 'node:net';
import { unreachable } from '../../base/assert.ts';
import { formatDuration } from '../../base/duration.ts';
import { isWithinAny } from '../../base/network.ts';
import type { EntryRules } from '../../endpoints/entry-rules.ts';
import type { Abortable } from '../dial.ts';
import type { EndpointContext } from '../endpoint-context.ts';
import type { TurnedAway } from './clients.ts';
import { formatEnd, type Origin, originOf } from './origin.ts';
import { type HeaderOutcome, readHeader } from './read-header.ts';

/** What is known of a client that comes in. */
export interface Entrance {
  /** Null: nobody asked for it. */
  readonly origin: Origin | null;
  /** Null: it is welcome. */
  readonly turnedAway: TurnedAway | null;
}

/** Between the accept and the session: who the client is, and whether it may come in. */
export class Gate {
  readonly #ctx: EndpointContext;
  readonly #open: (socket: Socket, entrance: Entrance) => void;
  /** Connections whose PROXY header is not complete. */
  readonly #entering = new Map<Socket, Abortable>();

  constructor(ctx: EndpointContext, open: (socket: Socket, entrance: Entrance) => void) {
    this.#ctx = ctx;
    this.#open = open;
  }

  /** Takes over an accepted, paused connection. */
  enter(socket: Socket): void {
    const { endpoint } = this.#ctx;
    if (!asksForClients(endpoint)) {
      this.#open(socket, unasked);
      return;
    }
    const peer = originOf(socket);
    if (peer === null) this.#abandon(socket, 'a client left at once');
    else if (isTrusted(peer, endpoint)) this.#identify(socket, peer);
    else this.#judge(socket, peer);
  }

  /** Nobody comes in any more: those that have not said who they are are turned away. */
  shut(): void {
    for (const [socket, reading] of [...this.#entering]) {
      reading.abort();
      this.#entering.delete(socket);
      this.#open(socket, { origin: originOf(socket), turnedAway: { code: 'shutting_down', details: {} } });
    }
  }

  #identify(socket: Socket, peer: Origin): void {
    const { clock, endpoint } = this.#ctx;
    const reading = readHeader(socket, endpoint.handshakeTimeoutMs, clock, (outcome) => {
      this.#entering.delete(socket);
      this.#identified(socket, peer, outcome);
    });
    this.#entering.set(socket, reading);
  }

  #identified(socket: Socket, peer: Origin, outcome: HeaderOutcome): void {
    switch (outcome.kind) {
      case 'header':
        this.#judge(socket, outcome.header.kind === 'local' ? peer : outcome.header);
        return;
      case 'malformed':
        this.#open(socket, {
          origin: peer,
          turnedAway: { code: 'proxy_header', details: { why: outcome.why } },
        });
        return;
      case 'timeout': {
        const timeout = formatDuration(this.#ctx.endpoint.handshakeTimeoutMs);
        this.#open(socket, { origin: peer, turnedAway: { code: 'handshake_timeout', details: { timeout } } });
        return;
      }
      case 'gone':
        this.#abandon(socket, `${formatEnd(peer.source)} left before its PROXY header was complete`);
        return;
      default:
        unreachable(outcome);
    }
  }

  #judge(socket: Socket, { source, destination }: Origin): void {
    const { clients, endpoint } = this.#ctx;
    const origin = { source, destination };
    this.#open(socket, { origin, turnedAway: clients.judge(source.ip, endpoint) });
  }

  #abandon(socket: Socket, why: string): void {
    this.#ctx.observer.accepted(this.#ctx.at);
    this.#ctx.logger.debug({ ...this.#ctx.at }, why);
    socket.destroy();
  }
}

const unasked: Entrance = { origin: null, turnedAway: null };

/** `max_sessions_per_client` asks later, where the session is counted. */
const asksForClients = ({ acceptProxyProtocol, allow, deny, maxConnectsPerClient }: EntryRules): boolean =>
  acceptProxyProtocol !== undefined ||
  allow !== undefined ||
  deny !== undefined ||
  maxConnectsPerClient !== undefined;

const isTrusted = ({ source }: Origin, { acceptProxyProtocol }: EntryRules): boolean =>
  acceptProxyProtocol !== undefined && isWithinAny(source.ip, acceptProxyProtocol);
