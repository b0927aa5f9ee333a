import type { ClusterId, EndpointId, InstanceId } from '../../base/brand.ts';
import type { Controls } from '../controls.ts';

/** Which clusters, endpoints and instances are configured now: what may appear in a label. */
export interface Topology {
  readonly clusters: readonly {
    readonly cluster: ClusterId;
    readonly endpoints: readonly EndpointId[];
    readonly instances: readonly InstanceId[];
  }[];
  /** Whether the cluster, and the endpoint and instance where there are such labels, are configured. */
  has(labels: Readonly<Record<string, string>>): boolean;
}

export function topologyOf(controls: Controls): Topology {
  const clusters = controls.clusters().map((cluster) => {
    const { endpoints, instances } = controls.config(cluster);
    return { cluster, endpoints: [...endpoints.keys()], instances: [...instances.keys()] };
  });
  const names = new Map(
    clusters.map(({ cluster, endpoints, instances }) => [
      cluster as string,
      { endpoints: new Set<string>(endpoints), instances: new Set<string>(instances) },
    ]),
  );
  return {
    clusters,
    has({ cluster, endpoint, instance }) {
      if (cluster === undefined) return true;
      const known = names.get(cluster);
      if (known === undefined) return false;
      if (endpoint !== undefined && !known.endpoints.has(endpoint)) return false;
      return instance === undefined || known.instances.has(instance);
    },
  };
}
