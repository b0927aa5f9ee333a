import { Gauge, type Registry } from 'prom-client';
import type { ClusterId } from '../../base/brand.ts';
import type { Role } from '../../cluster/instance.ts';
import type { ClusterView, Health, InstanceView, PhaseName } from '../../cluster/view.ts';
import type { ClusterConfig } from '../../config/config.ts';
import type { ClusterLoad, Controls } from '../controls.ts';

const phases: readonly PhaseName[] = [
  'starting',
  'stable',
  'suspect',
  'fencing',
  'promoting',
  'verifying',
  'cut-off',
  'operator-required',
];
const roles: readonly (Role | 'unknown')[] = ['writer', 'replica', 'unknown'];
const healthNumber: Readonly<Record<Health, number>> = { unknown: 0, down: 1, suspect: 2, healthy: 3 };

const durabilityStates = ['securing', 'secured', 'lost', 'degraded'] as const;
const ofCluster = ['cluster'];
const ofInstance = ['cluster', 'instance'];
const ofEndpoint = ['cluster', 'endpoint'];

/** The state of the clusters as gauges, read afresh from `Controls` for each scrape: there is nothing to go stale. */
export class ClusterMetrics {
  readonly #epoch;
  readonly #hasWriter;
  readonly #phase;
  readonly #copies;
  readonly #writeQuorum;
  readonly #copiesAcknowledging;
  readonly #durabilityState;
  readonly #instanceUp;
  readonly #instanceHealth;
  readonly #instanceRole;
  readonly #instanceLag;
  readonly #instanceReplicating;
  readonly #instanceDrained;
  readonly #instanceDeposed;
  readonly #endpointMembers;
  readonly #endpointListening;
  readonly #held;
  readonly #endpointLimit;
  readonly #instanceLimit;
  readonly #instanceSessions;
  readonly #waitingForTurn;
  readonly #all: readonly Gauge[];

  constructor(registry: Registry) {
    const all: Gauge[] = [];
    const gauge = (name: string, help: string, labelNames: string[]) => {
      const made = new Gauge({ name, help, labelNames, registers: [registry] });
      all.push(made);
      return made;
    };
    this.#epoch = gauge(
      'aurelay_cluster_epoch',
      'The term of office of the writer; grows with each.',
      ofCluster,
    );
    this.#hasWriter = gauge('aurelay_cluster_has_writer', '1 while the cluster has a writer.', ofCluster);
    this.#phase = gauge('aurelay_cluster_phase', '1 for the phase that the cluster is in, else 0.', [
      ...ofCluster,
      'phase',
    ]);
    this.#copies = gauge(
      'aurelay_cluster_copies',
      'Copies that commits go to, the writer among them, as configured; absent under async.',
      ofCluster,
    );
    this.#writeQuorum = gauge(
      'aurelay_cluster_write_quorum',
      'Copies that are to have a commit before its client is told, the writer among them; absent under async.',
      ofCluster,
    );
    this.#copiesAcknowledging = gauge(
      'aurelay_cluster_copies_acknowledging',
      'Copies that acknowledge commits now, the writer among them; absent under async and without a writer.',
      ofCluster,
    );
    this.#durabilityState = gauge(
      'aurelay_cluster_durability_state',
      '1 for how the promise of quorum durability is kept now, else 0; absent under async.',
      [...ofCluster, 'state'],
    );
    this.#instanceUp = gauge('aurelay_instance_up', '1 while the instance is healthy.', ofInstance);
    this.#instanceHealth = gauge(
      'aurelay_instance_health',
      '0 never answered yet, 1 down, 2 suspect, 3 healthy.',
      ofInstance,
    );
    this.#instanceRole = gauge('aurelay_instance_role', '1 for the role that was seen last, else 0.', [
      ...ofInstance,
      'role',
    ]);
    this.#instanceLag = gauge(
      'aurelay_instance_lag_seconds',
      'How far the readable data is behind the source; absent where unknown.',
      ofInstance,
    );
    this.#instanceReplicating = gauge(
      'aurelay_instance_replicating',
      '0 on a replica that has lost its source; absent on a writer.',
      ofInstance,
    );
    this.#instanceDrained = gauge('aurelay_instance_drained', '1 while an operator drains it.', ofInstance);
    this.#instanceDeposed = gauge(
      'aurelay_instance_deposed',
      '1 on a former writer that does not replicate from the current one yet.',
      ofInstance,
    );
    this.#endpointMembers = gauge(
      'aurelay_endpoint_members',
      'Instances that would be given a new connection now.',
      ofEndpoint,
    );
    this.#endpointListening = gauge(
      'aurelay_endpoint_listening',
      '1 while the endpoint accepts connections.',
      ofEndpoint,
    );
    this.#held = gauge('aurelay_held_connections', 'Connections that wait for a writer now.', ofEndpoint);
    this.#endpointLimit = gauge(
      'aurelay_endpoint_max_sessions',
      '`max_sessions` of the endpoint.',
      ofEndpoint,
    );
    this.#instanceLimit = gauge(
      'aurelay_instance_max_sessions',
      '`max_sessions` of the instance; absent where it has none.',
      ofInstance,
    );
    this.#instanceSessions = gauge(
      'aurelay_instance_sessions',
      'What counts against `max_sessions` of the instance: sessions on it, over all endpoints, and those that are being opened.',
      ofInstance,
    );
    this.#waitingForTurn = gauge(
      'aurelay_instance_waiting_connections',
      'Connections that wait in line until fewer than `max_connecting` are under way to the instance.',
      ofInstance,
    );
    this.#all = all;
  }

  collect(controls: Controls): void {
    for (const gauge of this.#all) gauge.reset();
    for (const cluster of controls.clusters()) {
      this.#collectCluster(controls, cluster);
      const load = controls.load(cluster);
      this.#collectEndpoints(controls, cluster, load);
      this.#collectLoad(controls.config(cluster), load);
    }
  }

  #collectCluster(controls: Controls, cluster: ClusterId): void {
    const view = controls.view(cluster);
    this.#epoch.set({ cluster }, view.epoch);
    this.#hasWriter.set({ cluster }, view.writer === null ? 0 : 1);
    for (const phase of phases) this.#phase.set({ cluster, phase }, view.phase === phase ? 1 : 0);
    this.#collectDurability(cluster, view);
    for (const instance of view.instances.values()) this.#collectInstance(cluster, instance);
  }

  #collectDurability(cluster: ClusterId, { durability }: ClusterView): void {
    if (durability === null) return;
    this.#copies.set({ cluster }, durability.copies);
    this.#writeQuorum.set({ cluster }, durability.writeQuorum);
    if (durability.acknowledging !== null)
      this.#copiesAcknowledging.set({ cluster }, durability.acknowledging);
    for (const state of durabilityStates) {
      this.#durabilityState.set({ cluster, state }, durability.state === state ? 1 : 0);
    }
  }

  #collectInstance(cluster: ClusterId, view: InstanceView): void {
    const labels = { cluster, instance: view.instance.id };
    const seen = view.role ?? 'unknown';
    this.#instanceUp.set(labels, view.health === 'healthy' ? 1 : 0);
    this.#instanceHealth.set(labels, healthNumber[view.health]);
    for (const role of roles) this.#instanceRole.set({ ...labels, role }, seen === role ? 1 : 0);
    if (view.lagSeconds !== null) this.#instanceLag.set(labels, view.lagSeconds);
    // A writer has no source to lose.
    if (seen !== 'writer') this.#instanceReplicating.set(labels, view.replicating ? 1 : 0);
    this.#instanceDrained.set(labels, view.drained ? 1 : 0);
    this.#instanceDeposed.set(labels, view.deposed ? 1 : 0);
  }

  #collectEndpoints(controls: Controls, cluster: ClusterId, load: ClusterLoad): void {
    const listening = controls.listening(cluster);
    for (const [endpoint, { maxSessions }] of controls.config(cluster).endpoints) {
      const labels = { cluster, endpoint };
      this.#endpointLimit.set(labels, maxSessions);
      this.#endpointMembers.set(labels, controls.members(cluster, endpoint).length);
      this.#endpointListening.set(labels, listening.get(endpoint)?.ok ? 1 : 0);
      this.#held.set(labels, load.heldByEndpoint.get(endpoint) ?? 0);
    }
  }

  #collectLoad({ id: cluster, instances, serverLimits }: ClusterConfig, load: ClusterLoad): void {
    const { sessionsByInstance, waitingByInstance } = load;
    for (const instance of instances.keys()) {
      const labels = { cluster, instance };
      const waiting = waitingByInstance.get(instance) ?? 0;
      const limit = serverLimits.get(instance)?.maxSessions ?? null;
      this.#waitingForTurn.set(labels, waiting);
      this.#instanceSessions.set(labels, (sessionsByInstance.get(instance) ?? 0) - waiting);
      if (limit !== null) this.#instanceLimit.set(labels, limit);
    }
  }
}
