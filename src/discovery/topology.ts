import { type Address, formatAddress, sameAddress } from '../cluster/instance.ts';
import type { ProbeFailure } from '../cluster/observation.ts';
import { isLoopback, isWildcard, readAddress } from '../config/address.ts';
import type { Discovery, Sighting } from '../engines/discovery.ts';
import type { EngineName } from '../engines/engine.ts';
import { chooseAddress, type Kinship, kinshipOf } from './kinship.ts';
import { commonName, instanceName, nameServers } from './names.ts';
import { addressKey, type Found, type Walk } from './walk.ts';

/** A cluster as it was found, in the order in which it is written down: the writer, its replicas, theirs. */
export interface Topology {
  readonly engine: EngineName;
  readonly cluster: string;
  readonly servers: readonly Server[];
  /** They have an address, and nobody who could be asked answered there. */
  readonly unreached: readonly Unreached[];
  /** Seen by a server, without an address. */
  readonly unseen: readonly Missing[];
  /** Where servers of other clusters answered, that somebody named. */
  readonly foreign: readonly Address[];
  /** Looked at no more for want of time or room. */
  readonly notVisited: number;
}

export interface Server {
  readonly name: string;
  readonly address: Address;
  /** By which the others know it, where that is another one. */
  readonly replicationAddress: Address | null;
  /** Where it was reached too. */
  readonly aliases: readonly Address[];
  readonly discovery: Discovery;
  /** The server that it replicates from; null: none that was found. */
  readonly source: string | null;
  readonly synchronous: boolean;
  readonly tier: number;
}

export interface Unreached {
  readonly name: string;
  readonly address: Address;
  readonly failure: ProbeFailure;
  /** Who told of it; null: the person who asks. */
  readonly teller: string | null;
}

export interface Missing {
  readonly teller: string;
  readonly sighting: Sighting;
  readonly tried: readonly Address[];
}

/** What a configuration may hold. */
const mostInstances = 100;

/** `cluster`: what the person calls it; null: what its servers' names suggest. */
export function topologyOf(walk: Walk, engine: EngineName, cluster: string | null): Topology {
  const kinship = kinshipOf(walk);
  const found = inOrder([...walk.servers.values()], kinship);
  const unreached = kinship.unreached.slice(0, mostInstances - found.length);
  const named = [
    ...found.map((server) => ({ wish: wishOf(walk, server), candidates: candidatesOf(walk, server) })),
    ...unreached.map(({ name, address }) => ({ wish: name, candidates: [hostLabel(address)] })),
  ];
  const called = cluster ?? commonName(provisionalNames(named)) ?? 'main';
  const names = nameServers(called, named);
  const nameOf = new Map(found.map(({ identity }, index) => [identity, names[index] ?? identity]));
  return {
    ...{ engine, cluster: called },
    servers: withReplicationAddresses(
      found.map((server) => serverOf(walk, kinship, server, nameOf)),
      kinship,
      found,
    ),
    unreached: unreached.map(({ address, outcome, teller }, index) => ({
      name: names[found.length + index] ?? formatAddress(address),
      address,
      failure:
        outcome.kind === 'failed' ? outcome.failure : { reason: 'timeout', detail: 'it was not looked at' },
      teller: teller === null ? null : (nameOf.get(teller) ?? null),
    })),
    unseen: kinship.unseen.map(({ teller, sighting, tried }) => ({
      ...{ sighting, tried },
      teller: nameOf.get(teller) ?? teller,
    })),
    foreign: [...walk.visits.values()].flatMap(({ outcome, lead, address }) =>
      outcome.kind === 'foreign' && lead !== 'guess' ? [address] : [],
    ),
    notVisited:
      walk.dropped + [...walk.visits.values()].filter(({ outcome }) => outcome.kind === 'due').length,
  };
}

/** The writer first, then breadth first from it, then whoever hangs on nobody that was found. */
function inOrder(found: readonly Found[], { sources }: Kinship): readonly Found[] {
  const depthOf = (server: Found): number => {
    let depth = 0;
    const passed = new Set<string>();
    for (let at: string | undefined = server.identity; at !== undefined; at = sources.get(at)) {
      if (passed.has(at)) return found.length;
      passed.add(at);
      depth += 1;
    }
    return depth;
  };
  const key = (server: Found): number =>
    depthOf(server) + (server.discovery.observation.role === 'writer' ? -found.length - 1 : 0);
  const label = ({ discovery, reachedAt }: Found): string => discovery.names[0] ?? formatAddress(reachedAt);
  return [...found]
    .sort(
      (a, b) =>
        key(a) - key(b) ||
        byNumber.compare(label(a), label(b)) ||
        byNumber.compare(formatAddress(a.reachedAt), formatAddress(b.reachedAt)),
    )
    .slice(0, mostInstances);
}

/** `db-2` before `db-10`. */
const byNumber = new Intl.Collator('en', { numeric: true });

const visitsTo = (walk: Walk, { identity }: Found) =>
  [...walk.visits.values()].filter(
    ({ outcome }) => outcome.kind === 'server' && outcome.identity === identity,
  );

const wishOf = (walk: Walk, server: Found): string | null =>
  visitsTo(walk, server).find(({ name }) => name !== null)?.name ?? null;

/** Its own names, then those of the hosts at which it is reached or known. */
function candidatesOf(walk: Walk, server: Found): readonly (string | null)[] {
  return [...server.discovery.names, ...visitsTo(walk, server).map(({ address }) => hostLabel(address))];
}

/** `db1` of `db1.example.com`; null for an IP address. */
const hostLabel = ({ host }: Address): string | null =>
  /^[\d.]+$|:/.test(host) ? null : (host.split('.')[0] ?? null);

/** Those that the servers would have whatever the cluster is called. */
function provisionalNames(named: Parameters<typeof nameServers>[1]): readonly string[] {
  const firsts = named.map(
    ({ wish, candidates }) => wish ?? candidates.find((name) => name !== null) ?? null,
  );
  return firsts.flatMap((name) => (name === null ? [] : (instanceName(name) ?? [])));
}

function serverOf(
  walk: Walk,
  kinship: Kinship,
  server: Found,
  nameOf: ReadonlyMap<string, string>,
): Omit<Server, 'replicationAddress'> {
  const { identity, discovery } = server;
  const visits = visitsTo(walk, server);
  const address = chooseAddress(visits, kinship.knownAs.get(identity) ?? [])?.address ?? server.reachedAt;
  const source = kinship.sources.get(identity);
  const synchronous = kinship.synchronous.has(identity);
  return {
    name: nameOf.get(identity) ?? identity,
    address,
    aliases: visits
      .map((visit) => visit.address)
      .filter((other) => addressKey(other) !== addressKey(address)),
    discovery,
    source: source === undefined ? null : (nameOf.get(source) ?? null),
    synchronous,
    tier: tierOf(server, kinship, synchronous),
  };
}

/** The least that a promotion costs comes first: nothing that a client was told of; the shortest way; data of today. */
function tierOf({ identity, discovery }: Found, { sources }: Kinship, synchronous: boolean): number {
  if (discovery.delaySeconds > 0) return 15;
  const source = sources.get(identity);
  if (source === undefined || synchronous) return 0;
  return sources.has(source) ? 2 : 1;
}

/**
 * By what name the others know each, where Aurelay reaches it by another. `localhost` means each of them itself, unless
 * they all are on one machine.
 */
function withReplicationAddresses(
  servers: readonly Omit<Server, 'replicationAddress'>[],
  { knownAs }: Kinship,
  found: readonly Found[],
): readonly Server[] {
  const hosts = new Set(servers.map(({ address }) => address.host));
  const taken = new Set<string>();
  return servers.map((server, index) => {
    const known = knownAs.get(found[index]?.identity ?? '') ?? [];
    const [told] = known;
    const differs = told !== undefined && !known.some((one) => sameAddress(one, server.address));
    const isOurs = told === undefined || (isLoopback(told.host) && hosts.size > 1);
    const clashes = told === undefined || taken.has(addressKey(told));
    if (!differs || isOurs || clashes || !isWritable(told)) return { ...server, replicationAddress: null };
    taken.add(addressKey(told));
    return { ...server, replicationAddress: told };
  });
}

const isWritable = (address: Address): boolean =>
  readAddress(formatAddress(address), true).ok && !isWildcard(address.host);

// ---- what it is fit for ----

/** The one that takes writes; null where there is none, or several. */
export function writerOf({ servers }: Topology): Server | null {
  const writers = servers.filter(({ discovery }) => discovery.observation.role === 'writer');
  return writers.length === 1 ? (writers[0] ?? null) : null;
}

/** Why Aurelay must not promote here by itself; null: nothing speaks against it. */
export function whyNotAutomatic(topology: Topology): string | null {
  const { servers } = topology;
  const group = servers.find(({ discovery }) => discovery.group !== null)?.discovery.group ?? null;
  if (group === 'galera') return 'Galera replicates in its own way, and every node may take writes';
  if (group === 'group-replication') return 'MySQL Group Replication promotes by itself';
  const keeper = servers.find(({ discovery }) => discovery.keeper !== null)?.discovery.keeper ?? null;
  if (keeper !== null) return `${keeper} promotes here, and two that promote work against each other`;
  const writers = servers.filter(({ discovery }) => discovery.observation.role === 'writer');
  if (writers.length > 1) {
    return `several servers take writes (${writers.map(({ name }) => name).join(', ')}), and Aurelay does not guess which is right`;
  }
  if (writers.length === 0) return 'no server was found that takes writes';
  if (servers.length + topology.unreached.length > 1) return null;
  return topology.unseen.length > 0
    ? 'none of its replicas was found, so that there is nobody to promote'
    : 'there is nobody beside the writer to promote';
}
