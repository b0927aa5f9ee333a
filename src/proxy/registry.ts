import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';
import type { At } from './observer.ts';

interface EndpointCounts {
  admitted: number;
  held: number;
  readonly byInstance: Map<InstanceId, number>;
}

/** Sessions and held connections of a cluster now. */
export interface SessionCounts {
  /** Those that are being opened included. */
  readonly sessionsByInstance: ReadonlyMap<InstanceId, number>;
  /** Those that are being opened included, those that are held not. */
  readonly sessionsByEndpoint: ReadonlyMap<EndpointId, number>;
  readonly heldByEndpoint: ReadonlyMap<EndpointId, number>;
  /** Where the sessions of each endpoint are, as it is now and from then on; instances without any are absent. */
  readonly instancesByEndpoint: ReadonlyMap<EndpointId, ReadonlyMap<InstanceId, number>>;
}

/** Who is where: sessions by cluster, endpoint and instance. Every change and every count is O(1). */
export class Registry<Session extends { readonly at: At }> {
  readonly #endpoints = new Map<ClusterId, Map<EndpointId, EndpointCounts>>();
  readonly #instances = new Map<ClusterId, Map<InstanceId, Set<Session>>>();

  /** From here on the endpoint shows in `load`, if only with nothing. */
  open(at: At): void {
    this.#counts(at);
  }

  /** Takes a session in; false where the endpoint has `maxSessions` already. */
  admit(at: At, maxSessions: number): boolean {
    const counts = this.#counts(at);
    if (counts.admitted >= maxSessions) return false;
    counts.admitted += 1;
    return true;
  }

  /** The reverse of `admit`. */
  dismiss(at: At): void {
    this.#counts(at).admitted -= 1;
  }

  hold(at: At, change: 1 | -1): void {
    this.#counts(at).held += change;
  }

  /** The session is on `instance` now, or is being opened to it. */
  attach(session: Session, instance: InstanceId): void {
    const byInstance = this.#counts(session.at).byInstance;
    byInstance.set(instance, (byInstance.get(instance) ?? 0) + 1);
    const sessions = this.#sessions(session.at.cluster, instance) ?? new Set();
    sessions.add(session);
    const cluster = this.#instances.get(session.at.cluster) ?? new Map<InstanceId, Set<Session>>();
    this.#instances.set(session.at.cluster, cluster.set(instance, sessions));
  }

  /** The reverse of `attach`. */
  detach(session: Session, instance: InstanceId): void {
    const byInstance = this.#counts(session.at).byInstance;
    const left = (byInstance.get(instance) ?? 0) - 1;
    if (left > 0) byInstance.set(instance, left);
    else byInstance.delete(instance);
    const sessions = this.#sessions(session.at.cluster, instance);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#instances.get(session.at.cluster)?.delete(instance);
  }

  count(cluster: ClusterId, instance: InstanceId): number {
    return this.#sessions(cluster, instance)?.size ?? 0;
  }

  /** A copy: closing them changes what is registered. */
  on(cluster: ClusterId, instance: InstanceId): readonly Session[] {
    return [...(this.#sessions(cluster, instance) ?? [])];
  }

  /** Instances with sessions of this endpoint. */
  instancesOf(at: At): readonly InstanceId[] {
    return [...this.#counts(at).byInstance.keys()];
  }

  /** Instances with sessions of any endpoint of the cluster. */
  instancesIn(cluster: ClusterId): readonly InstanceId[] {
    return [...(this.#instances.get(cluster)?.keys() ?? [])];
  }

  load(cluster: ClusterId): SessionCounts {
    const endpoints = [...(this.#endpoints.get(cluster) ?? [])];
    const instances = [...(this.#instances.get(cluster) ?? [])];
    return {
      sessionsByInstance: new Map(instances.map(([id, sessions]) => [id, sessions.size])),
      sessionsByEndpoint: new Map(endpoints.map(([id, counts]) => [id, counts.admitted - counts.held])),
      heldByEndpoint: new Map(endpoints.map(([id, counts]) => [id, counts.held])),
      instancesByEndpoint: new Map(endpoints.map(([id, counts]) => [id, counts.byInstance])),
    };
  }

  #sessions(cluster: ClusterId, instance: InstanceId): Set<Session> | undefined {
    return this.#instances.get(cluster)?.get(instance);
  }

  #counts({ cluster, endpoint }: At): EndpointCounts {
    const known = this.#endpoints.get(cluster)?.get(endpoint);
    if (known !== undefined) return known;
    const counts = { admitted: 0, held: 0, byInstance: new Map() };
    const endpoints = this.#endpoints.get(cluster) ?? new Map<EndpointId, EndpointCounts>();
    this.#endpoints.set(cluster, endpoints.set(endpoint, counts));
    return counts;
  }
}
