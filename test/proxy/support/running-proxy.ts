import { connect } from 'node:net';
import pino from 'pino';
import { type EndpointId, type Epoch, epoch, type InstanceId, instanceId } from '../../../src/base/brand.ts';
import { seededPrng } from '../../../src/base/prng.ts';
import type { ClusterView } from '../../../src/cluster/view.ts';
import type { Endpoint } from '../../../src/endpoints/endpoint.ts';
import type { ServerLimits } from '../../../src/endpoints/server-limits.ts';
import type { Engine } from '../../../src/engines/engine.ts';
import { mysqlProtocol } from '../../../src/engines/mysql/handshake.ts';
import { postgresProtocol } from '../../../src/engines/postgres/protocol.ts';
import type { ProxyObserver } from '../../../src/proxy/observer.ts';
import { createProxy, type EndpointProxy } from '../../../src/proxy/proxy.ts';
import type { Relay } from '../../../src/proxy/relay/relay.ts';
import type { Termination } from '../../../src/proxy/termination.ts';
import { cluster, type InstanceSketch, viewOf } from '../../endpoints/support/view.ts';
import { Peer } from './peer.ts';
import { realClock } from './real-clock.ts';
import { ScriptedServer } from './scripted-server.ts';

/** The codecs alone, without probes: nothing here needs a database. */
const postgres: Pick<Engine, 'name' | 'protocol'> = {
  name: 'postgres',
  protocol: postgresProtocol,
};
const mysql: Pick<Engine, 'name' | 'protocol'> = { name: 'mysql', protocol: mysqlProtocol };

export interface Plan {
  readonly engine?: 'postgres' | 'mysql';
  /** Names of servers; the first one is the writer. */
  readonly servers?: readonly string[];
  readonly endpoints: readonly Endpoint[];
  readonly holdMs?: number;
  readonly maxHeld?: number;
  /** By default Node's streams. */
  readonly relay?: Relay;
  /** By the names of servers. */
  readonly serverLimits?: Readonly<Record<string, Partial<ServerLimits>>>;
  readonly keepaliveMs?: number;
  readonly terminationOf?: (endpoint: Endpoint) => Termination | null;
}

/** A proxy in front of scripted servers, with a view that the test sets. */
export class RunningProxy {
  readonly proxy: EndpointProxy;
  readonly servers = new Map<string, ScriptedServer>();
  /** What the observer was told, one line each: `routed a`, `refused no_writer`. */
  readonly events: string[] = [];
  /** The details of errors that clients were given. */
  readonly details: string[] = [];
  readonly dialReports: string[] = [];
  readonly clients: Peer[] = [];
  /** Views are published, but the proxy is not told. */
  quiet = false;
  readonly #listeners = new Set<() => void>();
  readonly #ports = new Map<EndpointId, number>();
  #sketches: Record<string, InstanceSketch> = {};
  #writer: string | null = null;
  #epoch: Epoch = epoch(1);
  #view: ClusterView = viewOf({}, null);

  private constructor(plan: Plan) {
    this.proxy = createProxy({
      clock: realClock,
      prng: seededPrng(7),
      logger: pino({ level: 'silent' }),
      observer: this.#observer(),
      ...(plan.relay === undefined ? {} : { relay: plan.relay }),
      ...(plan.keepaliveMs === undefined ? {} : { keepaliveMs: plan.keepaliveMs }),
      ...(plan.terminationOf === undefined ? {} : { terminationOf: plan.terminationOf }),
      viewOf: () => this.#view,
      engineOf: () => (plan.engine === 'mysql' ? mysql : postgres),
      clusterOf: () => ({
        failover: { holdMs: plan.holdMs ?? 10_000, maxHeld: plan.maxHeld ?? 1000 },
        serverLimits: new Map(
          Object.entries(plan.serverLimits ?? {}).map(([id, one]) => [
            instanceId(id),
            { maxSessions: null, maxConnecting: 64, ...one },
          ]),
        ),
      }),
      onViewChange: (_, listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      reportDialFailure: (_, instance, detail) => this.dialReports.push(`${instance} ${detail}`),
    });
  }

  static async start(plan: Plan): Promise<RunningProxy> {
    const running = new RunningProxy(plan);
    const names = plan.servers ?? ['w', 'a', 'b'];
    for (const name of names) {
      const server = await ScriptedServer[plan.engine ?? 'postgres'](name);
      running.servers.set(name, server);
      running.#sketches[name] = { port: server.port };
    }
    running.setWriter(names[0] ?? null);
    for (const endpoint of plan.endpoints) {
      const { port } = await running.proxy.listen(endpoint);
      running.#ports.set(endpoint.id, port);
    }
    return running;
  }

  server(name: string): ScriptedServer {
    const server = this.servers.get(name);
    if (server === undefined) throw new Error(`no server ${name}`);
    return server;
  }

  /** Publishes a view with that writer, in a new epoch if asked for. */
  setWriter(name: string | null, inEpoch?: number): void {
    this.#writer = name;
    if (inEpoch !== undefined) this.#epoch = epoch(inEpoch);
    this.#publish();
  }

  /** Publishes a view in which an instance is different. */
  change(name: string, sketch: InstanceSketch): void {
    this.#sketches[name] = { ...this.#sketches[name], ...sketch };
    this.#publish();
  }

  #publish(): void {
    this.#view = viewOf(this.#sketches, this.#writer, this.#epoch);
    if (this.quiet) return;
    for (const listener of this.#listeners) listener();
  }

  port(endpoint: Endpoint): number {
    const port = this.#ports.get(endpoint.id);
    if (port === undefined) throw new Error(`${endpoint.id} does not listen`);
    return port;
  }

  client(endpoint: Endpoint): Peer {
    const socket = connect({ host: '127.0.0.1', port: this.port(endpoint), allowHalfOpen: true });
    const peer = new Peer(socket);
    this.clients.push(peer);
    return peer;
  }

  closeSessionsOf(name: string): Promise<number> {
    return this.proxy.closeSessionsOf(cluster, instanceId(name), 'failover');
  }

  load(): {
    sessions: Record<string, number>;
    endpoints: Record<string, number>;
    held: Record<string, number>;
  } {
    const { sessionsByInstance, sessionsByEndpoint, heldByEndpoint } = this.proxy.load(cluster);
    return {
      sessions: Object.fromEntries(sessionsByInstance),
      endpoints: Object.fromEntries(sessionsByEndpoint),
      held: Object.fromEntries(heldByEndpoint),
    };
  }

  /** Sessions of an endpoint, by instance. */
  placed(endpoint: EndpointId): Record<string, number> {
    return Object.fromEntries(this.proxy.load(cluster).instancesByEndpoint.get(endpoint) ?? []);
  }

  count(event: string): number {
    return this.events.filter((seen) => seen === event).length;
  }

  async stop(): Promise<void> {
    for (const { socket } of this.clients) socket.destroy();
    await this.proxy.drain(0);
    for (const server of this.servers.values()) await server.stop().catch(() => {});
  }

  #observer(): ProxyObserver {
    const note = (event: string) => this.events.push(event);
    return {
      accepted: () => note('accepted'),
      routed: (_, instance: InstanceId) => note(`routed ${instance}`),
      closed: (_, instance, reason, { sent, received }) =>
        note(`closed ${instance} ${reason} ${sent} ${received}`),
      refused: (_, code, detail) => {
        note(`refused ${code}`);
        this.details.push(detail);
      },
      dialFailed: (_, instance, reason) => note(`dial failed ${instance} ${reason}`),
      held: () => note('held'),
      unheld: (_, outcome) => note(`unheld ${outcome}`),
      tlsHandshakeFailed: () => note('tls handshake failed'),
      cancelled: (_, servers) => note(`cancelled ${servers}`),
    };
  }
}
