import { clusterId } from '../../src/base/brand.ts';
import type { Instance } from '../../src/cluster/instance.ts';
import type { ClusterConfig } from '../../src/config/config.ts';
import { defaultServerTls } from '../../src/config/tls.ts';

/** The configuration of a cluster with the product's defaults, without endpoints, and with `changes`. */
export const defaultClusterConfig = (
  name: string,
  instances: readonly Instance[],
  changes: Partial<Omit<ClusterConfig, 'failover'>> & {
    readonly failover?: Partial<ClusterConfig['failover']>;
  } = {},
): ClusterConfig => ({
  id: clusterId(name),
  engine: 'postgres',
  monitor: { user: 'aurelay', password: null, database: 'postgres' },
  replication: null,
  serverTls: defaultServerTls,
  health: { intervalMs: 500, timeoutMs: 1_000, fall: 3, rise: 2 },
  durability: null,
  rejoinCommand: null,
  rejoinTimeoutMs: 60_000,
  onRemovedInstance: 'keep',
  serverLimits: new Map(),
  instances: new Map(instances.map((instance) => [instance.id, instance])),
  endpoints: new Map(),
  ...changes,
  failover: {
    mode: 'automatic',
    holdMs: 30_000,
    maxHeld: 1_000,
    minIntervalMs: 60_000,
    promoteTimeoutMs: 10_000,
    maxLoss: null,
    ...changes.failover,
  },
});
