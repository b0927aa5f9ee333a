import type { Socket } from 'node:net';
import { unreachable } from '../../base/assert.ts';
import { formatDuration } from '../../base/duration.ts';
import { isWithinAny } from '../../base/network.ts';
import type { EntryRules } from '../../endpoints/entry-rules.ts';
import { tell } from '../../log/tell.ts';
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
  /** Whose rules it was held to; null: nobody's, because the endpoint that it wants is not known. */
  readonly judgedBy: EndpointContext | null;
}

/** Where a gate stands. Endpoints that share a listener share what they trust of PROXY headers. */
export interface GatePlace {
  /** Null: there is no endpoint. */
  readonly standIn: EndpointContext | null;
  /** Which endpoint a client wants is seen later. */
  readonly isShared: boolean;
}

type Open = (socket: Socket, ctx: EndpointContext, entrance: Entrance) => void;

interface Entering {
  readonly ctx: EndpointContext;
  readonly reading: Abortable;
}

/** Between the accept and the session: who the client is, and whether it may come in. */
export class Gate {
  readonly #place: GatePlace;
  readonly #open: Open;
  /** Connections whose PROXY header is not complete. */
  readonly #entering = new Map<Socket, Entering>();

  constructor(place: GatePlace, open: Open) {
    this.#place = place;
    this.#open = open;
  }

  /** Takes over an accepted, paused connection. */
  enter(socket: Socket): void {
    const ctx = this.#place.standIn;
    if (ctx === null) return void socket.destroy();
    const { endpoint } = ctx;
    if (endpoint.acceptProxyProtocol === undefined && !judgesClients(endpoint)) {
      this.#open(socket, ctx, unasked);
      return;
    }
    const peer = originOf(socket);
    if (peer === null) this.#abandon(socket, ctx, 'a client left at once');
    else if (isTrusted(peer, endpoint)) this.#identify(socket, ctx, peer);
    else this.#judge(socket, ctx, peer);
  }

  /** Nobody comes in any more: those that have not said who they are are turned away. */
  shut(): void {
    for (const [socket, { ctx, reading }] of [...this.#entering]) {
      reading.abort();
      this.#entering.delete(socket);
      const turnedAway = { code: 'shutting_down', details: {} } as const;
      this.#open(socket, ctx, { origin: originOf(socket), turnedAway, judgedBy: null });
    }
  }

  #identify(socket: Socket, ctx: EndpointContext, peer: Origin): void {
    const { clock, endpoint } = ctx;
    const reading = readHeader(socket, endpoint.handshakeTimeoutMs, clock, (outcome) => {
      this.#entering.delete(socket);
      this.#identified(socket, ctx, peer, outcome);
    });
    this.#entering.set(socket, { ctx, reading });
  }

  #identified(socket: Socket, ctx: EndpointContext, peer: Origin, outcome: HeaderOutcome): void {
    switch (outcome.kind) {
      case 'header':
        this.#judge(socket, ctx, outcome.header.kind === 'local' ? peer : outcome.header);
        return;
      case 'malformed':
        this.#open(socket, ctx, {
          origin: peer,
          turnedAway: { code: 'proxy_header', details: { why: outcome.why } },
          judgedBy: null,
        });
        return;
      case 'timeout': {
        const timeout = formatDuration(ctx.endpoint.handshakeTimeoutMs);
        const turnedAway = { code: 'handshake_timeout', details: { timeout } } as const;
        this.#open(socket, ctx, { origin: peer, turnedAway, judgedBy: null });
        return;
      }
      case 'gone':
        this.#abandon(socket, ctx, `${formatEnd(peer.source)} left before its PROXY header was complete`);
        return;
      default:
        unreachable(outcome);
    }
  }

  #judge(socket: Socket, ctx: EndpointContext, { source, destination }: Origin): void {
    const origin = { source, destination };
    const { isShared } = this.#place;
    const turnedAway = isShared ? null : ctx.clients.judge(source.ip, ctx.endpoint);
    this.#open(socket, ctx, { origin, turnedAway, judgedBy: isShared ? null : ctx });
  }

  #abandon(socket: Socket, { at, logger, observer }: EndpointContext, why: string): void {
    observer.accepted(at);
    tell(logger, 'session.noted', at, why);
    socket.destroy();
  }
}

const unasked: Entrance = { origin: null, turnedAway: null, judgedBy: null };

/** Whether it has rules about who comes in. `max_sessions_per_client` asks later, where the session is counted. */
export const judgesClients = ({ allow, deny, maxConnectsPerClient }: EntryRules): boolean =>
  allow !== undefined || deny !== undefined || maxConnectsPerClient !== undefined;

const isTrusted = ({ source }: Origin, { acceptProxyProtocol }: EntryRules): boolean =>
  acceptProxyProtocol !== undefined && isWithinAny(source.ip, acceptProxyProtocol);
