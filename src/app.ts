import type { Logger } from 'pino';
import type { VersionJson } from './admin/api.ts';
import type { ClusterLoad, CommandResult, Controls, ReloadResult } from './admin/controls.ts';
import { type Admin, startAdmin } from './admin/http-server.ts';
import { createMetrics, type Metrics } from './admin/metrics.ts';
import { assert } from './base/assert.ts';
import type { ClusterId, InstanceId } from './base/brand.ts';
import type { Clock } from './base/clock.ts';
import { messageOf } from './base/errors.ts';
import { seededPrng } from './base/prng.ts';
import type { Answer, Divergence } from './cluster/effect.ts';
import { type Address, sameAddress } from './cluster/instance.ts';
import type { Receipt } from './cluster/receipt.ts';
import type { ClusterView } from './cluster/view.ts';
import type { ClusterConfig, Config } from './config/config.ts';
import { CommandSupervisor } from './control/command-supervisor.ts';
import { Controller } from './control/controller.ts';
import { EventLog } from './control/event-log.ts';
import { type FailoverLog, failoverLog } from './control/failover-log.ts';
import type { FailoverRecord } from './control/failover-record.ts';
import type { Story } from './control/narrate.ts';
import { lockStateDir, type StateLock } from './control/state-lock.ts';
import { fileStore, type LastingStore, memoryStore, type StateStore } from './control/state-store.ts';
import type { Supervisor } from './control/supervisor.ts';
import { targetOf } from './control/target.ts';
import type { Endpoint } from './endpoints/endpoint.ts';
import { engines } from './engines/engines.ts';
import type { InheritedSockets } from './inherited-sockets.ts';
import { tellOfCluster } from './log/cluster-line.ts';
import { exceptionFields } from './log/exception.ts';
import { tell } from './log/tell.ts';
import { createProxy, type EndpointProxy } from './proxy/proxy.ts';
import { createRelay, type RelayKind } from './proxy/relay/create-relay.ts';
import type { Termination } from './proxy/termination.ts';
import type { Release } from './release.ts';
import { type ConfigSource, Reloader, type ReloadOutcome, type ReloadTrigger } from './reload.ts';
import { type House, ReloadTarget } from './reload-target.ts';
import { systemClock } from './system-clock.ts';
import { CertificateStore } from './tls/certificate-store.ts';
import { keyOf } from './tls/tls-files.ts';

/** A running Aurelay. */
export interface App {
  readonly adminAddress: Address;
  /** Resolves when `/readyz` would answer 200. */
  ready(): Promise<void>;
  /** Reads the configuration again. */
  reload(trigger: ReloadTrigger): Promise<ReloadResult>;
  /** Stops accepting, lets sessions end for the configured time, then closes them. Idempotent. */
  stop(): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  /** Where it is read from again; absent: it cannot be. */
  readonly source?: ConfigSource;
  readonly logger: Logger;
  readonly release: Release;
  /** After a reload; absent: only its level is followed. */
  readonly followLog?: (settings: Config['log']) => void;
  /** Brings deposed servers back in place of each cluster's `rejoin_command`. */
  readonly supervisor?: Supervisor;
  /** This process must not go on: an invariant is broken. */
  readonly onFatal: (error: unknown) => void;
  /** Sockets that listen already, for whoever is configured to listen where they do. */
  readonly inherited?: InheritedSockets;
}

const eventsKept = 1_000;
const readyPollMs = 20;

/** The composition root: the only file that knows every room. */
export async function startApp(options: AppOptions): Promise<App> {
  const wiring = new Wiring(options);
  try {
    await wiring.start();
  } catch (error) {
    await wiring.stop();
    throw error;
  }
  return wiring;
}

class Wiring implements App, Controls {
  private readonly options: AppOptions;
  /** As it is in force now. */
  private configured: Config;
  private readonly clock: Clock = systemClock;
  private readonly prng = seededPrng(Math.floor(Math.random() * 2 ** 32));
  private readonly metrics: Metrics;
  private readonly relayKind: RelayKind;
  private readonly certificates: CertificateStore;
  private readonly log: EventLog;
  private readonly proxy: EndpointProxy;
  private readonly failoverLogs = new Map<ClusterId, FailoverLog>();
  private readonly controllers = new Map<ClusterId, Controller>();
  private readonly retired: House['retired'] = new Map();
  private readonly stores = new Map<ClusterId, LastingStore>();
  private readonly reloader: Reloader | null;
  private stateLock: StateLock | null = null;
  private unwatch: (() => void) | null = null;
  private readonly viewListeners = new Set<(view: ClusterView) => void>();
  private readonly watchers = new Map<ClusterId, Set<(view: ClusterView) => void>>();
  private admin: Admin | null = null;
  private stopping: Promise<void> | null = null;

  constructor(options: AppOptions) {
    this.options = options;
    this.configured = options.config;
    this.lockState(options.config);
    const { logger } = options;
    const { keepaliveMs, userTimeoutMs } = options.config.tcp;
    const { relay, kind, detail } = createRelay(this.clock, process.env, userTimeoutMs);
    tell(logger, 'relay.chosen', { relay: kind }, detail);
    if (kind === 'stream' && userTimeoutMs > 0) {
      const why = 'tcp.user_timeout has no effect: only the native relay can set it';
      tell(logger, 'relay.no-user-timeout', {}, why);
    }
    this.relayKind = kind;
    const { version, build } = options.release;
    this.metrics = createMetrics({ version, build, relay: kind });
    this.certificates = new CertificateStore({
      clock: this.clock,
      onReloaded: (files) => {
        tell(logger, 'certificates.reloaded', { files }, `${files.join(', ')}: read anew`);
        this.metrics.recordCertificateReload('ok');
      },
      onTrouble: (why, files) => {
        tell(logger, 'certificates.not-reloaded', { files }, `${why}; what was read before stays in use`);
        this.metrics.recordCertificateReload('failed');
      },
    });
    this.metrics.watchCertificates(() => this.certificates.expiries());
    this.log = new EventLog(eventsKept, (message) =>
      tell(logger, 'event-listener.failed', {}, `a listener to events failed: ${message}`),
    );
    this.proxy = createProxy({
      clock: this.clock,
      prng: this.prng,
      logger,
      observer: this.metrics.observer,
      relay,
      keepaliveMs,
      inheritedSocket: (listen) => this.inheritedSocket(listen),
      viewOf: (cluster) => this.view(cluster),
      engineOf: (cluster) => engines[this.config(cluster).engine],
      terminationOf: (endpoint) => this.terminationOf(endpoint),
      clusterOf: (cluster) => this.config(cluster),
      killerOf: ({ cluster, instance, address }) => {
        const config = this.config(cluster);
        const known = config.instances.get(instance);
        // A session may be on a server that was configured before.
        if (known === undefined || !sameAddress(known.address, address)) return null;
        return (
          engines[config.engine].createKiller?.(
            targetOf(known, config, this.certificates.client(config.serverTls)),
          ) ?? null
        );
      },
      onViewChange: (cluster, listener) => this.watch(cluster, listener),
      reportDialFailure: (cluster, instance) => this.controller(cluster).lookAt(instance),
    });
    for (const cluster of options.config.clusters.values()) {
      this.controllers.set(cluster.id, this.createController(cluster));
    }
    this.reloader = this.createReloader();
    this.metrics.watch(this);
  }

  /** Before anything is read there. Two that only watch are in nobody's way. Throws `StateDirInUse`. */
  private lockState({ stateDir, clusters }: Config): void {
    const decides = [...clusters.values()].some(({ failover }) => failover.mode === 'automatic');
    if (stateDir === null || !decides) return;
    this.stateLock ??= lockStateDir(stateDir, new Date(this.clock.wallTime()));
  }

  private createReloader(): Reloader | null {
    const { source, logger, followLog } = this.options;
    if (source === undefined) return null;
    const followLevel = ({ level }: Config['log']): void => {
      logger.level = level;
    };
    const { clock, proxy, controllers, retired, stores } = this;
    const wiring = this;
    const target = new ReloadTarget({
      ...{ clock, proxy, controllers, retired },
      get config() {
        return wiring.configured;
      },
      set config(config) {
        wiring.configured = config;
      },
      createController: (config) => this.createController(config),
      supervisorOf: (config) => this.supervisorOf(config),
      tlsOf: ({ serverTls }) => this.certificates.client(serverTls),
      stateSaved: async (cluster) => stores.get(cluster)?.saved(),
      tell: (cluster, message) => this.tell(cluster, message),
      followLog: followLog ?? followLevel,
      lockState: (config) => this.lockState(config),
      refresh: () => this.refreshCertificates(),
    });
    const onOutcome = (outcome: ReloadOutcome): void => {
      this.metrics.recordReload(outcome);
      this.watchConfig();
    };
    return new Reloader({ source, target, clock, logger, onOutcome });
  }

  private async refreshCertificates(): Promise<void> {
    const { admin, clusters } = this.configured;
    const ofEndpoints = [...clusters.values()].flatMap(({ endpoints }) =>
      [...endpoints.values()].flatMap(({ tls }) => (tls.mode === 'terminate' ? [{ ca: null, ...tls }] : [])),
    );
    const ofServers = [...clusters.values()].map(({ serverTls }) => serverTls);
    const ofAdmin = admin.tls === null ? [] : [{ ca: null, ...admin.tls }];
    const inUse = new Set([...ofAdmin, ...ofEndpoints, ...ofServers].map(keyOf));
    this.certificates.retain((files) => inUse.has(keyOf(files)));
    await this.certificates.reload();
  }

  private watchConfig(): void {
    const wanted = this.configured.reload.watch && this.stopping === null;
    if (!wanted) {
      this.unwatch?.();
      this.unwatch = null;
      return;
    }
    this.unwatch ??= this.options.source?.watch(() => void this.reload('watch')) ?? null;
  }

  private tell(cluster: ClusterId, message: string): void {
    const { epoch } = this.view(cluster);
    const fields = {
      level: 'info',
      name: 'config.reloaded',
      instance: null,
      rule: null,
      details: {},
    } as const;
    this.record({ ...fields, message }, cluster, epoch);
  }

  private record(story: Story, cluster: ClusterId, epoch: ClusterView['epoch']): void {
    const at = new Date(this.clock.wallTime()).toISOString();
    const event = this.log.append({ ...story, at, cluster, epoch });
    tellOfCluster(this.options.logger, { ...event, name: story.name });
    this.metrics.recordClusterEvent(event);
  }

  get adminAddress(): Address {
    assert(this.admin !== null, 'the admin API listens');
    return this.admin.address;
  }

  async start(): Promise<void> {
    const { config, logger } = this.options;
    const { listen, tls, allowInsecure } = config.admin;
    const fd = await this.inheritedSocket(listen);
    this.admin = await startAdmin({
      listen,
      inherited: fd === null ? null : { fd },
      controls: this,
      about: this.about(),
      metrics: this.metrics,
      logger,
      identity: tls === null ? null : this.certificates.identity(tls),
      token: () => this.configured.admin.token,
      allowInsecure,
    });
    const { host, port } = this.admin.address;
    const scheme = tls === null ? 'http' : 'https';
    const place = { 'server.address': host, 'server.port': port };
    tell(logger, 'admin.listening', place, `admin API on ${scheme}://${host}:${port}`);
    this.certificates.start();
    for (const controller of this.controllers.values()) controller.start();
    const endpoints = [...config.clusters.values()].flatMap((cluster) => [...cluster.endpoints.values()]);
    await Promise.all(endpoints.map((endpoint) => this.proxy.listen(endpoint)));
    for (const what of this.options.inherited?.unclaimed() ?? []) {
      tell(logger, 'inherited.unclaimed', {}, what);
    }
    this.watchConfig();
  }

  private about(): VersionJson {
    const startedAt = new Date(Math.round(this.clock.wallTime() - process.uptime() * 1000));
    return {
      ...this.options.release,
      node: process.version,
      relay: this.relayKind,
      started_at: startedAt.toISOString(),
    };
  }

  async ready(): Promise<void> {
    while (!this.isReady()) {
      if (this.stopping !== null) throw new Error('stopped before it was ready');
      await new Promise((resolve) => setTimeout(resolve, readyPollMs));
    }
  }

  stop(): Promise<void> {
    this.stopping ??= this.shutDown();
    return this.stopping;
  }

  private async shutDown(): Promise<void> {
    const { logger } = this.options;
    this.reloader?.stop();
    this.watchConfig();
    tell(logger, 'shutdown.started', {}, 'shutting down: no new connections');
    await this.proxy.drain(this.configured.shutdown.drainTimeoutMs);
    tell(logger, 'shutdown.drained', {}, 'no session is left');
    for (const controller of this.controllers.values()) controller.stop();
    this.certificates.stop();
    await this.admin?.close();
    this.metrics.close();
    this.stateLock?.release();
  }

  private async inheritedSocket(listen: Address): Promise<number | null> {
    const fd = (await this.options.inherited?.take(listen)) ?? null;
    const { host, port } = listen;
    if (fd !== null) {
      const fields = { fd, 'server.address': host, 'server.port': port };
      tell(this.options.logger, 'inherited.taken', fields, `inherited socket ${fd} is in use`);
    }
    return fd;
  }

  private isReady(): boolean {
    return this.clusters().every(
      (cluster) =>
        this.view(cluster).writer !== null && [...this.listening(cluster).values()].every(({ ok }) => ok),
    );
  }

  private createController(config: ClusterConfig): Controller {
    const { logger, onFatal } = this.options;
    const cluster = config.id;
    const onTrouble = (err: unknown): void =>
      tell(logger, 'failovers.not-kept', { cluster, ...exceptionFields(err) }, messageOf(err));
    this.failoverLogs.set(cluster, failoverLog(this.configured.stateDir, cluster, onTrouble));
    return new Controller({
      config,
      engine: engines[config.engine],
      tls: this.certificates.client(config.serverTls),
      clock: this.clock,
      prng: this.prng,
      store: this.storeOf(cluster),
      supervisor: this.supervisorOf(config),
      closeSessions: (instance) => this.proxy.closeSessionsOf(cluster, instance, 'failover'),
      onView: (view) => {
        for (const watcher of this.watchers.get(cluster) ?? []) watcher(view);
        for (const listener of this.viewListeners) listener(view);
      },
      onStory: (story, { epoch }) => this.record(story, cluster, epoch),
      onReceipt: (receipt) => this.keepReceipt(cluster, receipt),
      onDiscard: (instance, divergence) => this.keepDiscarded(cluster, instance, divergence),
      onProbe: (instance, seconds, outcome) => this.metrics.recordProbe(cluster, instance, seconds, outcome),
      onFatal: (error) => {
        const fields = { cluster, ...exceptionFields(error) };
        tell(logger, 'invariant.broken', fields, `aurelay stops: ${messageOf(error)}`);
        onFatal(error);
      },
    });
  }

  private keepReceipt(cluster: ClusterId, receipt: Receipt): void {
    const at = new Date(this.clock.wallTime()).toISOString();
    const held = this.proxy.held(cluster);
    this.failoverLogs.get(cluster)?.append({ ...receipt, at, held, discarded: [] });
  }

  private async keepDiscarded(
    cluster: ClusterId,
    instance: InstanceId,
    divergence: Divergence,
  ): Promise<void> {
    const at = new Date(this.clock.wallTime()).toISOString();
    await this.failoverLogs.get(cluster)?.discard({ ...divergence, id: instance, at });
  }

  private supervisorOf({ id, engine, rejoinCommand }: ClusterConfig): Supervisor | null {
    const { logger, supervisor } = this.options;
    if (supervisor !== undefined) return supervisor;
    if (rejoinCommand === null) return null;
    return new CommandSupervisor({
      command: rejoinCommand,
      engine,
      onLine: (line, { instance }) =>
        tell(logger, 'rejoin.output', { cluster: id, instance: instance.id }, line),
    });
  }

  /** Throws `TlsFilesInvalid`. */
  private terminationOf({ cluster, tls }: Endpoint): Termination | null {
    if (tls.mode === 'passthrough') return null;
    const { engine, serverTls } = this.config(cluster);
    return {
      isRequired: tls.required,
      identity: this.certificates.identity(tls),
      servers: this.certificates.client(serverTls),
      encryptServer: engines[engine].encrypt ?? null,
    };
  }

  private storeOf(cluster: ClusterId): StateStore {
    const { stateDir } = this.configured;
    const known = this.stores.get(cluster);
    const store = known ?? (stateDir === null ? memoryStore() : fileStore(stateDir, cluster));
    this.stores.set(cluster, store);
    return store;
  }

  private watch(cluster: ClusterId, watcher: (view: ClusterView) => void): () => void {
    const watchers = this.watchers.get(cluster) ?? new Set();
    this.watchers.set(cluster, watchers.add(watcher));
    return () => watchers.delete(watcher);
  }

  private controller(cluster: ClusterId): Controller {
    const controller = this.controllers.get(cluster) ?? this.retired.get(cluster)?.controller;
    assert(controller !== undefined, `cluster "${cluster}" is configured`);
    return controller;
  }

  // ---- Controls, for the admin API and the metrics ----

  clusters(): readonly ClusterId[] {
    return [...this.configured.clusters.keys()];
  }

  config(cluster: ClusterId): ClusterConfig {
    const config = this.configured.clusters.get(cluster) ?? this.retired.get(cluster)?.config;
    assert(config !== undefined, `cluster "${cluster}" is configured`);
    return config;
  }

  view(cluster: ClusterId): ClusterView {
    return this.controller(cluster).view;
  }

  load(cluster: ClusterId): ClusterLoad {
    return this.proxy.load(cluster);
  }

  listening: Controls['listening'] = (cluster) => this.proxy.listening(cluster);

  members: Controls['members'] = (cluster, endpoint) => this.proxy.membersOf(cluster, endpoint);

  async failover(cluster: ClusterId, force: boolean): Promise<CommandResult> {
    return this.result(cluster, await this.controller(cluster).failover(force));
  }

  async switchover(cluster: ClusterId, to: InstanceId, dryRun: boolean): Promise<CommandResult> {
    return this.result(cluster, await this.controller(cluster).switchover(to, dryRun));
  }

  failovers(cluster: ClusterId): readonly FailoverRecord[] {
    return this.failoverLogs.get(cluster)?.all() ?? [];
  }

  async drain(cluster: ClusterId, instance: InstanceId, drained: boolean): Promise<CommandResult> {
    return this.result(cluster, await this.controller(cluster).drain(instance, drained));
  }

  private result(cluster: ClusterId, answer: Answer): CommandResult {
    const { writer, epoch } = this.view(cluster);
    return answer.ok ? { ...answer, writer, epoch } : answer;
  }

  async reload(trigger: ReloadTrigger = 'api'): Promise<ReloadResult> {
    const message = 'there is no file that the configuration could be read from again';
    return (await this.reloader?.reload(trigger)) ?? { ok: false, outcome: 'refused', message };
  }

  eventsSince: Controls['eventsSince'] = (since) => this.log.since(since);

  onEvent: Controls['onEvent'] = (listener) => this.log.listen(listener);

  onView: Controls['onView'] = (listener) => {
    this.viewListeners.add(listener);
    return () => this.viewListeners.delete(listener);
  };

  shuttingDown(): boolean {
    return this.stopping !== null;
  }
}
