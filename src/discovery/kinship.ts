import { type Address, formatAddress, sameAddress } from '../cluster/instance.ts';
import { isLoopback } from '../config/address.ts';
import type { Sighting } from '../engines/discovery.ts';
import { addressKey, type Found, placesOf, sourceSeenFromHere, type Visit, type Walk } from './walk.ts';

/** Who replicates from whom, once a walk is over, and who was heard of and not found. Servers go by their identity. */
export interface Kinship {
  /** A server's source among the servers that were found. */
  readonly sources: ReadonlyMap<string, string>;
  /** For whose receipt its source waits before a commit is told. */
  readonly synchronous: ReadonlySet<string>;
  /** The addresses by which a server's replicas know it, as they say it, the most frequent first. */
  readonly knownAs: ReadonlyMap<string, readonly Address[]>;
  readonly unseen: readonly Unseen[];
  /** Addresses that somebody named outright, where no server of this cluster was reached. */
  readonly unreached: readonly Visit[];
}

/** Somebody hangs on a server, and was not found. */
export interface Unseen {
  readonly teller: string;
  readonly sighting: Sighting;
  /** Where it was looked for. */
  readonly tried: readonly Address[];
}

export function kinshipOf(walk: Walk): Kinship {
  const found = [...walk.servers.values()];
  const direct = directSources(walk, found);
  const { matches, unseen } = matchSightings(walk, found, direct);
  const sources = new Map(direct);
  const synchronous = new Set<string>();
  for (const { teller, server, sighting } of matches) {
    // What its replica calls it is no address that Aurelay can reach, and it is the same server all the same.
    if (!sources.has(server.identity)) sources.set(server.identity, teller.identity);
    if (sighting.synchronous) synchronous.add(server.identity);
  }
  return {
    ...{ sources, synchronous, unseen: unseen.filter(({ tried }) => !isAnUnreached(walk, tried)) },
    knownAs: namesOfSources(walk, sources),
    unreached: [...walk.visits.values()].filter((visit) => isUnreached(walk, visit, sources)),
  };
}

function directSources(walk: Walk, found: readonly Found[]): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  for (const server of found) {
    for (const source of server.discovery.sources) {
      const identity = identityAt(walk, sourceSeenFromHere(server, source));
      if (identity !== null && identity !== server.identity) sources.set(server.identity, identity);
    }
  }
  return sources;
}

function identityAt({ visits }: Walk, address: Address): string | null {
  const outcome = visits.get(addressKey(address))?.outcome;
  return outcome?.kind === 'server' ? outcome.identity : null;
}

interface Match {
  readonly teller: Found;
  readonly server: Found;
  readonly sighting: Sighting;
}

/** Each sighting is one server, and no server is two of them. */
function matchSightings(
  walk: Walk,
  found: readonly Found[],
  direct: ReadonlyMap<string, string>,
): { readonly matches: readonly Match[]; readonly unseen: readonly Unseen[] } {
  const matches: Match[] = [];
  const unseen: Unseen[] = [];
  for (const teller of found) {
    const left = new Set(
      found.filter((server) => {
        const source = direct.get(server.identity);
        return server !== teller && (source === undefined ? mayFollow(server) : source === teller.identity);
      }),
    );
    for (const sighting of certainFirst(teller.discovery.replicas)) {
      const server = [...left].find((one) => isSame(walk, teller, sighting, one, direct));
      if (server !== undefined) {
        left.delete(server);
        matches.push({ teller, server, sighting });
      } else {
        const tried = placesOf(walk, teller, sighting).map(({ address }) => address);
        unseen.push({ teller: teller.identity, sighting, tried });
      }
    }
  }
  return { matches, unseen };
}

const mayFollow = ({ discovery }: Found): boolean => discovery.sources.length > 0;

/** Those with a mark choose first. */
const certainFirst = (sightings: readonly Sighting[]): readonly Sighting[] =>
  [...sightings].sort((a, b) => Number(a.mark === null) - Number(b.mark === null));

function isSame(
  walk: Walk,
  teller: Found,
  sighting: Sighting,
  server: Found,
  direct: ReadonlyMap<string, string>,
): boolean {
  if (sighting.mark !== null) return server.discovery.marks.includes(sighting.mark);
  if (direct.get(server.identity) !== teller.identity) return false;
  return placesOf(walk, teller, sighting).length > 0;
}

/** It has an entry of its own among the unreached. */
const isAnUnreached = ({ visits }: Walk, tried: readonly Address[]): boolean =>
  tried.some((address) => {
    const visit = visits.get(addressKey(address));
    return visit?.outcome.kind === 'failed' && visit.lead !== 'guess';
  });

function isUnreached(walk: Walk, visit: Visit, sources: ReadonlyMap<string, string>): boolean {
  if (visit.outcome.kind !== 'failed' || visit.lead === 'guess') return false;
  if (visit.teller === null) return true;
  const teller = walk.servers.get(visit.teller);
  if (teller === undefined) return true;
  if (visit.lead === 'source') return !sources.has(teller.identity);
  const there = [...teller.discovery.replicas, ...teller.discovery.members].filter((sighting) =>
    placesOf(walk, teller, sighting).some(({ address }) => addressKey(address) === addressKey(visit.address)),
  );
  return !there.every(({ mark }) => mark !== null && isKnown(walk, mark));
}

const isKnown = ({ servers }: Walk, mark: string): boolean =>
  [...servers.values()].some(({ discovery }) => discovery.marks.includes(mark));

function namesOfSources(
  walk: Walk,
  sources: ReadonlyMap<string, string>,
): ReadonlyMap<string, readonly Address[]> {
  const counts = new Map<string, Map<string, { readonly address: Address; readonly count: number }>>();
  for (const server of walk.servers.values()) {
    const source = sources.get(server.identity);
    const told = server.discovery.sources.find(({ host }) => !host.startsWith('/') && host !== '');
    if (source === undefined || told === undefined) continue;
    const names = counts.get(source) ?? new Map();
    const before = names.get(formatAddress(told))?.count ?? 0;
    counts.set(source, names.set(formatAddress(told), { address: told, count: before + 1 }));
  }
  return new Map(
    [...counts].map(([identity, names]) => [
      identity,
      [...names.values()].sort((a, b) => b.count - a.count).map(({ address }) => address),
    ]),
  );
}

/**
 * The address of a server to write down. What its replicas call it is its own for good, where the name that a person
 * typed may be one that moves from writer to writer; but `localhost` is only this machine's.
 */
export function chooseAddress(reached: readonly Visit[], knownAs: readonly Address[]): Visit | null {
  const cost = ({ address, lead }: Visit): number => {
    if (lead === 'named') return 0;
    const isTold = knownAs.some((told) => sameAddress(told, address));
    return (
      (isLoopback(address.host) ? 10 : 0) + (isTold ? 1 : lead === 'start' ? 2 : lead === 'guess' ? 4 : 3)
    );
  };
  return [...reached].sort((a, b) => cost(a) - cost(b))[0] ?? null;
}
