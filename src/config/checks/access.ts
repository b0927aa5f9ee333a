import type { Network } from '../../base/network.ts';
import type { Finding } from '../finding.ts';
import type { Path } from '../outline.ts';
import { type Check, clustersOf, endpointsOf, error, instancesOf, warning } from './check.ts';

/** A connection is compared with each of them. */
const mostNetworks = 1_000;

type Networks = readonly (Network | undefined)[] | undefined;

/** Who may come in, and who is believed when it says who it is. */
export const checkAccess: Check = function* (inspection) {
  for (const cluster of clustersOf(inspection)) {
    for (const { path, value } of endpointsOf(cluster)) {
      for (const key of ['accept_proxy_protocol', 'allow', 'deny'] as const) {
        yield* tooMany([...path, key], value[key]);
      }
      yield* nobody([...path, 'allow'], value.allow);
      yield* everybody([...path, 'accept_proxy_protocol'], value.accept_proxy_protocol);
    }
    if (cluster.value.engine !== 'postgres') continue;
    for (const { path, value } of instancesOf(cluster)) {
      if (value.send_proxy_protocol === undefined || value.send_proxy_protocol === 'none') continue;
      yield warning(
        'unread-proxy-header',
        [...path, 'send_proxy_protocol'],
        'PostgreSQL does not read PROXY headers: it refuses such a connection',
        { hint: 'remove it, unless something before the server takes the header (HAProxy: `accept-proxy`)' },
      );
    }
  }
};

function* tooMany(path: Path, networks: Networks): Iterable<Finding> {
  if (networks === undefined || networks.length <= mostNetworks) return;
  const message = `these are ${networks.length} networks, and ${mostNetworks} are the most`;
  yield error('wrong-count', path, message, { on: 'key' });
}

function* nobody(path: Path, networks: Networks): Iterable<Finding> {
  if (networks?.length !== 0) return;
  yield error('no-client', path, 'an empty list lets nobody in', {
    on: 'key',
    hint: 'remove the key to let everybody in',
  });
}

function* everybody(path: Path, networks: Networks): Iterable<Finding> {
  for (const [index, network] of (networks ?? []).entries()) {
    if (network?.prefix !== 0) continue;
    const message = 'whoever reaches this endpoint can say that it is anybody';
    yield warning('trusts-everybody', [...path, index], message, {
      hint: 'name the addresses of the proxies in front of Aurelay',
    });
  }
}
