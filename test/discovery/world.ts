import { type Address, formatAddress } from '../../src/cluster/instance.ts';
import type { Observation } from '../../src/cluster/observation.ts';
import type { Position } from '../../src/cluster/position.ts';
import { explore } from '../../src/discovery/explore.ts';
import { addressKey, beginWalk, type Walk, type WalkOptions } from '../../src/discovery/walk.ts';
import type { Discovery, DiscoveryResult, Sighting } from '../../src/engines/discovery.ts';

/** `db1:5432` */
export function at(text: string): Address {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(text) ?? [];
  return { host, port: Number(port) };
}

export function writing(over: Partial<Observation> = {}): Observation {
  return {
    role: 'writer',
    writable: true,
    identity: 'system',
    timeline: 1,
    position: '1/0/100' as Position,
    lagSeconds: 0,
    replication: null,
    acknowledgement: null,
    version: 'PostgreSQL 18.4',
    ...over,
  };
}

export const following = (over: Partial<Observation> = {}): Observation =>
  writing({
    role: 'replica',
    writable: false,
    lagSeconds: 0.2,
    replication: {
      ...{ source: null, streaming: true, heardSecondsAgo: 0, error: null },
      ...{ stopped: false, acknowledges: null },
    },
    ...over,
  });

export const discovery = (identity: string, over: Partial<Discovery> = {}): Discovery => ({
  identity,
  lineage: 'orders',
  observation: over.sources === undefined || over.sources.length === 0 ? writing() : following(),
  names: [],
  marks: [],
  sources: [],
  replicas: [],
  members: [],
  group: null,
  delaySeconds: 0,
  replicationUser: null,
  keeper: null,
  missing: [],
  remarks: [],
  ...over,
});

export const sighting = (over: Partial<Sighting> = {}): Sighting => ({
  hosts: [],
  port: null,
  mark: null,
  name: null,
  synchronous: false,
  ...over,
});

/** Servers by the addresses at which they answer; nobody answers anywhere else. */
export class World {
  readonly asked: Address[] = [];
  readonly #servers = new Map<string, Discovery>();

  with(addresses: readonly string[] | readonly Address[], server: Discovery): this {
    for (const one of addresses) {
      this.#servers.set(addressKey(typeof one === 'string' ? at(one) : one), server);
    }
    return this;
  }

  readonly ask = async (address: Address): Promise<DiscoveryResult> => {
    this.asked.push(address);
    const server = this.#servers.get(addressKey(address));
    if (server !== undefined) return { kind: 'answered', discovery: server };
    const detail = `connect ECONNREFUSED ${formatAddress(address)}`;
    return { kind: 'failed', failure: { reason: 'refused', detail } };
  };

  walk(start: string | Address, options: Partial<WalkOptions> = {}): Promise<Walk> {
    const from = typeof start === 'string' ? at(start) : start;
    const all = { start: from, named: [], defaultPort: 5432, maxServers: 100, maxVisits: 400, ...options };
    return explore(beginWalk(all), { ask: this.ask, now: () => 0, mostMs: 1, onVisit: () => {} });
  }
}
