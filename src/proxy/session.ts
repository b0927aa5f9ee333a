import type { Socket } from 'node:net';
import { unreachable } from '../base/assert.ts';
import type { InstanceId } from '../base/brand.ts';
import type { Timer } from '../base/clock.ts';
import { formatDuration } from '../base/duration.ts';
import { type ClientError, clientError, type ErrorCode, messageOf } from '../base/errors.ts';
import type { Address } from '../cluster/instance.ts';
import type { ClientRequest } from '../engines/engine.ts';
import { tell } from '../log/tell.ts';
import type { ProxyProtocolVersion } from '../proxy-protocol/header.ts';
import type { Shown } from '../tls/accept-tls.ts';
import { answerHere } from './answer-here.ts';
import { ClientSide } from './client-side.ts';
import type { EndpointContext } from './endpoint-context.ts';
import { Admission } from './entry/admission.ts';
import type { Origin } from './entry/origin.ts';
import { startExchange } from './exchange-relay.ts';
import { exchangeSetting } from './exchange-setting.ts';
import type { NamedSession } from './kill/kill-desk.ts';
import { ignore, linger } from './linger.ts';
import type { At } from './observer.ts';
import { type Chosen, Opening } from './opening.ts';
import type { RelayHandle, RelayJob } from './relay/relay.ts';
import type { ServerSide } from './server-side.ts';
import type { SharedListener } from './shared-listener.ts';
import type { Termination } from './termination.ts';
import { type Arrival, Trip } from './trip.ts';

/**
 * `opening` reads what the client wants; `kept` is a server that declined an upgrade · `travelling` looks for a server
 * · `relaying` bytes are carried · `leaving` last words, or a cancel request, are under way · `gone` nothing is left.
 *
 * opening → travelling → relaying → gone; travelling → opening where a server declined an upgrade, or where we do, to
 * refuse in plain; opening, travelling → leaving → gone.
 */
type State =
  | {
      readonly name: 'opening';
      readonly opening: Opening<EndpointContext>;
      readonly timer: Timer;
      kept: ServerSide | null;
    }
  | { readonly name: 'travelling'; readonly trip: Trip }
  | { readonly name: 'relaying'; readonly handle: RelayHandle; readonly address: Address }
  | { readonly name: 'leaving' }
  | { readonly name: 'gone' };

/** How long a client may take to read its error and close. */
const lastWordsMs = 2_000;
/** What such a client may still say, unheard; more is a flood, which nobody has to read. */
const maxUnheardBytes = 1024 * 1024;
/** Encryption requests of one client that are declined: TLS and GSS, one each, as servers have it. */
const maxDeclined = 2;
/** There is no waiting for what such a client has to say first. */
const overdue: ReadonlySet<ErrorCode> = new Set(['handshake_timeout', 'shutting_down']);
const nothing = new Uint8Array(0);

/** One client connection, from accept to close. */
export class Session {
  readonly #listener: SharedListener;
  readonly #admission: Admission;
  readonly #client: ClientSide;
  #state: State = { name: 'leaving' };
  #request: ClientRequest | null = null;
  /** What the client gets to hear as soon as it can read it. */
  #verdict: ClientError | null = null;
  #declinedSoFar = 0;
  /** Bytes that were passed on before the relay took over. */
  #sent = 0;
  #received = 0;

  /** `ctx`: of the endpoint that stands in until the client has named one. `judgedBy`: whose rules have let it in. */
  constructor(
    listener: SharedListener,
    ctx: EndpointContext,
    socket: Socket,
    origin: Origin | null,
    judgedBy: EndpointContext | null,
  ) {
    this.#listener = listener;
    this.#client = new ClientSide(socket, () => this.#clientGone());
    this.#admission = new Admission(ctx, origin, judgedBy, () => this.#client.socket);
  }

  get #ctx(): EndpointContext {
    return this.#admission.ctx;
  }

  get at(): At {
    return this.#ctx.at;
  }

  begin(): void {
    if (this.#listener.doors.length === 1) this.#admission.count();
    if (this.#ctx.protocol.speaksFirst === 'client') this.#listen(null);
    else {
      this.#enter(this.#ctx);
      this.#travel(null);
    }
  }

  /** Whether the client is known to want the endpoint of `ctx`. */
  isAt(ctx: EndpointContext): boolean {
    return this.#admission.knowsEndpoint && this.#ctx === ctx;
  }

  /** Whether it came in by `listener` and has not named an endpoint. */
  isUndecidedAt(listener: SharedListener): boolean {
    return !this.#admission.knowsEndpoint && this.#listener === listener;
  }

  /** In place of `begin`: tells the client `code` as soon as its protocol lets it hear that, and dials nobody. */
  turnAway(code: ErrorCode, details: Readonly<Record<string, string | number>>): void {
    this.#admission.count();
    if (this.#ctx.protocol.speaksFirst === 'server' || overdue.has(code)) {
      this.#refuse(code, details);
      return;
    }
    this.#verdict = this.#fault(code, details);
    this.#listen(null);
  }

  /** Its socket's, or what a PROXY header said; null where the client is gone and nobody had asked before. */
  get clientAddress(): string | null {
    return this.#admission.clientAddress;
  }

  /** What tells a server who the client is, before anything else. */
  proxyHeader(version: ProxyProtocolVersion): Uint8Array {
    return this.#admission.proxyHeader(version);
  }

  /** A server that was chosen on older evidence, and has not taken the session, is given up. */
  viewChanged(): void {
    if (this.#state.name === 'travelling') this.#state.trip.viewChanged();
    if (this.#state.name === 'opening' && this.#state.kept?.isLost) this.#dropKept();
  }

  /**
   * Leaves `instance`, whose sessions have to end. A routed one is closed, which makes the result true; another one is
   * opened elsewhere, and its client does not notice.
   */
  evict(instance: InstanceId, reason: 'failover' | 'removed' = 'failover'): boolean {
    if (this.#state.name === 'relaying') {
      this.#state.handle.close(reason);
      return true;
    }
    if (this.#state.name === 'travelling') this.#state.trip.evict(instance);
    if (this.#state.name === 'opening') this.#dropKept();
    return false;
  }

  /** Where the server of a routed session is; null while it is none. */
  get serverAddress(): Address | null {
    return this.#state.name === 'relaying' ? this.#state.address : null;
  }

  /** It takes nobody's time yet: the client has not said what it wants, or is held. */
  get isIdle(): boolean {
    return this.#state.name === 'opening' || (this.#state.name === 'travelling' && this.#state.trip.isHeld);
  }

  /** The client has not said yet what it wants. */
  get isOpening(): boolean {
    return this.#state.name === 'opening';
  }

  /** Ends it: with an error where the client can be told, at once where it is routed. */
  shutDown(): void {
    switch (this.#state.name) {
      case 'opening':
      case 'travelling':
        this.#refuse('shutting_down', {});
        return;
      case 'relaying':
        this.#state.handle.close('shutdown');
        return;
      case 'leaving':
      case 'gone':
        return;
      default:
        unreachable(this.#state);
    }
  }

  /** Ends it at once, whatever is left unsaid. */
  destroy(): void {
    this.shutDown();
    this.#client.socket.destroy();
  }

  // ---- opening ----

  #listen(kept: ServerSide | null): void {
    const { clock, endpoint } = this.#ctx;
    const timer = clock.after(endpoint.handshakeTimeoutMs, () =>
      this.#refuse('handshake_timeout', { timeout: formatDuration(endpoint.handshakeTimeoutMs) }),
    );
    this.#open(kept, timer);
  }

  #open(kept: ServerSide | null, timer: Timer): void {
    const { protocol } = this.#ctx;
    // Whoever is only to hear an error is not asked for a name.
    const settled = this.#verdict === null ? null : this.#ctx;
    const within = this.#client.isEncrypted ? this.#ctx : null;
    const opening = new Opening(protocol, () => this.#listener.directory, settled, within);
    this.#state = { name: 'opening', opening, timer, kept };
    this.#client.read((chunk) => this.#hear(opening, chunk));
  }

  #hear(opening: Opening<EndpointContext>, chunk: Uint8Array): void {
    const event = opening.push(chunk);
    switch (event.kind) {
      case 'need-more':
        return;
      case 'reply':
        this.#received += event.bytes.length;
        this.#client.socket.write(event.bytes);
        this.#hear(opening, nothing);
        return;
      case 'chosen':
        if (this.#declinedSoFar === maxDeclined && event.request.kind !== 'startup') {
          this.#refuse('protocol_violation', { why: 'encryption was declined before' });
          return;
        }
        this.#client.keep(event.rest);
        if (this.#verdict === null) this.#set(event);
        else this.#pronounce(this.#verdict, event.request);
        return;
      case 'unknown':
        this.#refuse('unknown_endpoint', { why: event.why });
        return;
      case 'cancel':
        if (this.#verdict === null) this.#cancel(event.bytes);
        else this.#part(nothing);
        return;
      case 'goodbye':
        this.#admission.note(null, 'a client left before it had said what it wants');
        this.#part(nothing);
        return;
      case 'malformed':
        this.#refuse('protocol_violation', { why: event.why });
        return;
      default:
        unreachable(event);
    }
  }

  /** Everything about the session is decided from here on, but for what is said in TLS that ends here. */
  #set(chosen: Chosen<EndpointContext>): void {
    this.#enter(chosen.entry);
    const turnedAway = this.#admission.judge();
    const { termination } = this.#ctx;
    if (turnedAway !== null)
      this.#pronounce(this.#fault(turnedAway.code, turnedAway.details), chosen.request);
    else if (termination === null || !this.#answerHere(termination, chosen)) this.#travel(chosen.request);
  }

  /** The client wants this endpoint, and may say otherwise only after a server has declined an upgrade. */
  #enter(ctx: EndpointContext): void {
    if (ctx !== this.#ctx) this.#dropKept();
    this.#admission.enter(ctx);
  }

  /** Where TLS ends here, no server is asked for any: true where `request` needed no more than this answer. */
  #answerHere(termination: Termination, { request, tls }: Chosen<EndpointContext>): boolean {
    if (this.#state.name !== 'opening') return false;
    const { timer } = this.#state;
    const answer = answerHere(termination, this.#ctx.protocol, {
      request,
      tls,
      takeEarly: () => this.#client.takeStash(),
      isEncrypted: this.#client.isEncrypted,
    });
    switch (answer.kind) {
      case 'none':
        return false;
      case 'tls-required':
        this.#refuse('tls_required', {});
        return true;
      case 'violation':
        this.#refuse('protocol_violation', { why: answer.why });
        return true;
      case 'declined':
        this.#client.socket.write(answer.bytes);
        this.#open(null, timer);
        return true;
      case 'encrypt':
        if (answer.granted.length > 0) this.#client.socket.write(answer.granted);
        this.#encrypt(termination, request, answer.received, timer);
        return true;
      default:
        return unreachable(answer);
    }
  }

  #encrypt({ identity }: Termination, request: ClientRequest, received: Uint8Array, timer: Timer): void {
    const { alpn } = this.#ctx.protocol;
    const shown: Shown = { context: identity.context, alpn };
    this.#client.encrypt(shown, received, (socket) => {
      if (this.#state.name !== 'opening') return;
      // PostgreSQL too takes a TLS hello out of the blue only from those who say that they mean it.
      if (request.kind === 'direct-tls' && alpn !== undefined && socket.alpnProtocol !== alpn) {
        this.#refuse('protocol_violation', { why: `direct TLS needs the protocol "${alpn}" (ALPN)` });
      } else this.#open(null, timer);
    });
  }

  #dropKept(): void {
    if (this.#state.name !== 'opening') return;
    this.#state.kept?.drop();
    this.#state.kept = null;
  }

  /** The client waits until we close, which tells it that the request was dealt with. */
  #cancel(bytes: Uint8Array): void {
    const { clock } = this.#ctx;
    const { socket } = this.#client;
    const welcoming = this.#admission.welcoming(this.#listener.doors);
    this.#leave('client-gone');
    this.#admission.count();
    socket.on('data', ignore).resume();
    this.#listener.cancels.serve(bytes, welcoming, this.#ctx, () => linger(socket, clock, lastWordsMs));
  }

  // ---- travelling ----

  #travel(request: ClientRequest | null): void {
    const kept = this.#state.name === 'opening' ? this.#state.kept : null;
    if (this.#state.name === 'opening') this.#state.timer.cancel();
    this.#request = request;
    const trip = new Trip(this.#ctx, this, request, (arrival) => this.#arrived(trip, arrival));
    this.#state = { name: 'travelling', trip };
    const noPlace = this.#admission.takePlaces();
    if (noPlace === null) trip.begin(kept);
    else this.#refuse(noPlace.code, noPlace.details);
  }

  #arrived(trip: Trip, arrival: Arrival): void {
    switch (arrival.kind) {
      case 'refused':
        this.#refuse(arrival.code, arrival.details);
        return;
      case 'passed-on':
        this.#ctx.observer.refused(this.at, 'connect_failed', arrival.detail, this.#admission.source);
        this.#part(arrival.bytes);
        return;
      case 'answered':
        this.#sent += this.#request?.bytes.length ?? 0;
        if (arrival.answer.kind === 'declined') {
          this.#declined(arrival.server, arrival.answer.bytes);
          return;
        }
        this.#relay(trip, arrival.server, arrival.answer.bytes);
        return;
      default:
        unreachable(arrival);
    }
  }

  #declined(server: ServerSide, bytes: Uint8Array): void {
    this.#received += bytes.length;
    this.#declinedSoFar += 1;
    this.#client.socket.write(bytes);
    this.#request = null;
    this.#listen(server);
  }

  // ---- relaying ----

  #relay(trip: Trip, server: ServerSide, greeting: Uint8Array): void {
    const { clock, endpoint, observer, relay } = this.#ctx;
    if (server.socket === null) return;
    const startedAt = clock.now();
    const { instance, address } = server.target;
    server.settle();
    this.#admission.note(instance, 'a session begins');
    observer.routed(this.at, instance, (startedAt - trip.startedAt) / 1000);
    const named = this.#named(server, greeting);
    const first = named?.greeting ?? greeting;
    const exchange = exchangeSetting(this.#ctx, this.#client.socket, server, {
      onClientTlsFailed: (why) => this.#tlsFailed(why),
      onRefusal: (code, details) => this.#fault(code, { instance, ...details }),
    });
    const job: RelayJob = {
      client: this.#client.release(),
      server: server.socket,
      toServer: this.#client.takeStash(),
      toClient: first.length === 0 ? null : first,
      ...(named === null ? {} : { held: named.held }),
      ...(endpoint.idleTimeoutMs > 0 ? { idleTimeoutMs: endpoint.idleTimeoutMs } : {}),
      onEnd: (reason, { sent, received }) => {
        named?.leave();
        server.detach();
        const bytes = { sent: this.#sent + sent, received: this.#received + received };
        this.#admission.note(instance, `a session ended: ${reason}`);
        observer.closed(this.at, instance, reason, bytes, (clock.now() - startedAt) / 1000);
        this.#gone();
      },
    };
    const handle = exchange === null ? relay.start(job) : startExchange(job, exchange);
    this.#state = { name: 'relaying', handle, address };
  }

  /** Where a number of the server's could be another session's, the client gets one of ours. */
  #named(server: ServerSide, greeting: Uint8Array): NamedSession | null {
    const { at, endpoint, killDesk, protocol } = this.#ctx;
    if (protocol.kill === undefined || endpoint.connectionIds === 'server') return null;
    return killDesk.name(
      protocol.kill,
      { ...server.target, cluster: at.cluster },
      greeting,
      server.highestNumber,
    );
  }

  // ---- leaving ----

  #refuse(code: ErrorCode, details: Readonly<Record<string, string | number>>): void {
    const error = this.#verdict ?? this.#fault(code, details);
    this.#pronounce(error, this.#pending);
  }

  /** The error in words; it is counted and logged. */
  #fault(code: ErrorCode, details: Readonly<Record<string, string | number>>): ClientError {
    const { endpoint, engine, limits, observer, view } = this.#ctx;
    const { phase, reason } = view();
    const holds = code === 'hold_timeout';
    const error = clientError(code, {
      ...this.at,
      engine,
      phase: reason === null ? phase : `${phase}: ${reason}`,
      timeout: formatDuration(holds ? limits().holdMs : endpoint.connectTimeoutMs),
      ...details,
    });
    this.#admission.count();
    observer.refused(this.at, code, error.message, this.#admission.source);
    return error;
  }

  /** What the client waits for an answer to. */
  get #pending(): ClientRequest | null {
    if (this.#state.name === 'travelling') return this.#request;
    return this.#state.name === 'opening' ? this.#state.opening.pending : null;
  }

  /**
   * Tells the client of `error` in answer to `request`. A client that asked for encryption can read it only after it
   * was declined that, when it asks again in plain.
   */
  #pronounce(error: ClientError, request: ClientRequest | null): void {
    const { protocol } = this.#ctx;
    const declined = request === null ? null : (protocol.decline?.(request) ?? null);
    if (declined === null) {
      this.#part(protocol.refusal(error, request));
      return;
    }
    this.#verdict = error;
    this.#letGo('shutdown');
    this.#declinedSoFar += 1;
    this.#client.socket.write(declined);
    this.#listen(null);
  }

  /** Last words, in the client's protocol. */
  #part(words: Uint8Array): void {
    this.#leave('shutdown');
    if (this.#client.isEncrypting) {
      // It can read nothing before TLS stands, and takes too long for that.
      this.#client.socket.destroy();
      return;
    }
    if (words.length > 0) this.#client.socket.write(words);
    linger(this.#client.socket, this.#ctx.clock, lastWordsMs, maxUnheardBytes);
  }

  #clientGone(): void {
    this.#admission.count();
    if (this.#state.name === 'travelling') {
      this.#ctx.observer.refused(
        this.at,
        'client_gone',
        'the client left before a server had taken its session',
        this.#admission.source,
      );
    } else if (this.#state.name === 'opening' && this.#client.isEncrypting) {
      const { errored } = this.#client.socket;
      this.#tlsFailed(errored === null ? 'the client left' : messageOf(errored));
    } else if (this.#state.name === 'opening') {
      this.#admission.note(null, 'a client left before it had said what it wants');
    }
    this.#leave('client-gone');
    this.#client.socket.destroy();
  }

  #tlsFailed(why: string): void {
    this.#ctx.observer.tlsHandshakeFailed(this.at);
    tell(this.#ctx.logger, 'client.no-tls', this.at, `no TLS with a client: ${why}`);
  }

  /** Lets go of everything but the client. */
  #letGo(why: 'client-gone' | 'shutdown'): void {
    const state = this.#state;
    if (state.name === 'opening') {
      state.timer.cancel();
      state.kept?.drop();
    }
    if (state.name === 'travelling') state.trip.abandon(why);
    this.#admission.leave();
    this.#state = { name: 'leaving' };
  }

  /** Lets go of the client too; nothing is left when its socket closes. */
  #leave(why: 'client-gone' | 'shutdown'): void {
    this.#letGo(why);
    const socket = this.#client.release();
    if (socket.closed) this.#gone();
    else socket.once('close', () => this.#gone());
  }

  #gone(): void {
    this.#admission.leave();
    this.#state = { name: 'gone' };
    this.#ctx.onGone(this);
  }
}
