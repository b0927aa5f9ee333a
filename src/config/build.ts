import { assert } from '../base/assert.ts';
import { clusterId, endpointId, instanceId } from '../base/brand.ts';
import type { Network } from '../base/network.ts';
import type { QuorumPolicy } from '../cluster/durability.ts';
import type { Address, Instance } from '../cluster/instance.ts';
import type { Endpoint, EndpointTls, Membership } from '../endpoints/endpoint.ts';
import type { EntryRules } from '../endpoints/entry-rules.ts';
import type { ServerLimits } from '../endpoints/server-limits.ts';
import type { EngineName } from '../engines/engine.ts';
import type { HostPort } from './address.ts';
import type { ClusterConfig, Config } from './config.ts';
import { formatPath } from './finding.ts';
import {
  type ClusterSettings,
  defaultPorts,
  type EndpointSettings,
  patroniPort,
  type Settings,
} from './schema.ts';
import type { Secrets } from './secrets.ts';
import type { ServerTls } from './tls.ts';

/** Settings that passed every check, as the rest of the house uses them. */
export function buildConfig(
  settings: Settings,
  secrets: Secrets,
  resolvePath: (path: string) => string,
): Config {
  const clusters = Object.entries(settings.clusters).map(([name, cluster]) =>
    buildCluster(name, cluster, secrets, resolvePath),
  );
  return {
    admin: {
      listen: settings.admin.listen,
      tls: settings.admin.tls
        ? {
            certificate: resolvePath(settings.admin.tls.certificate),
            key: resolvePath(settings.admin.tls.key),
          }
        : null,
      token: secrets.get(formatPath(['admin'])) ?? settings.admin.token ?? null,
      allowInsecure: settings.admin.allow_insecure === 'true',
    },
    stateDir: settings.state_dir ?? null,
    log: settings.log,
    shutdown: { drainTimeoutMs: settings.shutdown.drain_timeout },
    tcp: { keepaliveMs: settings.tcp.keepalive, userTimeoutMs: settings.tcp.user_timeout },
    reload: { watch: settings.reload.watch === 'true' },
    clusters: new Map(clusters.map((cluster) => [cluster.id, cluster])),
  };
}

function buildCluster(
  name: string,
  cluster: ClusterSettings,
  secrets: Secrets,
  resolvePath: (path: string) => string,
): ClusterConfig {
  const { engine, monitor, replication, health, failover } = cluster;
  const passwordOf = (section: 'monitor' | 'replication'): string | null =>
    secrets.get(formatPath(['clusters', name, section])) ?? cluster[section]?.password ?? null;
  const instances = Object.entries(cluster.instances).map(([id, one]) => buildInstance(id, one, engine));
  const endpoints = Object.entries(cluster.endpoints).map(([id, one]) =>
    buildEndpoint(name, id, one, resolvePath),
  );
  return {
    id: clusterId(name),
    engine,
    monitor: {
      user: monitor.user,
      password: passwordOf('monitor'),
      database: engine === 'postgres' ? (monitor.database ?? 'postgres') : '',
    },
    replication: replication ? { user: replication.user, password: passwordOf('replication') } : null,
    serverTls: buildServerTls(cluster.server_tls, resolvePath),
    health: {
      intervalMs: health.interval,
      timeoutMs: health.timeout,
      fall: health.fall,
      rise: health.rise,
    },
    failover: {
      mode: failover.mode,
      holdMs: failover.hold,
      maxHeld: failover.max_held,
      minIntervalMs: failover.min_interval,
      maxLoss: failover.max_loss?.amount ?? null,
      promoteTimeoutMs: failover.promote_timeout,
    },
    durability: buildDurability(cluster.durability),
    rejoinCommand: cluster.rejoin_command?.length ? cluster.rejoin_command : null,
    rejoinTimeoutMs: cluster.rejoin_timeout,
    onRemovedInstance: cluster.on_removed_instance,
    instances: new Map(instances.map((one) => [one.id, one])),
    serverLimits: new Map(
      Object.entries(cluster.instances).map(([id, one]) => [instanceId(id), buildServerLimits(one)]),
    ),
    endpoints: new Map(endpoints.map((one) => [one.id, one])),
  };
}

function buildServerTls(
  one: ClusterSettings['server_tls'],
  resolvePath: (path: string) => string,
): ServerTls {
  const fileAt = (path: string | undefined): string | null => (path === undefined ? null : resolvePath(path));
  return {
    mode: one.mode,
    ca: fileAt(one.ca),
    certificate: fileAt(one.certificate),
    key: fileAt(one.key),
    serverName: one.server_name ?? null,
  };
}

function buildDurability(one: ClusterSettings['durability']): QuorumPolicy | null {
  if (one.copies === undefined || one.write_quorum === undefined) return null;
  return {
    copies: one.copies,
    writeQuorum: one.write_quorum,
    onLostQuorum: one.on_lost_quorum,
    degradeAfterMs: one.degrade_after,
  };
}

function buildInstance(id: string, one: ClusterSettings['instances'][string], engine: EngineName): Instance {
  const withPort = ({ host, port }: HostPort): Address => ({ host, port: port ?? defaultPorts[engine] });
  return {
    id: instanceId(id),
    address: withPort(one.address),
    replicationAddress: one.replication_address ? withPort(one.replication_address) : null,
    zone: one.zone ?? null,
    copy: one.copy === 'true',
    promotionTier: one.promotion_tier,
    weight: one.weight,
    tags: one.tags,
    ...(one.send_proxy_protocol === 'none' ? {} : { sendProxyProtocol: one.send_proxy_protocol }),
    ...(one.patroni === undefined
      ? {}
      : { patroni: { host: one.patroni.host, port: one.patroni.port ?? patroniPort } }),
  };
}

function buildServerLimits(one: ClusterSettings['instances'][string]): ServerLimits {
  return { maxSessions: one.max_sessions ?? null, maxConnecting: one.max_connecting };
}

function buildEndpointTls(
  { mode, certificate, key, required }: EndpointSettings['tls'],
  resolvePath: (path: string) => string,
): EndpointTls {
  if (mode === 'passthrough') return { mode };
  assert(certificate !== undefined && key !== undefined, 'the checks let no termination without files pass');
  const [certificateFile, keyFile] = [resolvePath(certificate), resolvePath(key)];
  return { mode, certificate: certificateFile, key: keyFile, required: required === 'true' };
}

function buildEndpoint(
  cluster: string,
  id: string,
  one: EndpointSettings,
  resolvePath: (path: string) => string,
): Endpoint {
  const common = {
    id: endpointId(id),
    cluster: clusterId(cluster),
    listen: one.listen,
    hostname: one.hostname ?? null,
    default: one.default === 'true',
    maxSessions: one.max_sessions,
    connectTimeoutMs: one.connect_timeout,
    handshakeTimeoutMs: one.handshake_timeout,
    idleTimeoutMs: one.idle_timeout,
    ...buildEntryRules(one),
    connectionIds: one.connection_ids ?? (one.type === 'instance' ? 'server' : 'aurelay'),
    tls: buildEndpointTls(one.tls, resolvePath),
  };
  const balanced = {
    balance: one.balance,
    maxLagMs: one.max_lag ?? null,
    preferZone: one.prefer_zone ?? null,
    slowStartMs: one.slow_start,
  };
  switch (one.type) {
    case 'writer':
      return { ...common, type: 'writer' };
    case 'reader':
      return { ...common, ...balanced, type: 'reader', fallback: one.fallback ?? 'writer' };
    case 'custom': {
      const members = membershipOf(one.members);
      return {
        ...common,
        ...balanced,
        type: 'custom',
        fallback: one.fallback ?? 'none',
        members,
        roles: one.roles,
      };
    }
    case 'instance':
      assert(one.instance !== undefined, 'the checks let no instance endpoint without an instance pass');
      return { ...common, type: 'instance', instance: instanceId(one.instance) };
  }
}

/** A list of networks that is empty is none, but for `allow`, which the checks refuse then. */
function buildEntryRules(one: EndpointSettings): EntryRules {
  const some = (list: readonly Network[] | undefined): list is readonly Network[] => (list?.length ?? 0) > 0;
  const { accept_proxy_protocol: trusted, allow, deny } = one;
  const { max_sessions_per_client: sessions, max_connects_per_client: connects } = one;
  return {
    ...(some(trusted) ? { acceptProxyProtocol: trusted } : {}),
    ...(some(allow) ? { allow } : {}),
    ...(some(deny) ? { deny } : {}),
    ...(sessions === undefined ? {} : { maxSessionsPerClient: sessions }),
    ...(connects === undefined ? {} : { maxConnectsPerClient: connects }),
  };
}

function membershipOf(members: EndpointSettings['members']): Membership {
  if (members?.static) return { kind: 'static', instances: [...new Set(members.static)].map(instanceId) };
  if (members?.excluded)
    return { kind: 'excluded', instances: [...new Set(members.excluded)].map(instanceId) };
  assert(members?.tags !== undefined, 'the checks let no custom endpoint without members pass');
  return { kind: 'tags', tags: members.tags };
}
