import { formatAddress, sameAddress } from '../cluster/instance.ts';
import { isLoopback } from '../config/address.ts';
import type { StarterInstance, StarterPlan } from '../config/starter.ts';
import {
  type Missing,
  type Server,
  type Topology,
  type Unreached,
  whyNotAutomatic,
  writerOf,
} from './topology.ts';

/** What the person has to say about it. */
export type Wishes = Pick<
  StarterPlan,
  'admin' | 'stateDir' | 'monitor' | 'serverTls' | 'mode' | 'writer' | 'reader'
>;

/** The configuration of a cluster as it was found. */
export function draftOf(topology: Topology, wishes: Wishes): StarterPlan {
  const { engine, cluster, servers, unreached, unseen } = topology;
  const obstacle = wishes.mode === 'automatic' ? whyNotAutomatic(topology) : null;
  const replicas = servers.filter(({ source }) => source !== null);
  return {
    ...wishes,
    engine,
    cluster,
    remarks: remarksOn(topology),
    mode: obstacle === null ? wishes.mode : 'observe',
    whyObserve: obstacle,
    replicationUser:
      servers.find(({ discovery }) => discovery.replicationUser !== null)?.discovery.replicationUser ?? null,
    quorum: quorumOf(topology),
    namesAcknowledge:
      engine === 'postgres' &&
      replicas.length > 0 &&
      replicas.every(({ name, discovery }) => discovery.marks.includes(name)),
    instances: [...servers.map((server) => instanceOf(topology, server)), ...unreached.map(absent)],
    missing: unseen.map((one, index) => ({ name: nameOfUnseen(one, index), why: wordsOnUnseen(one) })),
  };
}

function instanceOf(topology: Topology, server: Server): StarterInstance {
  const { name, address, replicationAddress, tier } = server;
  return {
    name,
    address,
    replicationAddress,
    tier,
    remarks: [describe(server), ...surprises(topology, server)],
  };
}

function absent({ name, address, failure, teller }: Unreached): StarterInstance {
  const who = teller === null ? 'You named it' : `${teller} told of it`;
  return {
    ...{ name, address, replicationAddress: null, tier: 15 },
    remarks: [
      `NOT REACHED when this was written. ${who}; from here: ${failure.detail}. Correct the address, or remove the entry.`,
    ],
  };
}

/** `The writer when this was written. PostgreSQL 18.4.` */
function describe({ discovery, source, synchronous }: Server): string {
  const { observation, delaySeconds } = discovery;
  const role =
    observation.role === 'writer'
      ? 'The writer when this was written'
      : source === null
        ? 'Read-only, and a replica of nobody that was found'
        : `A replica of ${source}${synchronous ? ', for which commits wait' : ''}`;
  const late =
    delaySeconds > 0 ? ` Applies what it receives ${delaySeconds} s later, on purpose: promoted last.` : '';
  return `${role}. ${observation.version}.${late}`;
}

/** What may be another thing to the servers than it is from here. */
function surprises({ servers }: Topology, server: Server): readonly string[] {
  const { address, aliases, replicationAddress, discovery } = server;
  const remarks: string[] = [];
  const told = servers.flatMap((other) => (other.source === server.name ? other.discovery.sources : []));
  const stray = told.find((one) => isLoopback(one.host) && !isLoopback(address.host));
  if (stray !== undefined && replicationAddress === null) {
    remarks.push(
      `Its replicas know it as ${formatAddress(stray)}, which is good on its own machine only: the others will be pointed at ${formatAddress(address)}.`,
    );
  }
  const typed = aliases.filter((alias) => !told.some((one) => sameAddress(one, alias)));
  if (typed.length > 0) remarks.push(`Also reached at ${typed.map(formatAddress).join(', ')}.`);
  return [...remarks, ...discovery.remarks];
}

/** Ports that no endpoint should listen on: on a server's own machine it would be in its place. */
export const portsOf = ({ servers, unreached }: Topology): ReadonlySet<number> =>
  new Set([
    ...servers.flatMap(({ address, replicationAddress }) => [
      address.port,
      ...(replicationAddress === null ? [] : [replicationAddress.port]),
    ]),
    ...unreached.map(({ address }) => address.port),
  ]);

export function remarksOn(topology: Topology): readonly string[] {
  const { servers } = topology;
  const remarks: string[] = [];
  const writer = writerOf(topology);
  if (writer === null) remarks.push(whyNoWriter(topology));
  if (servers.length > 1 && servers.every(({ address }) => isLoopback(address.host))) {
    remarks.push(
      'All addresses are of this machine: that is right as long as Aurelay and every server run on it.',
    );
  }
  for (const server of servers.filter(({ tier }) => tier === 2)) {
    remarks.push(
      `${server.name} replicates from ${server.source}, which is a replica itself. Aurelay leaves it there as long as it receives; when ${server.source} is promoted or gone, it follows the writer.`,
    );
  }
  const versions = new Set(servers.map(({ discovery }) => discovery.observation.version));
  if (versions.size > 1) remarks.push(`The versions differ: ${[...versions].join(', ')}.`);
  return remarks;
}

function whyNoWriter({ servers }: Topology): string {
  const writers = servers.filter(({ discovery }) => discovery.observation.role === 'writer');
  if (writers.length > 1) {
    return `Several servers take writes: ${writers.map(({ name }) => name).join(', ')}. Aurelay does not guess which is right, and answers on the writer endpoint once one is left.`;
  }
  const circle = servers.find((one) =>
    servers.some((other) => one.source === other.name && other.source === one.name),
  );
  if (circle !== undefined) {
    return `${circle.name} and ${circle.source} replicate from each other. A server that has a source is a replica to Aurelay: let the writer forget its own (RESET REPLICA ALL, on MariaDB RESET SLAVE ALL).`;
  }
  const roots = servers.filter(({ source, discovery }) => source === null && discovery.sources.length === 0);
  const [root] = roots;
  return roots.length === 1 && root !== undefined
    ? `No server takes writes now. ${root.name} has no source, so it is the one to be made writable.`
    : 'No server takes writes now, or the one that does was not reached.';
}

/** W is more than half of N, and no less than what the writer waits for now. */
function quorumOf(topology: Topology): StarterPlan['quorum'] {
  const { servers, unreached } = topology;
  const waits = writerOf(topology)?.discovery.observation.acknowledgement?.count ?? 0;
  const copies = servers.length + unreached.length;
  if (waits === 0 || copies < 2) return null;
  return { copies, writeQuorum: Math.min(copies, Math.max(waits + 1, Math.floor(copies / 2) + 1)) };
}

export const nameOfUnseen = ({ sighting }: Missing, index: number): string =>
  sighting.name ?? `replica-${index + 1}`;

export function wordsOnUnseen({ teller, sighting, tried }: Missing): string {
  const called =
    sighting.name !== null
      ? `A replica called ${sighting.name}`
      : sighting.mark !== null
        ? 'A replica'
        : 'A replica, or a program that reads the log,';
  const from = sighting.hosts.length === 0 ? '' : ` from ${sighting.hosts.join(' or ')}`;
  const looked = tried.length === 0 ? '' : ` It was looked for at ${tried.map(formatAddress).join(', ')}.`;
  return `${called} is connected to ${teller}${from}, which does not know where it listens.${looked}`;
}
