import { join } from 'node:path';
import { stringify } from 'yaml';
import type { EmbeddedCluster } from './cluster.ts';
import type { DemoPorts } from './demo-ports.ts';
import { mysqlMonitorUser, mysqlReplicationUser } from './mysql-settings.ts';

/** Aurelay's configuration for the demo's clusters, as YAML. */
export function demoConfig(
  clusters: readonly EmbeddedCluster[],
  ports: DemoPorts,
  directory: string,
  writeQuorum: number | null = null,
): string {
  const config = {
    admin: { listen: `127.0.0.1:${ports.admin}` },
    state_dir: join(directory, 'state'),
    clusters: Object.fromEntries(
      clusters.map((cluster) => [clusterName(cluster), clusterConfig(cluster, ports, writeQuorum)]),
    ),
  };
  return `# Written by \`aurelay demo\` at each start.\n${stringify(config, { lineWidth: 100 })}`;
}

export const clusterName = ({ engine }: EmbeddedCluster): string => (engine === 'postgres' ? 'pg' : 'mysql');

/** The only member of the `analytics` endpoint: the last replica. */
export const analyticsMember = ({ instances }: EmbeddedCluster): string => instances.at(-1)?.id ?? '';

function clusterConfig(cluster: EmbeddedCluster, ports: DemoPorts, writeQuorum: number | null): object {
  const { engine, instances } = cluster;
  const { writer, reader, analytics } = ports[engine];
  const instanceConfig = (id: string, port: number) => ({
    address: `127.0.0.1:${port}`,
    // Promoted last, so that the analytics endpoint keeps a replica for as long as it can.
    ...(id === analyticsMember(cluster) && instances.length > 2 ? { promotion_tier: 2 } : {}),
  });
  return {
    engine,
    ...logins[engine],
    // A demo is there to kill writers in, one after the other.
    failover: { mode: 'automatic', min_interval: '1s' },
    ...(writeQuorum === null ? {} : { durability: { copies: instances.length, write_quorum: writeQuorum } }),
    instances: Object.fromEntries(instances.map(({ id, port }) => [id, instanceConfig(id, port)])),
    endpoints: {
      writer: { type: 'writer', listen: `127.0.0.1:${writer}` },
      reader: { type: 'reader', listen: `127.0.0.1:${reader}`, max_lag: '5s' },
      analytics: {
        type: 'custom',
        listen: `127.0.0.1:${analytics}`,
        members: { static: [analyticsMember(cluster)] },
        // With no replica, the only instance is the writer; and after a failover the member may be.
        roles: 'any',
      },
    },
  };
}

const logins = {
  postgres: {
    monitor: { user: 'postgres', database: 'postgres' },
    replication: { user: 'postgres' },
  },
  mysql: {
    monitor: { user: mysqlMonitorUser },
    replication: { user: mysqlReplicationUser },
  },
} as const;
