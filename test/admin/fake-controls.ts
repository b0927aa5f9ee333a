import type { ClusterLoad, CommandResult, Controls, ReloadResult } from '../../src/admin/controls.ts';
import {
  type ClusterId,
  clusterId,
  endpointId,
  epoch,
  type InstanceId,
  instanceId,
} from '../../src/base/brand.ts';
import type { Instance } from '../../src/cluster/instance.ts';
import type { Position } from '../../src/cluster/position.ts';
import type { ClusterView, InstanceView } from '../../src/cluster/view.ts';
import type { ClusterConfig } from '../../src/config/config.ts';
import type { ClusterEvent } from '../../src/control/cluster-event.ts';
import type { FailoverRecord } from '../../src/control/failover-record.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import { defaultClusterConfig } from '../support/default-cluster-config.ts';

export const secret = 'correct-horse-battery';

/** Controls in memory: a test changes the fields and reads what was asked of it. */
export class FakeControls implements Controls {
  readonly configs = new Map<ClusterId, ClusterConfig>();
  readonly views = new Map<ClusterId, ClusterView>();
  readonly shut = new Map<string, string>();
  readonly held = new Map<string, number>();
  readonly waiting = new Map<string, number>();
  /** Sessions by endpoint and instance. */
  readonly placed = new Map<string, [InstanceId, number][]>();
  readonly sessions = new Map<string, number>();
  readonly commands: string[] = [];
  readonly listeners = new Set<(event: ClusterEvent) => void>();
  readonly viewListeners = new Set<(view: ClusterView) => void>();
  readonly kept: ClusterEvent[] = [];
  stopping = false;
  answer: () => Promise<CommandResult> = async () => ({
    ok: true,
    message: 'done',
    writer: instanceId('orders-2'),
    epoch: 8,
  });

  add(config: ClusterConfig, view: ClusterView): this {
    this.configs.set(config.id, config);
    this.views.set(config.id, view);
    return this;
  }

  emit(event: Partial<ClusterEvent> = {}): ClusterEvent {
    const made = clusterEvent({ seq: (this.kept.at(-1)?.seq ?? 0) + 1, ...event });
    this.kept.push(made);
    for (const listener of this.listeners) listener(made);
    return made;
  }

  change(cluster: string, changes: Partial<ClusterView>): void {
    const id = clusterId(cluster);
    const view = { ...this.view(id), ...changes };
    this.views.set(id, view);
    for (const listener of this.viewListeners) listener(view);
  }

  clusters(): readonly ClusterId[] {
    return [...this.configs.keys()];
  }
  config(cluster: ClusterId): ClusterConfig {
    return present(this.configs.get(cluster));
  }
  view(cluster: ClusterId): ClusterView {
    return present(this.views.get(cluster));
  }
  load(cluster: ClusterId): ClusterLoad {
    const config = this.config(cluster);
    const of = <Id extends string>(ids: Iterable<Id>, counts: Map<string, number>) =>
      new Map([...ids].map((id) => [id, counts.get(id) ?? 0] as const));
    return {
      sessionsByInstance: of(config.instances.keys(), this.sessions),
      sessionsByEndpoint: of(config.endpoints.keys(), this.sessions),
      heldByEndpoint: of(config.endpoints.keys(), this.held),
      instancesByEndpoint: new Map(
        [...config.endpoints.keys()].map((id) => [id, new Map(this.placed.get(id) ?? [])] as const),
      ),
      waitingByInstance: of(config.instances.keys(), this.waiting),
    };
  }
  listening(cluster: ClusterId) {
    return new Map(
      [...this.config(cluster).endpoints.keys()].map((id) => {
        const error = this.shut.get(id) ?? null;
        return [id, { ok: error === null, error }] as const;
      }),
    );
  }
  members(cluster: ClusterId, endpoint: string): readonly InstanceId[] {
    const { writer, instances } = this.view(cluster);
    if (endpoint === 'writer') return writer === null ? [] : [writer];
    return [...instances.values()].flatMap(({ role, health, instance }) =>
      role === 'replica' && health === 'healthy' ? [instance.id] : [],
    );
  }
  failover(cluster: ClusterId, force: boolean) {
    this.commands.push(`failover ${cluster}${force ? ' (force)' : ''}`);
    return this.answer();
  }
  records: FailoverRecord[] = [];
  failovers(): readonly FailoverRecord[] {
    return this.records;
  }
  switchover(cluster: ClusterId, to: InstanceId, dryRun: boolean) {
    this.commands.push(`switchover ${cluster} ${to}${dryRun ? ' (dry run)' : ''}`);
    return this.answer();
  }
  drain(cluster: ClusterId, instance: InstanceId, drained: boolean) {
    this.commands.push(`${drained ? 'drain' : 'undrain'} ${cluster} ${instance}`);
    return this.answer();
  }
  reloaded: ReloadResult = { ok: true, outcome: 'applied', message: 'cluster orders: health.fall' };
  async reload(): Promise<ReloadResult> {
    this.commands.push('reload');
    return this.reloaded;
  }
  eventsSince(since: number): readonly ClusterEvent[] {
    return this.kept.filter(({ seq }) => seq > since);
  }
  onEvent(listener: (event: ClusterEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  onView(listener: (view: ClusterView) => void): () => void {
    this.viewListeners.add(listener);
    return () => this.viewListeners.delete(listener);
  }
  shuttingDown(): boolean {
    return this.stopping;
  }
}

/** One stable cluster: a writer `<name>-1`, healthy replicas behind it, a writer and a reader endpoint. */
export function fakeControls(name = 'orders', size = 3): FakeControls {
  return new FakeControls().add(clusterConfig(name, size), clusterView(name, size));
}

export function clusterConfig(name: string, size: number): ClusterConfig {
  const common = {
    cluster: clusterId(name),
    maxSessions: 1000,
    connectTimeoutMs: 5000,
    hostname: null,
    default: false,
    handshakeTimeoutMs: 10_000,
    idleTimeoutMs: 0,
    connectionIds: 'aurelay',
    tls: { mode: 'passthrough' },
  } as const;
  const balanced = {
    balance: 'least-connections',
    maxLagMs: null,
    preferZone: null,
    fallback: 'writer',
    slowStartMs: 0,
  } as const;
  const endpoints: Endpoint[] = [
    { ...common, type: 'writer', id: endpointId('writer'), listen: { host: '0.0.0.0', port: 6432 } },
    {
      ...common,
      ...balanced,
      type: 'reader',
      id: endpointId('reader'),
      listen: { host: '0.0.0.0', port: 6433 },
    },
  ];
  const instances = instanceIds(name, size).map((id, at) => instance(id, at));
  return defaultClusterConfig(name, instances, {
    monitor: { user: 'aurelay', password: secret, database: 'postgres' },
    replication: { user: 'replicator', password: secret },
    endpoints: new Map(endpoints.map((each) => [each.id, each])),
  });
}

export function clusterView(name: string, size: number): ClusterView {
  const views = instanceIds(name, size).map((id, at) => instanceView(id, at));
  return {
    cluster: clusterId(name),
    epoch: epoch(7),
    phase: 'stable',
    reason: null,
    writer: instanceId(`${name}-1`),
    instances: new Map(views.map((each) => [each.instance.id, each])),
    durability: null,
  };
}

export function instanceView(id: InstanceId, at: number, changes: Partial<InstanceView> = {}): InstanceView {
  return {
    instance: instance(id, at),
    role: at === 0 ? 'writer' : 'replica',
    health: 'healthy',
    lastFailure: null,
    lagSeconds: at === 0 ? 0 : 0.25,
    position: '1/0/5000148' as Position,
    replicating: true,
    drained: false,
    deposed: false,
    returnedAt: null,
    version: 'PostgreSQL 18.4',
    ...changes,
  };
}

export function clusterEvent(changes: Partial<ClusterEvent> = {}): ClusterEvent {
  return {
    seq: 1,
    at: '2025-01-02T03:04:05.678Z',
    cluster: clusterId('orders'),
    level: 'warn',
    name: 'writer.lost',
    epoch: epoch(7),
    instance: instanceId('orders-1'),
    rule: 'writer-refuses',
    message: 'orders-1 does not answer',
    details: {},
    ...changes,
  };
}

const instance = (id: InstanceId, at: number): Instance => ({
  id,
  address: { host: `db${at + 1}`, port: 5432 },
  replicationAddress: null,
  copy: true,
  zone: at % 2 === 0 ? 'a' : 'b',
  promotionTier: at,
  weight: 1,
  tags: { size: 'large' },
});

const instanceIds = (name: string, size: number): InstanceId[] =>
  Array.from({ length: size }, (_, at) => instanceId(`${name}-${at + 1}`));

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the fake has no such cluster');
  return value;
}
