import { canonicalHost, type HostPort, isWildcard, listenersCollide, reaches } from '../address.ts';
import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';
import { defaultPorts, patroniPort } from '../schema.ts';
import { type Check, clustersOf, endpointsOf, error, instancesOf } from './check.ts';

interface Listener {
  readonly what: string;
  readonly path: Path;
  /** It may share its address with other endpoints, which `shared-listeners` looks at. */
  readonly isEndpoint: boolean;
  readonly address: HostPort;
}

interface Server {
  readonly name: string;
  readonly cluster: string;
  readonly path: Path;
  readonly address: HostPort;
}

/** Every listener has an address of its own (but for endpoints that share one), every server too, and none of the first is one of the second. */
export const checkAddresses: Check = function* (inspection) {
  const listeners = listenersOf(inspection);
  const servers = clustersOf(inspection).map((cluster) => serversOf(cluster));
  yield* listenConflicts(inspection, listeners);
  for (const one of servers) {
    yield* serverConflicts(
      inspection,
      one.filter(({ path }) => path.at(-1) === 'address'),
    );
    yield* serverConflicts(
      inspection,
      one.filter(({ path }) => path.at(-1) === 'replication_address'),
    );
    yield* serverConflicts(
      inspection,
      one.filter(({ path }) => path.at(-1) === 'patroni'),
    );
  }
  yield* loops(inspection, listeners, servers.flat());
};

function listenersOf(inspection: Inspection): readonly Listener[] {
  const admin = inspection.settings.admin?.listen;
  const own = admin
    ? [{ what: 'the admin API', path: ['admin', 'listen'], isEndpoint: false, address: admin }]
    : [];
  const endpoints = clustersOf(inspection).flatMap((cluster) =>
    endpointsOf(cluster).flatMap(({ name, path, value }): readonly Listener[] =>
      value.listen
        ? [
            {
              what: `endpoint \`${name}\` of cluster \`${cluster.name}\``,
              path: [...path, 'listen'],
              isEndpoint: true,
              address: value.listen,
            },
          ]
        : [],
    ),
  );
  return [...own, ...endpoints];
}

function serversOf(cluster: ReturnType<typeof clustersOf>[number]): readonly Server[] {
  const engine = cluster.value.engine;
  if (engine === undefined) return [];
  return instancesOf(cluster).flatMap(({ name, path, value }) =>
    (['address', 'replication_address', 'patroni'] as const).flatMap((key): readonly Server[] => {
      const written = value[key];
      if (!written) return [];
      const address = {
        host: written.host,
        port: written.port ?? (key === 'patroni' ? patroniPort : defaultPorts[engine]),
      };
      return [{ name, cluster: cluster.name, path: [...path, key], address }];
    }),
  );
}

function* listenConflicts(inspection: Inspection, listeners: readonly Listener[]): Iterable<Finding> {
  for (const [index, listener] of listeners.entries()) {
    const { address } = listener;
    const taken = listeners
      .slice(0, index)
      .find(
        (other) =>
          other.address.port === address.port &&
          listenersCollide(other.address.host, address.host) &&
          !(listener.isEndpoint && other.isEndpoint && sameHost(other.address, address)),
      );
    if (taken === undefined) continue;
    const wildcard = isWildcard(address.host) !== isWildcard(taken.address.host);
    yield error(
      'listen-conflict',
      listener.path,
      `${listener.what} cannot listen here: ${taken.what} already does${inspection.lineOf(taken.path)}`,
      {
        hint: wildcard
          ? 'one of the two is on every interface, which includes the other'
          : 'choose another port',
      },
    );
  }
}

const sameHost = (one: HostPort, other: HostPort): boolean =>
  canonicalHost(one.host) === canonicalHost(other.host);

function* serverConflicts(inspection: Inspection, servers: readonly Server[]): Iterable<Finding> {
  const seen = new Map<string, Server>();
  for (const server of servers) {
    const { host, port } = server.address;
    if (isWildcard(host)) {
      const message = 'this is an address to listen on, not one to connect to';
      yield error('unusable-address', server.path, message, {
        hint: "write the server's own host name or address",
      });
    }
    const same = `${canonicalHost(host)} ${port}`;
    const other = seen.get(same);
    if (other === undefined) seen.set(same, server);
    else {
      const message = `instances \`${other.name}\`${inspection.lineOf(other.path)} and \`${server.name}\` have the same address`;
      yield error('address-conflict', server.path, message);
    }
  }
}

function* loops(
  inspection: Inspection,
  listeners: readonly Listener[],
  servers: readonly Server[],
): Iterable<Finding> {
  for (const server of servers) {
    const listener = listeners.find(
      ({ address }) => address.port === server.address.port && reaches(server.address.host, address.host),
    );
    if (listener === undefined) continue;
    const message = `${listener.what} listens${inspection.lineOf(listener.path)} on the address of instance \`${server.name}\`: Aurelay would connect to itself`;
    yield error('address-loop', server.path, message, { hint: 'give the endpoint a port of its own' });
  }
}
