import type { ClusterId } from './base/brand.ts';
import type { Clock } from './base/clock.ts';
import { formatAddress } from './cluster/instance.ts';
import type { Objection } from './cluster/reconfiguration.ts';
import type { ClusterConfig, Config } from './config/config.ts';
import type { ReloadPlan } from './config/reload.ts';
import type { Controller } from './control/controller.ts';
import type { Supervisor } from './control/supervisor.ts';
import type { Endpoint } from './endpoints/endpoint.ts';
import { hasPlace } from './endpoints/has-place.ts';
import type { EndpointProxy } from './proxy/proxy.ts';
import type { Reloadable } from './reload.ts';
import type { TlsClient } from './tls/tls-client.ts';

/** The parts of a running Aurelay that a reload changes. */
export interface House {
  config: Config;
  readonly clock: Clock;
  readonly proxy: EndpointProxy;
  readonly controllers: Map<ClusterId, Controller>;
  /** Clusters that are not configured any more, as they were last: some of their sessions may go on. */
  readonly retired: Map<ClusterId, { readonly config: ClusterConfig; readonly controller: Controller }>;
  /** Not started yet. Throws where its state cannot be read. */
  createController(config: ClusterConfig): Controller;
  supervisorOf(config: ClusterConfig): Supervisor | null;
  tlsOf(config: ClusterConfig): TlsClient;
  /** Resolves when what was to be written for the cluster is on disk. */
  stateSaved(cluster: ClusterId): Promise<void>;
  /** An event of a cluster that has just been added or removed. */
  tell(cluster: ClusterId, message: string): void;
  /** Keeps other processes from `state_dir` where one is to decide now; throws where another does. */
  lockState(next: Config): void;
  /** The log is written so from here on. */
  followLog(settings: Config['log']): void;
  /** Called last in each reload, changed configuration or not: what is kept in other files is read again. */
  refresh(): Promise<void>;
}

/** Puts another configuration in force: whatever may fail first, then all the rest in one turn of the event loop. */
export class ReloadTarget implements Reloadable {
  readonly #house: House;
  readonly #prepared = new Map<ClusterId, Controller>();

  constructor(house: House) {
    this.#house = house;
  }

  get config(): Config {
    return this.#house.config;
  }

  objection(next: Config, { changedClusters, removedClusters }: ReloadPlan): Objection | null {
    for (const id of [...changedClusters.keys(), ...removedClusters]) {
      const controller = this.#house.controllers.get(id);
      // A cluster that leaves is left in peace: not in the middle of a change of its writer.
      const config = next.clusters.get(id) ?? this.config.clusters.get(id);
      if (controller === undefined || config === undefined) continue;
      const against = controller.objection(config, this.#house.supervisorOf(config));
      if (against !== null) return { ...against, why: `cluster ${id}: ${against.why}` };
    }
    return null;
  }

  async prepare(next: Config, plan: ReloadPlan): Promise<void> {
    const { proxy, createController, lockState, stateSaved } = this.#house;
    const wanted = this.#addressesToOpen(next);
    lockState(next);
    for (const id of plan.addedClusters) {
      await stateSaved(id);
      const config = next.clusters.get(id);
      if (config !== undefined) this.#prepared.set(id, createController(config));
    }
    try {
      await proxy.reserve(wanted);
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  abandon(): void {
    for (const controller of this.#prepared.values()) controller.stop();
    this.#prepared.clear();
    this.#house.proxy.release();
  }

  async apply(next: Config, plan: ReloadPlan): Promise<void> {
    const { controllers, followLog, proxy, retired, supervisorOf, tell, tlsOf } = this.#house;
    const before = this.config;
    for (const id of plan.removedClusters) this.#retire(id, before);
    this.#house.config = next;
    for (const [id, controller] of this.#prepared) {
      controllers.set(id, controller);
      // Whoever is left from before is on servers of which nobody kept watch.
      if (retired.delete(id)) proxy.closeStrays(id, () => false);
    }
    for (const [id, summary] of plan.changedClusters) {
      const config = next.clusters.get(id);
      if (config === undefined) continue;
      controllers.get(id)?.reconfigure(config, supervisorOf(config), tlsOf(config), summary);
    }
    proxy.setKeepalive(next.tcp.keepaliveMs);
    followLog(next.log);
    for (const [id, controller] of this.#prepared) {
      controller.start();
      tell(id, 'the cluster was added to the configuration');
    }
    this.#prepared.clear();
    await this.#changeEndpoints(before, next);
    this.#drainStrays(before, plan);
  }

  refresh(): Promise<void> {
    return this.#house.refresh();
  }

  #retire(id: ClusterId, before: Config): void {
    const { controllers, retired, tell } = this.#house;
    const [controller, config] = [controllers.get(id), before.clusters.get(id)];
    if (controller === undefined || config === undefined) return;
    tell(id, 'the cluster was removed from the configuration');
    controller.stop();
    controllers.delete(id);
    retired.set(id, { controller, config });
  }

  async #changeEndpoints(before: Config, next: Config): Promise<void> {
    const { proxy } = this.#house;
    for (const { cluster, id } of endpointsOf(before)) {
      if (endpointIn(next, cluster, id) === undefined) proxy.closeEndpoint(cluster, id);
    }
    for (const endpoint of endpointsOf(next)) await proxy.listen(endpoint);
    proxy.release();
  }

  /**
   * Addresses that nobody listens on yet. One that is given up goes on to whoever wants it; but two endpoints that both
   * stay cannot change places, since each is to be open before the other is closed.
   */
  #addressesToOpen(next: Config): readonly Endpoint[] {
    const before = [...endpointsOf(this.config)];
    return [...endpointsOf(next)].filter((endpoint) => {
      const address = formatAddress(endpoint.listen);
      const holders = before.filter(({ listen }) => formatAddress(listen) === address);
      if (holders.length === 0) return true;
      const stays = (one: Endpoint, at: string): boolean => {
        const now = endpointIn(next, one.cluster, one.id);
        return now !== undefined && formatAddress(now.listen) === at;
      };
      if (holders.some((one) => stays(one, address))) return false;
      const mover = holders.find((one) => endpointIn(next, one.cluster, one.id) !== undefined);
      if (mover === undefined) return false;
      throw new Error(
        `endpoint "${mover.id}" of cluster "${mover.cluster}" moves away from ${address} and "${endpoint.id}" of "${endpoint.cluster}" moves there: do the first in a reload of its own`,
      );
    });
  }

  /** Of clusters that drain, sessions without a place by then end when they have had their time. */
  #drainStrays(before: Config, { changedClusters, removedClusters }: ReloadPlan): void {
    const { clock, proxy } = this.#house;
    const { drainTimeoutMs } = this.config.shutdown;
    for (const id of [...changedClusters.keys(), ...removedClusters]) {
      const configured = this.config.clusters.get(id) ?? before.clusters.get(id);
      if (configured?.onRemovedInstance !== 'drain') continue;
      clock.after(drainTimeoutMs, () => {
        const current = this.config.clusters.get(id);
        const writer = this.#house.controllers.get(id)?.view.writer ?? null;
        proxy.closeStrays(id, (endpointId, instanceId, address) => {
          const endpoint = current?.endpoints.get(endpointId);
          const instance = current?.instances.get(instanceId);
          if (endpoint === undefined || instance === undefined) return false;
          if (formatAddress(instance.address) !== formatAddress(address)) return false;
          return hasPlace(endpoint, instance, instanceId === writer);
        });
      });
    }
  }
}

function* endpointsOf({ clusters }: Config): Iterable<Endpoint> {
  for (const cluster of clusters.values()) yield* cluster.endpoints.values();
}

const endpointIn = ({ clusters }: Config, cluster: ClusterId, id: Endpoint['id']): Endpoint | undefined =>
  clusters.get(cluster)?.endpoints.get(id);
