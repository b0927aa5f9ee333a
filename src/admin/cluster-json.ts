import type { ClusterId } from '../base/brand.ts';
import { formatAddress } from '../cluster/instance.ts';
import type { ClusterView, InstanceView } from '../cluster/view.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { members } from '../endpoints/members.ts';
import type { ClusterJson, EndpointJson, InstanceJson } from './api.ts';
import type { Controls } from './controls.ts';

/** A cluster as the API shows it. Built field by field: the configuration that it draws on holds passwords. */
export function clusterJson(controls: Controls, cluster: ClusterId): ClusterJson {
  const config = controls.config(cluster);
  const view = controls.view(cluster);
  const sessions = controls.load(cluster).sessionsByInstance;
  return {
    name: cluster,
    engine: config.engine,
    mode: config.failover.mode,
    epoch: view.epoch,
    phase: view.phase,
    reason: view.reason,
    writer: view.writer,
    durability: durabilityJson(view),
    instances: [...view.instances.values()].map((instance) =>
      instanceJson(instance, sessions.get(instance.instance.id) ?? 0),
    ),
    endpoints: [...config.endpoints.values()].map((endpoint) => endpointJson(controls, endpoint)),
  };
}

const durabilityJson = ({ durability }: ClusterView): ClusterJson['durability'] =>
  durability === null
    ? { mode: 'async' }
    : {
        mode: 'quorum',
        copies: durability.copies,
        write_quorum: durability.writeQuorum,
        secured: durability.secured,
        acknowledging: durability.acknowledging,
        state: durability.state,
      };

function instanceJson(view: InstanceView, sessions: number): InstanceJson {
  const { instance, lastFailure } = view;
  return {
    id: instance.id,
    address: formatAddress(instance.address),
    role: view.role,
    health: view.health,
    lag_seconds: view.lagSeconds,
    position: view.position,
    sessions,
    zone: instance.zone,
    replicating: view.replicating,
    deposed: view.deposed,
    drained: view.drained,
    last_failure: lastFailure === null ? null : { reason: lastFailure.reason, detail: lastFailure.detail },
    ...(view.withheld === undefined ? {} : { withheld: view.withheld }),
    version: view.version,
    promotion_tier: instance.promotionTier,
    weight: instance.weight,
    tags: { ...instance.tags },
  };
}

function endpointJson(controls: Controls, endpoint: Endpoint): EndpointJson {
  const { cluster, id } = endpoint;
  const load = controls.load(cluster);
  const listener = controls.listening(cluster).get(id);
  return {
    name: id,
    type: endpoint.type,
    listen: formatAddress(endpoint.listen),
    hostname: endpoint.hostname,
    members: [...controls.members(cluster, id)],
    out: outOf(controls.view(cluster), endpoint),
    sessions: load.sessionsByEndpoint.get(id) ?? 0,
    held: load.heldByEndpoint.get(id) ?? 0,
    sessions_by_instance: Object.fromEntries(load.instancesByEndpoint.get(id) ?? []),
    listening: listener?.ok ?? false,
    listen_error: listener?.error ?? null,
    max_sessions: endpoint.maxSessions,
  };
}

/** Whom the office keeps out does not belong there: a replica on a writer endpoint, the writer on a reader endpoint. */
const outOf = (view: ClusterView, endpoint: Endpoint): EndpointJson['out'] =>
  members(view, endpoint).flatMap((member) => {
    if (member.serves || member.why === 'not a member' || member.why === 'is the writer') return [];
    if (endpoint.type === 'writer') return [];
    return [{ instance: member.instance, why: member.why }];
  });
