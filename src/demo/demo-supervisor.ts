import type { Supervisor } from '../control/supervisor.ts';
import { type EmbeddedCluster, EmbeddedClusterError } from './cluster.ts';
import { clusterName } from './demo-config.ts';

/** The demo's own: its servers are child processes, restarted only when Aurelay asks for one. */
export function demoSupervisor(clusters: readonly EmbeddedCluster[]): Supervisor {
  return {
    async rejoin({ cluster, instance, writer, reason }, _timeoutMs, signal) {
      const found = clusters.find((one) => clusterName(one) === cluster);
      if (found === undefined) throw new EmbeddedClusterError(`the demo runs no cluster ${cluster}`);
      await found.rejoin(instance.id, { writer: writer.id, isDiverged: reason !== 'down', signal });
    },
  };
}
