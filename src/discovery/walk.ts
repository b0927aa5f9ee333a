import { type Address, formatAddress } from '../cluster/instance.ts';
import type { ProbeFailure } from '../cluster/observation.ts';
import { canonicalHost, isLoopback, isWildcard, readAddress } from '../config/address.ts';
import type { Discovery, DiscoveryResult, Sighting } from '../engines/discovery.ts';

/**
 * The way from one server to all of its cluster: whom to visit next, given what was heard so far. Pure; `explore` goes.
 *
 * A server that was reached is known by its identity, so that circles end and several addresses of one server are one.
 */
export interface Walk {
  readonly options: WalkOptions;
  /** By `addressKey`, in the order in which they were heard of. */
  readonly visits: ReadonlyMap<string, Visit>;
  /** By identity. */
  readonly servers: ReadonlyMap<string, Found>;
  /** Of the first server; others of another cluster are left alone. */
  readonly lineage: string | null;
  /** Addresses that were not kept in mind for want of room. */
  readonly dropped: number;
}

export interface WalkOptions {
  readonly start: Address;
  /** What somebody named beside it. */
  readonly named: readonly NamedAddress[];
  readonly defaultPort: number;
  readonly maxServers: number;
  readonly maxVisits: number;
}

export interface NamedAddress {
  readonly address: Address;
  /** What it is to be called; null: whatever suits. */
  readonly name: string | null;
}

export interface Visit {
  readonly address: Address;
  readonly lead: LeadKind;
  /** What it is to be called, where somebody said so. */
  readonly name: string | null;
  /** The identity of whoever told of it; null: a person did. */
  readonly teller: string | null;
  readonly outcome: Outcome;
}

/**
 * `start`, `named` a person said so · `source`, `replica`, `member` a server said so · `guess` a server knows the host and
 * not the port.
 */
export type LeadKind = 'start' | 'named' | 'source' | 'replica' | 'member' | 'guess';

export type Outcome =
  | { readonly kind: 'due' }
  | { readonly kind: 'server'; readonly identity: string }
  /** A server of another cluster. */
  | { readonly kind: 'foreign' }
  | { readonly kind: 'failed'; readonly failure: ProbeFailure };

/** A server that was reached, at one address or several. */
export interface Found {
  readonly identity: string;
  readonly discovery: Discovery;
  /** Where it was reached first: from there, `localhost` means its machine. */
  readonly reachedAt: Address;
}

export const addressKey = ({ host, port }: Address): string => `${canonicalHost(host)} ${port}`;

export function beginWalk(options: WalkOptions): Walk {
  const empty: Walk = { options, visits: new Map(), servers: new Map(), lineage: null, dropped: 0 };
  const begun = withLead(empty, options.start, { lead: 'start' });
  return options.named.reduce((walk, named) => withNamed(walk, named), begun);
}

/** What a person said later on, or about an address that was heard of already: that is tried again. */
export function withNamed(walk: Walk, { address, name }: NamedAddress): Walk {
  const known = walk.visits.get(addressKey(address));
  if (known === undefined) return withLead(walk, address, { lead: 'named', name });
  const outcome: Outcome = known.outcome.kind === 'failed' ? { kind: 'due' } : known.outcome;
  return withVisit(walk, { ...known, outcome, lead: 'named', name: name ?? known.name });
}

/** The first server comes alone: where it refuses the login, nobody else is asked. */
export function dueVisits({ visits, servers, options }: Walk, most: number): readonly Visit[] {
  const isShut = servers.size === 0 && visits.get(addressKey(options.start))?.outcome.kind === 'failed';
  if (isShut || servers.size >= options.maxServers) return [];
  const due = [...visits.values()].filter(({ outcome }) => outcome.kind === 'due');
  const first = due.filter(({ lead }) => lead === 'start');
  return first.length > 0 ? first : due.slice(0, most);
}

/** What came of a visit, and where it leads. */
export function answered(walk: Walk, address: Address, result: DiscoveryResult): Walk {
  const visit = walk.visits.get(addressKey(address));
  if (visit === undefined) return walk;
  if (result.kind === 'failed') {
    return withVisit(walk, { ...visit, outcome: { kind: 'failed', failure: result.failure } });
  }
  const { discovery } = result;
  const { identity, lineage } = discovery;
  if (walk.servers.size > 0 && lineage !== walk.lineage) {
    return withVisit(walk, { ...visit, outcome: { kind: 'foreign' } });
  }
  const next = withVisit(walk, { ...visit, outcome: { kind: 'server', identity } });
  if (walk.servers.has(identity)) return next;
  if (walk.servers.size >= walk.options.maxServers) return { ...next, dropped: next.dropped + 1 };
  const found: Found = { identity, discovery, reachedAt: address };
  const servers = new Map(walk.servers).set(identity, found);
  return withLeads({ ...next, servers, lineage: walk.servers.size === 0 ? lineage : walk.lineage }, found);
}

function withLeads(walk: Walk, found: Found): Walk {
  const { sources, replicas, members } = found.discovery;
  let next = walk;
  const teller = found.identity;
  for (const source of sources) {
    next = withLead(next, sourceSeenFromHere(found, source), { lead: 'source', teller });
  }
  for (const [sightings, lead] of [
    [replicas, 'replica'],
    [members, 'member'],
  ] as const) {
    for (const sighting of sightings) {
      for (const { address, isGuess } of placesOf(walk, found, sighting)) {
        next = withLead(next, address, { lead: isGuess ? 'guess' : lead, teller });
      }
    }
  }
  return next;
}

/** Where Aurelay may reach what `found` replicates from. */
export const sourceSeenFromHere = ({ reachedAt }: Found, { host, port }: Address): Address => ({
  // One of the names that this machine has for itself, from where it is the same.
  host: isLoopback(host) && isLoopback(reachedAt.host) ? host : hostSeenFromHere(reachedAt, host),
  port,
});

/** Where Aurelay may reach a server that `found` sees, best first. */
export function placesOf(
  { options }: Pick<Walk, 'options'>,
  { reachedAt }: Found,
  { hosts, port }: Sighting,
): readonly { readonly address: Address; readonly isGuess: boolean }[] {
  const seen = [...new Set(hosts.map((host) => hostSeenFromHere(reachedAt, host)))];
  const usual = [...new Set([reachedAt.port, options.start.port, options.defaultPort])];
  const ports = port === null ? usual : [port];
  const among = seen.length === 0 && port !== null ? [reachedAt.host] : seen;
  const isGuess = port === null || hosts.length !== 1;
  return among.flatMap((host) => ports.map((at) => ({ address: { host, port: at }, isGuess })));
}

/** This machine, to a server, is the server's machine. */
const hostSeenFromHere = (teller: Address, host: string): string =>
  host === '' || host.startsWith('/') || isLoopback(host) ? teller.host : host;

function withLead(
  walk: Walk,
  address: Address,
  { lead, name = null, teller = null }: { lead: LeadKind; name?: string | null; teller?: string | null },
): Walk {
  if (!isUsable(address)) return walk;
  const known = walk.visits.get(addressKey(address));
  if (known !== undefined) {
    return rank[lead] < rank[known.lead] ? withVisit(walk, { ...known, lead, teller }) : walk;
  }
  if (walk.visits.size >= walk.options.maxVisits) return { ...walk, dropped: walk.dropped + 1 };
  return withVisit(walk, { address, lead, name, teller, outcome: { kind: 'due' } });
}

/** What is said outright stands before what is guessed. */
const rank: Readonly<Record<LeadKind, number>> = {
  start: 0,
  named: 1,
  source: 2,
  replica: 3,
  member: 4,
  guess: 5,
};

/** A configuration can hold it. */
const isUsable = (address: Address): boolean =>
  readAddress(formatAddress(address), true).ok && !isWildcard(address.host);

const withVisit = (walk: Walk, visit: Visit): Walk => ({
  ...walk,
  visits: new Map(walk.visits).set(addressKey(visit.address), visit),
});
