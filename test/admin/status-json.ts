import type { ClusterJson, EndpointJson, InstanceJson } from '../../src/admin/api.ts';

export const instanceJson = (changes: Partial<InstanceJson>): InstanceJson => ({
  id: 'orders-1',
  address: 'db1:5432',
  role: 'replica',
  health: 'healthy',
  lag_seconds: 0,
  position: '1/0/5000148',
  sessions: 0,
  zone: null,
  replicating: true,
  deposed: false,
  drained: false,
  last_failure: null,
  version: 'PostgreSQL 18.4',
  promotion_tier: 0,
  weight: 1,
  tags: {},
  ...changes,
});

export const endpointJson = (changes: Partial<EndpointJson>): EndpointJson => ({
  name: 'writer',
  type: 'writer',
  listen: '0.0.0.0:6432',
  hostname: null,
  members: ['orders-1'],
  out: [],
  sessions: 0,
  held: 0,
  sessions_by_instance: {},
  listening: true,
  listen_error: null,
  max_sessions: 1000,
  ...changes,
});

export const clusterJson = (changes: Partial<ClusterJson>): ClusterJson => ({
  name: 'orders',
  engine: 'postgres',
  mode: 'automatic',
  epoch: 7,
  phase: 'stable',
  reason: null,
  writer: 'orders-1',
  durability: { mode: 'async' },
  instances: [
    instanceJson({ role: 'writer' }),
    instanceJson({ id: 'orders-2', lag_seconds: 0.25, sessions: 12 }),
  ],
  endpoints: [
    endpointJson({}),
    endpointJson({ name: 'reader', type: 'reader', members: ['orders-2'], held: 3 }),
  ],
  ...changes,
});
