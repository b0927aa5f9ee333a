import {
  clusterId,
  type Epoch,
  endpointId,
  epoch,
  type InstanceId,
  instanceId,
} from '../../../src/base/brand.ts';
import type { ClusterView, InstanceView } from '../../../src/cluster/view.ts';
import type { BalancedEndpoint, Endpoint } from '../../../src/endpoints/endpoint.ts';
import type { ProxyProtocolVersion } from '../../../src/proxy-protocol/header.ts';

export const cluster = clusterId('c');

export interface InstanceSketch extends Partial<Omit<InstanceView, 'instance'>> {
  readonly zone?: string | null;
  readonly weight?: number;
  readonly tags?: Record<string, string>;
  readonly port?: number;
  readonly sendProxyProtocol?: ProxyProtocolVersion;
}

/** A view in which everything not mentioned is well: healthy replicas, replicating, without lag. */
export function viewOf(
  sketches: Record<string, InstanceSketch>,
  writer: string | null,
  term: Epoch = epoch(1),
): ClusterView {
  const instances = new Map<InstanceId, InstanceView>();
  for (const [name, sketch] of Object.entries(sketches)) {
    const { zone = null, weight = 1, tags = {}, port = 1, sendProxyProtocol, ...rest } = sketch;
    const id = instanceId(name);
    instances.set(id, {
      instance: {
        id,
        address: { host: '127.0.0.1', port },
        replicationAddress: null,
        zone,
        promotionTier: 0,
        weight,
        tags,
        copy: true,
        ...(sendProxyProtocol === undefined ? {} : { sendProxyProtocol }),
      },
      role: name === writer ? 'writer' : 'replica',
      health: 'healthy',
      lastFailure: null,
      lagSeconds: 0,
      position: null,
      replicating: name !== writer,
      drained: false,
      deposed: false,
      returnedAt: null,
      version: null,
      ...rest,
    });
  }
  const known = writer === null ? null : instanceId(writer);
  return { cluster, epoch: term, phase: 'stable', reason: null, writer: known, instances, durability: null };
}

const common = {
  cluster,
  listen: { host: '127.0.0.1', port: 0 },
  hostname: null,
  default: false,
  maxSessions: 1000,
  connectTimeoutMs: 5000,
  handshakeTimeoutMs: 5000,
  idleTimeoutMs: 0,
  connectionIds: 'server',
  tls: { mode: 'passthrough' },
} as const;

const balanced = {
  balance: 'least-connections',
  maxLagMs: null,
  preferZone: null,
  fallback: 'none',
  slowStartMs: 0,
} as const;

export const writer = (changes: Partial<Endpoint> = {}): Endpoint =>
  ({ ...common, id: endpointId('writer'), type: 'writer', ...changes }) as Endpoint;

export const reader = (changes: Partial<BalancedEndpoint> = {}): Endpoint =>
  ({ ...common, ...balanced, id: endpointId('reader'), type: 'reader', ...changes }) as Endpoint;

export const custom = (changes: Partial<Extract<Endpoint, { type: 'custom' }>>): Endpoint =>
  ({
    ...common,
    ...balanced,
    id: endpointId('custom'),
    type: 'custom',
    members: { kind: 'excluded', instances: [] },
    roles: 'replica',
    ...changes,
  }) as Endpoint;

export const single = (instance: string, changes: Partial<Endpoint> = {}): Endpoint =>
  ({
    ...common,
    id: endpointId(`only-${instance}`),
    type: 'instance',
    instance: instanceId(instance),
    ...changes,
  }) as Endpoint;
