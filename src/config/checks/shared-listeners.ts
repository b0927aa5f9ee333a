import { formatNetwork } from '../../base/network.ts';
import type { EngineName } from '../../engines/engine.ts';
import { canonicalHost, type HostPort } from '../address.ts';
import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';
import { type Check, clustersOf, endpointsOf, error } from './check.ts';

interface Sharer {
  readonly what: string;
  readonly path: Path;
  readonly listen: HostPort;
  readonly engine: EngineName | undefined;
  /** Undefined where it is written and cannot be read. */
  readonly hostname: string | null | undefined;
  readonly isDefault: boolean;
  /** As one text, so that two can be compared. */
  readonly trusts: string;
}

const speaksFirst = 'a MySQL server speaks first, before a client could say which endpoint it wants';

/** Endpoints with the same `listen` can be told apart by the names that clients give. */
export const checkSharedListeners: Check = function* (inspection) {
  const endpoints = sharersOf(inspection);
  for (const endpoint of endpoints) yield* namesOfMysql(endpoint);
  const groups = new Map<string, Sharer[]>();
  for (const endpoint of endpoints) {
    const key = `${canonicalHost(endpoint.listen.host)} ${endpoint.listen.port}`;
    groups.set(key, [...(groups.get(key) ?? []), endpoint]);
  }
  for (const group of groups.values()) if (group.length > 1) yield* checkGroup(group, inspection);
};

function sharersOf(inspection: Inspection): readonly Sharer[] {
  return clustersOf(inspection).flatMap((cluster) =>
    endpointsOf(cluster).flatMap(({ name, path, value }): readonly Sharer[] => {
      if (!value.listen) return [];
      const written = inspection.has([...path, 'hostname']);
      return [
        {
          what: `endpoint \`${name}\` of cluster \`${cluster.name}\``,
          path,
          listen: value.listen,
          engine: cluster.value.engine,
          hostname: value.hostname ?? (written ? undefined : null),
          isDefault: value.default === 'true',
          trusts: JSON.stringify(
            (value.accept_proxy_protocol ?? []).map((one) => one && formatNetwork(one)).sort(),
          ),
        },
      ];
    }),
  );
}

function* namesOfMysql({ engine, path, hostname, isDefault }: Sharer): Iterable<Finding> {
  if (engine !== 'mysql') return;
  const hint = 'give each MySQL endpoint a port of its own';
  if (hostname !== null) {
    const message = `a MySQL endpoint has no \`hostname\`: ${speaksFirst}`;
    yield error('inapplicable-key', [...path, 'hostname'], message, { on: 'key', hint });
  }
  if (isDefault) {
    const message = `a MySQL endpoint is nobody's default: ${speaksFirst}`;
    yield error('inapplicable-key', [...path, 'default'], message, { on: 'key', hint });
  }
}

function* checkGroup(group: readonly Sharer[], inspection: Inspection): Iterable<Finding> {
  if (group.some(({ engine }) => engine === undefined)) return;
  const { lineOf } = inspection;
  const at = ({ path }: Sharer): Path => [...path, 'listen'];
  const conflict = (one: Sharer, other: Sharer, hint: string): Finding =>
    error(
      'listen-conflict',
      at(one),
      `${one.what} cannot listen here: ${other.what} already does${lineOf(at(other))}`,
      {
        hint,
      },
    );
  const [first, ...later] = group as [Sharer, ...Sharer[]];
  for (const one of later) {
    if (first.engine === 'postgres' && one.engine === 'postgres') continue;
    yield conflict(one, first, `choose another port: ${speaksFirst}`);
  }
  if (first.engine === 'mysql') return;
  const named = group.filter(({ engine }) => engine === 'postgres');
  const chosen = named.filter(({ isDefault }) => isDefault);
  for (const one of chosen.slice(1)) {
    const message = `${(chosen[0] as Sharer).what} is the default of this \`listen\` already${lineOf([...(chosen[0] as Sharer).path, 'default'])}`;
    yield error('default-conflict', [...one.path, 'default'], message);
  }
  const nameless = named.filter(({ hostname }) => hostname === null);
  if (chosen.length === 0) {
    const hint =
      'choose another port, or give each of them but one a `hostname`, by which clients with TLS are told apart';
    for (const one of nameless.slice(1)) yield conflict(one, nameless[0] as Sharer, hint);
  }
  for (const one of named) {
    if (one.trusts === first.trusts) continue;
    const message = `${first.what} has another one on the same \`listen\`${lineOf(first.path)}: a PROXY header comes before any name`;
    yield error('conflicting-keys', [...one.path, 'accept_proxy_protocol'], message, {
      on: 'key',
      hint: 'endpoints of one `listen` need the same `accept_proxy_protocol`',
    });
  }
  yield* hostnameConflicts(named, inspection);
}

function* hostnameConflicts(group: readonly Sharer[], { lineOf }: Inspection): Iterable<Finding> {
  const seen = new Map<string, Sharer>();
  for (const one of group) {
    if (typeof one.hostname !== 'string') continue;
    const other = seen.get(one.hostname);
    if (other === undefined) {
      seen.set(one.hostname, one);
      continue;
    }
    const path = [...one.path, 'hostname'];
    const message = `${other.what} has this name on the same \`listen\`${lineOf([...other.path, 'hostname'])}`;
    yield error('hostname-conflict', path, message, {
      hint: 'each endpoint of a `listen` needs a name of its own',
    });
  }
}
