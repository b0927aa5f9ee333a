import type { Socket } from 'node:net';
import type { InstanceId } from '../../base/brand.ts';
import { formatIp } from '../../base/ip.ts';
import { tell } from '../../log/tell.ts';
import type { ProxyProtocolVersion, SocketEnd } from '../../proxy-protocol/header.ts';
import type { EndpointContext } from '../endpoint-context.ts';
import type { Seat } from './client-sessions.ts';
import type { TurnedAway } from './clients.ts';
import { judgesClients } from './gate.ts';
import { clientFields, headerFor, type Origin, originOf } from './origin.ts';

/**
 * On whose account a connection goes: the endpoint that it wants, the rules that have let it in, and the places that it
 * takes among the endpoint's sessions and its client's.
 */
export class Admission {
  readonly #socket: () => Socket;
  #ctx: EndpointContext;
  #knowsEndpoint = false;
  /** Null: nobody's rules yet. */
  #judgedBy: EndpointContext | null;
  #counted = false;
  #admitted = false;
  /** Among the sessions of its client, where those are counted. */
  #seat: Seat | null = null;
  /** Null until somebody asks. */
  #origin: Origin | null;

  /** `ctx` stands in until the client has named an endpoint. `socket`: the client's, which TLS may replace. */
  constructor(
    ctx: EndpointContext,
    origin: Origin | null,
    judgedBy: EndpointContext | null,
    socket: () => Socket,
  ) {
    this.#ctx = ctx;
    this.#origin = origin;
    this.#judgedBy = judgedBy;
    this.#socket = socket;
  }

  /** Of the endpoint that the client wants; of one that stands in while that is not known. */
  get ctx(): EndpointContext {
    return this.#ctx;
  }

  get knowsEndpoint(): boolean {
    return this.#knowsEndpoint;
  }

  /** Where the client comes from; null where it is gone and nobody had asked before. */
  get origin(): Origin | null {
    this.#origin ??= originOf(this.#socket());
    return this.#origin;
  }

  /** The client's end of its connection, as far as it is known. */
  get source(): SocketEnd | null {
    return this.origin?.source ?? null;
  }

  get clientAddress(): string | null {
    return this.origin === null ? null : formatIp(this.origin.source.ip);
  }

  /** What tells a server who the client is, before anything else. */
  proxyHeader(version: ProxyProtocolVersion): Uint8Array {
    return headerFor(this.origin, version);
  }

  /** A connection is accepted once, on the account of the endpoint that it wants where that is ever known. */
  count(): void {
    if (this.#counted) return;
    this.#counted = true;
    this.#ctx.observer.accepted(this.#ctx.at);
  }

  /** The client wants this endpoint. */
  enter(ctx: EndpointContext): void {
    if (ctx !== this.#ctx) {
      this.leave();
      this.#ctx = ctx;
    }
    this.#knowsEndpoint = true;
    this.count();
  }

  /** Why the endpoint does not let this client in; null: it does. Asked once of each. */
  judge(): TurnedAway | null {
    const { clients, endpoint } = this.#ctx;
    if (this.#judgedBy === this.#ctx || !judgesClients(endpoint)) return null;
    this.#judgedBy = this.#ctx;
    return this.origin === null ? null : clients.judge(this.origin.source.ip, endpoint);
  }

  /** Of endpoints that share a listener, those that would let this client in, however many come. */
  welcoming(doors: readonly EndpointContext[]): readonly EndpointContext[] {
    return doors.filter((door) => {
      if (door === this.#judgedBy || !judgesClients(door.endpoint)) return true;
      const { maxConnectsPerClient, ...rules } = door.endpoint;
      return this.origin !== null && door.clients.judge(this.origin.source.ip, rules) === null;
    });
  }

  /** Takes its places, where it has none yet; otherwise why there is none. */
  takePlaces(): TurnedAway | null {
    const { at, endpoint, registry } = this.#ctx;
    this.#admitted ||= registry.admit(at, endpoint.maxSessions);
    if (!this.#admitted) return { code: 'too_many_sessions', details: { limit: endpoint.maxSessions } };
    return this.#sit();
  }

  #sit(): TurnedAway | null {
    const { clients, endpoint } = this.#ctx;
    const most = endpoint.maxSessionsPerClient;
    // Without an origin the client is gone, which its socket is about to say.
    if (most === undefined || this.#seat !== null || this.origin === null) return null;
    this.#seat = clients.seat(this.origin.source.ip, most);
    return this.#seat === null ? { code: 'too_many_client_sessions', details: { limit: most } } : null;
  }

  /** Gives its places back. */
  leave(): void {
    if (this.#admitted) this.#ctx.registry.dismiss(this.#ctx.at);
    this.#admitted = false;
    this.#seat?.leave();
    this.#seat = null;
  }

  /** For whoever looks for one client's trouble. */
  note(instance: InstanceId | null, what: string): void {
    const { at, logger } = this.#ctx;
    if (!logger.isLevelEnabled('debug')) return;
    tell(logger, 'session.noted', { ...at, instance, ...clientFields(this.source) }, what);
  }
}
