import type { Logger } from 'pino';
import { assert } from '../base/assert.ts';
import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import { type Address, sameAddress } from '../cluster/instance.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { FailoverConfig } from '../config/config.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { members } from '../endpoints/members.ts';
import { freshState } from '../endpoints/policies/policy.ts';
import type { ServerLimits } from '../endpoints/server-limits.ts';
import type { Engine, Killer } from '../engines/engine.ts';
import { defaultKeepaliveMs } from './dial.ts';
import { DialPacer } from './dial-pacer.ts';
import type { EndpointContext } from './endpoint-context.ts';
import { Clients } from './entry/clients.ts';
import { Gate } from './entry/gate.ts';
import { HoldQueue } from './hold-queue.ts';
import { KillDesk } from './kill/kill-desk.ts';
import { type Server, SessionNumbers } from './kill/session-numbers.ts';
import { ListenFailed, openListener } from './listener.ts';
import { ListenerStock } from './listener-stock.ts';
import { LoggedObserver } from './logged-observer.ts';
import type { ProxyObserver } from './observer.ts';
import { Registry, type SessionCounts } from './registry.ts';
import type { Relay } from './relay/relay.ts';
import { createStreamRelay } from './relay/stream-relay.ts';
import { Session } from './session.ts';
import { type SharedListener, SharedListeners } from './shared-listener.ts';
import { writerTerm } from './target.ts';
import type { Termination } from './termination.ts';

export interface ProxyDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly logger: Logger;
  readonly observer: ProxyObserver;
  /** Who carries the bytes; by default Node's streams. */
  readonly relay?: Relay;
  /** How long a connection on either side is silent before TCP asks whether its peer is still there; by default 30 s. */
  readonly keepaliveMs?: number;
  /** The descriptor of a socket that listens there already, handed down by whoever started this process; null: none. */
  inheritedSocket?(listen: Address): Promise<number | null>;
  viewOf(cluster: ClusterId): ClusterView;
  engineOf(cluster: ClusterId): Pick<Engine, 'name' | 'protocol'>;
  /** How an endpoint ends its clients' TLS; null, or absent: it does not. Throws where its files are no good. */
  terminationOf?(endpoint: Endpoint): Termination | null;
  clusterOf(cluster: ClusterId): {
    readonly failover: Pick<FailoverConfig, 'holdMs' | 'maxHeld'>;
    readonly serverLimits: ReadonlyMap<InstanceId, ServerLimits>;
  };
  /** The monitor user's way to end sessions on a server; absent, or null: there is none. */
  killerOf?(server: Server): Killer | null;
  /** Calls `listener` after each new view, until the returned function is called. */
  onViewChange(cluster: ClusterId, listener: () => void): () => void;
  /** A server did not take a connection: the prober may want to look at once. */
  reportDialFailure(cluster: ClusterId, instance: InstanceId, detail: string): void;
}

export interface ListenState {
  readonly ok: boolean;
  /** Why it does not accept; null while it does. */
  readonly error: string | null;
}

export interface ClusterLoad extends SessionCounts {
  /** Of the sessions that are being opened, those that wait in line for `max_connecting`. */
  readonly instancesByEndpoint: ReadonlyMap<EndpointId, ReadonlyMap<InstanceId, number>>;
  readonly waitingByInstance: ReadonlyMap<InstanceId, number>;
}

/** The endpoints of all clusters, and everything that goes through them. */
export interface EndpointProxy {
  /**
   * Starts to accept, or takes over a changed definition; returns where it listens. Throws `ListenFailed`, which
   * `listening()` shows too.
   */
  listen(endpoint: Endpoint): Promise<Address>;
  /** Stops accepting, and turns away who waits. Routed sessions go on. */
  closeEndpoint(cluster: ClusterId, endpoint: EndpointId): void;
  listening(cluster: ClusterId): ReadonlyMap<EndpointId, ListenState>;
  /**
   * Ends all sessions on an instance, on every endpoint, and returns how many were routed; those that were being
   * opened to it go elsewhere. Waits for no peer. The view must no longer offer the instance for what it was.
   */
  closeSessionsOf(cluster: ClusterId, instance: InstanceId, reason: 'failover'): Promise<number>;
  /** Opens what these endpoints will listen on; `listen` uses it then. Throws `ListenFailed`, and nothing has changed. */
  reserve(endpoints: readonly Endpoint[]): Promise<void>;
  /** Closes what was reserved, or given up since then, and nobody listens on. */
  release(): void;
  /** Ends the routed sessions of the cluster that have no place where they are (any more), and returns how many. */
  closeStrays(
    cluster: ClusterId,
    hasPlace: (endpoint: EndpointId, instance: InstanceId, server: Address) => boolean,
  ): number;
  /** For connections from now on. */
  setKeepalive(keepaliveMs: number): void;
  load(cluster: ClusterId): ClusterLoad;
  /** New writer connections that wait now, and for how long the first of them has. */
  held(cluster: ClusterId): { readonly connections: number; readonly longestWaitMs: number };
  /** Who would get a new connection now, or, where no member can serve, who helps out. */
  membersOf(cluster: ClusterId, endpoint: EndpointId): readonly InstanceId[];
  /** Stops accepting, lets routed sessions go on for `timeoutMs` at most, and ends with nothing left open. */
  drain(timeoutMs: number): Promise<void>;
}

/** How long a client may take to read that it is turned away, before `drain` returns. */
const farewellMs = 1_000;

/** Of an instance that the view has and the configuration has not. */
const noLimits: ServerLimits = { maxSessions: null, maxConnecting: 64 };

/** What the endpoints of a cluster share. */
interface Room {
  readonly holdQueue: HoldQueue;
  readonly unsettled: Set<Session>;
  readonly doors: Map<EndpointId, Door>;
  readonly leave: () => void;
}

interface Door {
  readonly ctx: EndpointContext;
  /** Null while it does not listen. */
  listener: SharedListener | null;
  error: string | null;
}

export function createProxy(deps: ProxyDeps): EndpointProxy {
  const { clock } = deps;
  const relay = deps.relay ?? createStreamRelay(clock);
  let { keepaliveMs = defaultKeepaliveMs } = deps;
  const stock = new ListenerStock(async (endpoint, onClient) => {
    const inherited = (await deps.inheritedSocket?.(endpoint.listen)) ?? null;
    return openListener(endpoint, clock, deps.logger, onClient, () => keepaliveMs, inherited);
  });
  const registry = new Registry<Session>();
  const pacer = new DialPacer();
  const numbers = new SessionNumbers(deps.prng);
  const killerOf = (server: Server) => deps.killerOf?.(server) ?? null;
  const observer = new LoggedObserver(deps.observer, deps.logger, clock);
  const killDesk = new KillDesk({ clock, logger: deps.logger, numbers, killerOf });
  const rooms = new Map<ClusterId, Room>();
  let draining = false;
  let onSessionGone: (() => void) | null = null;

  /** Closed here, and served by the next process: who has just come in is not turned away. */
  const outliving = new Set<SharedListener>();

  /** Those of endpoints that were closed meanwhile too. */
  const sessions = new Set<Session>();
  const listeners = new SharedListeners(
    (endpoint, onClient) => stock.open(endpoint, onClient),
    (listener) =>
      new Gate(listener, (socket, ctx, { origin, turnedAway, judgedBy }) => {
        const session = new Session(listener, ctx, socket, origin, judgedBy);
        sessions.add(session);
        if (turnedAway === null) session.begin();
        else session.turnAway(turnedAway.code, turnedAway.details);
      }),
  );

  function openRoom(cluster: ClusterId): Room {
    const holdQueue = new HoldQueue(clock);
    const unsettled = new Set<Session>();
    const follow = () => {
      holdQueue.setWriter(writerTerm(deps.viewOf(cluster)));
      for (const session of [...unsettled]) session.viewChanged();
    };
    const room = { holdQueue, unsettled, doors: new Map(), leave: deps.onViewChange(cluster, follow) };
    rooms.set(cluster, room);
    follow();
    return room;
  }

  function makeDoor(room: Room, endpoint: Endpoint): Door {
    const { cluster } = endpoint;
    const { name, protocol } = deps.engineOf(cluster);
    const at = { cluster, endpoint: endpoint.id };
    const ctx: EndpointContext = {
      at,
      engine: name,
      protocol,
      clock,
      prng: deps.prng,
      logger: deps.logger,
      observer,
      relay,
      get keepaliveMs() {
        return keepaliveMs;
      },
      clients: new Clients(clock),
      registry,
      numbers,
      killDesk,
      pacer,
      holdQueue: room.holdQueue,
      unsettled: room.unsettled,
      endpoint,
      termination: null,
      balancing: freshState,
      closing: false,
      view: () => deps.viewOf(cluster),
      limits: () => deps.clusterOf(cluster).failover,
      serverLimits: (instance) => deps.clusterOf(cluster).serverLimits.get(instance) ?? noLimits,
      reportDialFailure: (instance, detail) => deps.reportDialFailure(cluster, instance, detail),
      onGone: (session) => {
        sessions.delete(session);
        onSessionGone?.();
      },
    };
    registry.open(ctx.at);
    return { ctx, listener: null, error: null };
  }

  async function listen(endpoint: Endpoint): Promise<Address> {
    assert(!draining, 'nothing listens again after a drain');
    const room = rooms.get(endpoint.cluster) ?? openRoom(endpoint.cluster);
    const door = room.doors.get(endpoint.id) ?? makeDoor(room, endpoint);
    room.doors.set(endpoint.id, door);
    try {
      door.ctx.termination = deps.terminationOf?.(endpoint) ?? null;
    } catch (error) {
      door.error = messageOf(error);
      throw new ListenFailed(
        `endpoint "${endpoint.id}" of cluster "${endpoint.cluster}" cannot end TLS: ${door.error}`,
      );
    }
    const before = door.listener;
    const staysPut = before !== null && sameAddress(door.ctx.endpoint.listen, endpoint.listen);
    if (staysPut) {
      door.ctx.endpoint = endpoint;
      before.refresh();
      return before.address;
    }
    let listener: SharedListener;
    try {
      listener = await listeners.at(endpoint);
    } catch (error) {
      door.error = messageOf(error);
      throw error;
    }
    door.ctx.endpoint = endpoint;
    listener.add(door.ctx);
    const { address } = listener;
    before?.remove(door.ctx);
    door.listener = listener;
    door.error = null;
    // It was closed while it opened.
    if (door.ctx.closing) shut(door);
    return address;
  }

  /** Accepts nobody any more, and turns away who costs nobody anything yet. */
  function shut(door: Door): void {
    const { ctx, listener } = door;
    const outlives = listener?.outlives ?? false;
    listener?.remove(ctx);
    door.listener = null;
    door.error = 'closed';
    ctx.closing = !outlives;
    if (listener?.isClosed) {
      if (outlives) outliving.add(listener);
      else listener.gate.shut();
    }
    for (const session of [...sessions]) {
      const isOurs = session.isAt(ctx) || (listener?.isClosed && session.isUndecidedAt(listener));
      // One that has just been accepted from a queue that is served again in a moment is let in as if nothing were.
      if (isOurs && session.isIdle && !(outlives && session.isOpening)) session.shutDown();
    }
  }

  /** Resolves when no session is left, or after `timeoutMs`. */
  function sessionsGone(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel();
        onSessionGone = null;
        resolve();
      };
      const timer = clock.after(timeoutMs, finish);
      onSessionGone = () => {
        if (sessions.size === 0) finish();
      };
      onSessionGone();
    });
  }

  return {
    listen,
    closeEndpoint(cluster, endpoint) {
      const door = rooms.get(cluster)?.doors.get(endpoint);
      if (door === undefined) return;
      shut(door);
      rooms.get(cluster)?.doors.delete(endpoint);
    },
    listening(cluster) {
      const doors = [...(rooms.get(cluster)?.doors ?? [])];
      return new Map(doors.map(([id, { listener, error }]) => [id, { ok: listener !== null, error }]));
    },
    async closeSessionsOf(cluster, instance) {
      let routed = 0;
      for (const session of registry.on(cluster, instance)) if (session.evict(instance)) routed += 1;
      return routed;
    },
    reserve: (endpoints) => stock.reserve(endpoints),
    release: () => stock.release(),
    closeStrays(cluster, hasPlace) {
      let routed = 0;
      for (const instance of registry.load(cluster).sessionsByInstance.keys()) {
        for (const session of registry.on(cluster, instance)) {
          const server = session.serverAddress;
          if (server === null || hasPlace(session.at.endpoint, instance, server)) continue;
          session.evict(instance, 'removed');
          routed += 1;
        }
      }
      return routed;
    },
    setKeepalive(ms) {
      keepaliveMs = ms;
    },
    load(cluster) {
      const waiting = [...deps.viewOf(cluster).instances.keys()].map(
        (id) => [id, pacer.waiting(cluster, id)] as const,
      );
      return { ...registry.load(cluster), waitingByInstance: new Map(waiting) };
    },
    held(cluster) {
      const queue = rooms.get(cluster)?.holdQueue;
      const deadline = queue?.earliestDeadline ?? null;
      if (queue === undefined || deadline === null) return { connections: 0, longestWaitMs: 0 };
      const arrivedAt = deadline - deps.clusterOf(cluster).failover.holdMs;
      return { connections: queue.size, longestWaitMs: Math.max(0, clock.now() - arrivedAt) };
    },
    membersOf(cluster, id) {
      const endpoint = rooms.get(cluster)?.doors.get(id)?.ctx.endpoint;
      if (endpoint === undefined) return [];
      const serving = members(deps.viewOf(cluster), endpoint).filter((member) => member.serves);
      const own = serving.filter((member) => member.tier === 'member');
      return (own.length > 0 ? own : serving).map((member) => member.instance);
    },
    async drain(timeoutMs) {
      draining = true;
      for (const room of rooms.values()) for (const door of room.doors.values()) shut(door);
      await sessionsGone(timeoutMs);
      for (const listener of outliving) listener.gate.shut();
      for (const session of [...sessions]) session.shutDown();
      await sessionsGone(farewellMs);
      for (const session of [...sessions]) session.destroy();
      observer.close();
      killDesk.close();
      for (const room of rooms.values()) room.leave();
    },
  };
}
