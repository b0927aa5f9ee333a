import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import type { ErrorCode } from '../base/errors.ts';
import { select } from '../endpoints/select.ts';
import type { ClientRequest } from '../engines/engine.ts';
import { type Answer, ask } from './ask.ts';
import { type Abortable, type DialOutcome, dial } from './dial.ts';
import type { EndpointContext } from './endpoint-context.ts';
import type { Held } from './hold-queue.ts';
import type { DialFailure, ProxyObserver } from './observer.ts';
import { ServerSide } from './server-side.ts';
import type { Session } from './session.ts';
import { attemptMs, type Target, writerTerm } from './target.ts';
import { type EncryptOutcome, encryptServer } from './termination.ts';

/** Where a trip ended. */
export type Arrival =
  /** A server answered: its word is final, and its connection is the session's. */
  | { readonly kind: 'answered'; readonly server: ServerSide; readonly answer: FinalAnswer }
  /** Nobody took it, and the client is to be told so in our words, */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly details: Record<string, string | number> }
  /** or in those of the last server that was asked. */
  | { readonly kind: 'passed-on'; readonly bytes: Uint8Array; readonly detail: string };

export type FinalAnswer = Exclude<Answer, { kind: 'malformed' }>;

type Step =
  | { readonly name: 'resting' }
  | { readonly name: 'held'; readonly held: Held; readonly since: Instant }
  | { readonly name: 'connecting'; readonly server: ServerSide; task: Abortable };

/** What became of the last server that was tried. */
interface Failure {
  /** `load` and `malformed`: to wait for that server is of no use. */
  readonly kind: 'unreachable' | 'refused' | 'load' | 'malformed' | 'crowded';
  readonly instance: InstanceId;
  readonly detail: string;
}

type Refusal = Extract<Answer, { kind: 'refused' }>;

/**
 * Errors of a server that lives and cannot take it: to wait there is of no use, and nobody else can be the writer
 * (PostgreSQL manual, appendix A; MySQL Server Error Reference).
 */
const loadErrors: ReadonlySet<string> = new Set([
  '53000', // insufficient_resources: it could not fork
  '53300', // too_many_connections
  '1040', // ER_CON_COUNT_ERROR
  '1129', // ER_HOST_IS_BLOCKED, after too many connections that broke off
  '1135', // ER_CANT_CREATE_THREAD
  'tls-declined', // it takes no TLS, which the client was promised: a matter of its configuration
]);

/** A turn that comes later than this before the deadline is none: a dial that cannot end well would speak against the server. */
const minDialMs = 100;

/**
 * One request's way to a server: choose, dial, ask, and on to the next candidate where that fails, within the connect
 * timeout; on a writer endpoint there is one candidate only, and the request waits for it, within the hold time.
 */
export class Trip {
  readonly startedAt: Instant;
  readonly #ctx: EndpointContext;
  readonly #session: Session;
  readonly #request: ClientRequest | null;
  readonly #arrive: (arrival: Arrival) => void;
  readonly #holdDeadline: Instant;
  readonly #tried = new Set<InstanceId>();
  #connectDeadline: Instant;
  #failure: Failure | null = null;
  /** The last error that a server gave, to be passed on where nobody else is left. */
  #refusal: Refusal | null = null;
  #wasHeld = false;
  #step: Step = { name: 'resting' };

  constructor(
    ctx: EndpointContext,
    session: Session,
    request: ClientRequest | null,
    arrive: (arrival: Arrival) => void,
  ) {
    const now = ctx.clock.now();
    this.#ctx = ctx;
    this.#session = session;
    this.#request = request;
    this.#arrive = arrive;
    this.startedAt = now;
    this.#connectDeadline = now + ctx.endpoint.connectTimeoutMs;
    this.#holdDeadline = now + ctx.limits().holdMs;
  }

  /** Sets out; first to `kept`, a server that has declined an upgrade and waits for the next request. */
  begin(kept: ServerSide | null): void {
    if (kept !== null && !kept.isLost) {
      this.#ask(kept, this.#share(1));
      return;
    }
    kept?.drop();
    if (this.#ctx.closing) {
      this.#arrive({ kind: 'refused', code: 'shutting_down', details: {} });
      return;
    }
    if (this.#isWriters && this.#ctx.holdQueue.blocked) {
      this.#hold();
      return;
    }
    this.#tryNext();
  }

  get isHeld(): boolean {
    return this.#step.name === 'held';
  }

  /** The evidence has changed: a server that would not be chosen now is given up for another one. */
  viewChanged(): void {
    if (this.#step.name !== 'connecting' || !this.#step.server.isLost) return;
    this.#leaveServer();
    this.#tryNext();
  }

  /** The sessions of `instance` have to end: this one goes elsewhere. */
  evict(instance: InstanceId): void {
    if (this.#step.name !== 'connecting' || this.#step.server.target.instance !== instance) return;
    const { target } = this.#step.server;
    this.#leaveServer();
    this.#tryElsewhere(target);
  }

  /** Gives everything up, without a word to the client. */
  abandon(why: 'client-gone' | 'shutdown'): void {
    if (this.#step.name === 'held') {
      this.#ctx.holdQueue.leave(this.#step.held);
      this.#unhold(why);
    }
    if (this.#step.name === 'connecting') this.#leaveServer();
  }

  // ---- to a server ----

  #tryNext(): void {
    const { clock, endpoint, prng, registry } = this.#ctx;
    const view = this.#ctx.view();
    const now = clock.now();
    const counts = (id: InstanceId) => registry.count(endpoint.cluster, id);
    const maxSessions = (id: InstanceId) => this.#placesAt(id);
    const balancing = { counts, maxSessions, state: this.#ctx.balancing, prng, now };
    const selection = select(view, endpoint, balancing, this.#tried);
    if (selection.picked === null && selection.full) {
      this.#arrive({ kind: 'refused', code: 'server_full', details: { why: selection.why } });
      return;
    }
    if (selection.picked === null) {
      if (this.#isWriters) this.#hold();
      else this.#giveUp(selection.why);
      return;
    }
    if (now >= this.#connectDeadline) {
      if (this.#isWriters) this.#hold();
      else this.#giveUp('no time left for another one');
      return;
    }
    this.#ctx.balancing = selection.state;
    const picked = view.instances.get(selection.picked)?.instance;
    assert(picked !== undefined, 'an instance that was picked is in the view');
    const { address, sendProxyProtocol } = picked;
    const target = {
      instance: picked.id,
      address,
      sendProxyProtocol,
      tier: selection.tier,
      epoch: view.epoch,
    };
    this.#line(target, this.#share(selection.others));
  }

  /** When the next candidate has to have answered, so that `others` get their turn too. */
  #share(others: number): Instant {
    const now = this.#ctx.clock.now();
    return now + attemptMs(this.#connectDeadline - now, others);
  }

  /** Dials when it is this one's turn: the server's storm is ours to pace, and the deadline runs meanwhile. */
  #line(target: Target, deadline: Instant): void {
    const { clock, pacer } = this.#ctx;
    const { maxConnecting } = this.#ctx.serverLimits(target.instance);
    const server = new ServerSide(this.#ctx, this.#session, target);
    const enteredAt = clock.now();
    const timer = clock.after(deadline - enteredAt, () => this.#missedTurn(server, maxConnecting));
    this.#step = { name: 'connecting', server, task: { abort: () => timer.cancel() } };
    server.turn = pacer.enter(this.#session.at.cluster, target.instance, maxConnecting, () => {
      timer.cancel();
      const now = clock.now();
      if (server.isLost) this.viewChanged();
      else if (this.#isCrowdedOut(server)) this.#leaveFull();
      else if (now > enteredAt && deadline - now < minDialMs) this.#missedTurn(server, maxConnecting);
      else this.#dial(server, deadline);
    });
  }

  /** Sessions that `instance` may have, those in line on top of them: whoever waits there has no place yet. */
  #placesAt(instance: InstanceId): number | null {
    const { maxSessions } = this.#ctx.serverLimits(instance);
    return maxSessions === null
      ? null
      : maxSessions + this.#ctx.pacer.waiting(this.#session.at.cluster, instance);
  }

  /** Whether its turn comes when all places are taken, by those who were before it. */
  #isCrowdedOut({ target: { instance } }: ServerSide): boolean {
    const places = this.#placesAt(instance);
    return places !== null && this.#ctx.registry.count(this.#session.at.cluster, instance) > places;
  }

  #leaveFull(): void {
    this.#leaveServer();
    this.#tryNext();
  }

  /** Nobody has asked the server: that is no evidence against it. */
  #missedTurn(server: ServerSide, maxConnecting: number): void {
    const { instance } = server.target;
    this.#leaveServer();
    const detail = `no turn to connect in time: ${maxConnecting} connections to it were under way (max_connecting)`;
    this.#failure = { kind: 'crowded', instance, detail };
    if (this.#isWriters) {
      this.#hold();
      return;
    }
    this.#tried.add(instance);
    this.#tryNext();
  }

  #dial(server: ServerSide, deadline: Instant): void {
    const { clock, keepaliveMs } = this.#ctx;
    const onDialled = (outcome: DialOutcome) => {
      if (outcome.kind === 'failed')
        return this.#failed(server, 'unreachable', outcome.reason, outcome.detail);
      server.socket = outcome.socket;
      const { sendProxyProtocol } = server.target;
      if (sendProxyProtocol !== undefined) outcome.socket.write(this.#session.proxyHeader(sendProxyProtocol));
      if (server.isLost) return this.viewChanged();
      this.#encrypt(server, outcome.socket, deadline);
    };
    const task = dial(server.target.address, deadline - clock.now(), clock, onDialled, keepaliveMs);
    this.#step = { name: 'connecting', server, task };
  }

  /** Where the endpoint ends its clients' TLS, and the engine has TLS before anything else is said. */
  #encrypt(server: ServerSide, socket: Socket, deadline: Instant): void {
    const { clock, termination } = this.#ctx;
    const encrypt = termination?.encryptServer ?? null;
    if (termination === null || encrypt === null) {
      this.#ask(server, deadline);
      return;
    }
    const { servers } = termination;
    const { host } = server.target.address;
    const onReady = (outcome: EncryptOutcome) => {
      if (outcome.kind === 'failed')
        return this.#failed(server, 'unreachable', outcome.reason, outcome.detail);
      server.socket = outcome.socket;
      if (server.isLost) return this.viewChanged();
      this.#ask(server, deadline);
    };
    const task = encryptServer(socket, encrypt, servers, host, deadline - clock.now(), clock, onReady);
    this.#step = { name: 'connecting', server, task };
  }

  #ask(server: ServerSide, deadline: Instant): void {
    const { clock, protocol } = this.#ctx;
    assert(server.socket !== null, 'only a server that is connected is asked');
    const task = ask(server.socket, protocol, this.#request, deadline - clock.now(), clock, (outcome) => {
      if (outcome.kind === 'failed')
        return this.#failed(server, 'unreachable', outcome.reason, outcome.detail);
      if (server.isLost) return this.viewChanged();
      this.#answered(server, outcome.answer);
    });
    this.#step = { name: 'connecting', server, task };
  }

  #answered(server: ServerSide, answer: Answer): void {
    if (answer.kind === 'malformed') {
      this.#failed(server, 'malformed', 'error', answer.why);
      return;
    }
    if (answer.kind === 'refused' && answer.retryable) {
      this.#refusal = answer;
      const kind = loadErrors.has(answer.code) ? 'load' : 'refused';
      this.#failed(server, kind, 'server-error', `${answer.code} ${answer.message}`);
      return;
    }
    if (this.#isWriters) this.#ctx.holdQueue.writerAnswered(termOf(server.target));
    this.#step = { name: 'resting' };
    server.turn?.end();
    this.#arrive({ kind: 'answered', server, answer });
  }

  #failed(server: ServerSide, kind: Failure['kind'], reason: DialFailure, detail: string): void {
    const { instance } = server.target;
    this.#leaveServer();
    this.#failure = { kind, instance, detail };
    this.#ctx.observer.dialFailed(this.#session.at, instance, reason, detail);
    if (kind !== 'load') this.#ctx.reportDialFailure(instance, `${reason}: ${detail}`);
    if (this.#isWriters && (kind === 'load' || kind === 'malformed')) {
      this.#giveUp(detail);
      return;
    }
    this.#tryElsewhere(server.target);
  }

  #tryElsewhere(target: Target): void {
    if (this.#isWriters) {
      this.#ctx.holdQueue.writerRefused(termOf(target));
      this.#hold();
      return;
    }
    this.#tried.add(target.instance);
    this.#tryNext();
  }

  #leaveServer(): void {
    assert(this.#step.name === 'connecting', 'there is a server to leave');
    const { task, server } = this.#step;
    this.#step = { name: 'resting' };
    task.abort();
    server.drop();
  }

  // ---- to a writer that is not there ----

  get #isWriters(): boolean {
    return this.#ctx.endpoint.type === 'writer';
  }

  #hold(): void {
    const { clock, holdQueue, observer, registry } = this.#ctx;
    const { at } = this.#session;
    const { maxHeld } = this.#ctx.limits();
    if (clock.now() >= this.#holdDeadline) {
      this.#giveUp('the hold time is over');
      return;
    }
    if (this.#ctx.closing) {
      this.#arrive({ kind: 'refused', code: 'shutting_down', details: {} });
      return;
    }
    const held: Held = {
      deadline: this.#holdDeadline,
      release: () => {
        this.#unhold('released');
        this.#connectDeadline = clock.now() + this.#ctx.endpoint.connectTimeoutMs;
        this.#tryNext();
      },
      expire: () => {
        this.#unhold('timeout');
        this.#giveUp('the hold time is over');
      },
      turnAway: () => {
        this.#unhold('shutdown');
        this.#arrive({ kind: 'refused', code: 'shutting_down', details: {} });
      },
    };
    if (!holdQueue.enter(held, this.#wasHeld, maxHeld)) {
      this.#arrive({ kind: 'refused', code: 'hold_full', details: { limit: maxHeld } });
      return;
    }
    this.#wasHeld = true;
    this.#step = { name: 'held', held, since: clock.now() };
    registry.hold(at, 1);
    observer.held(at);
  }

  #unhold(outcome: Parameters<ProxyObserver['unheld']>[1]): void {
    assert(this.#step.name === 'held', 'only what is held can be let go');
    const seconds = (this.#ctx.clock.now() - this.#step.since) / 1000;
    this.#step = { name: 'resting' };
    this.#ctx.registry.hold(this.#session.at, -1);
    this.#ctx.observer.unheld(this.#session.at, outcome, seconds);
  }

  // ---- nowhere ----

  #giveUp(why: string): void {
    const failure = this.#failure;
    const code = this.#refusalCode();
    if (this.#refusal !== null && code === 'connect_failed') {
      this.#arrive({ kind: 'passed-on', bytes: this.#refusal.bytes, detail: failure?.detail ?? why });
      return;
    }
    const details: Record<string, string> = { why: failure?.detail ?? why };
    if (failure !== null) {
      details.instance = failure.instance;
      details.phase = `${this.#ctx.view().phase}; the last try: ${failure.detail}`;
    }
    this.#arrive({ kind: 'refused', code, details });
  }

  #refusalCode(): ErrorCode {
    if (this.#failure?.kind === 'malformed') return 'server_protocol_violation';
    if (!this.#isWriters) return this.#failure === null ? 'no_member' : 'connect_failed';
    if (this.#failure?.kind === 'load') return 'connect_failed';
    if (this.#wasHeld) return 'hold_timeout';
    return this.#failure === null ? 'no_writer' : 'connect_failed';
  }
}

const termOf = ({ epoch, instance }: Target): string => writerTerm({ epoch, writer: instance }) ?? '';
