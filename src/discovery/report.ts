import { formatAddress } from '../cluster/instance.ts';
import type { MissingGrant } from '../engines/discovery.ts';
import { nameOfUnseen, remarksOn, wordsOnUnseen } from './draft.ts';
import { type Server, type Topology, whyNotAutomatic } from './topology.ts';

/** What was found, as a table, and what was not seen; for a person. */
export function topologyText(topology: Topology): string {
  const { cluster, servers } = topology;
  const count = servers.length === 1 ? 'one server' : `${servers.length} servers`;
  const blocks = [
    `The cluster ${cluster}: ${count}.`,
    table(topology)
      .map((line) => `  ${line}`)
      .join('\n'),
    bullets('', remarksOn(topology)),
    bullets('Not seen:', notSeen(topology)),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function table({ servers, unreached }: Topology): readonly string[] {
  const rows = [
    ['NAME', 'ROLE', 'ADDRESS', 'VERSION', 'LAG', 'NOTE'],
    ...servers.map((server) => [
      server.name,
      roleOf(server),
      formatAddress(server.address),
      server.discovery.observation.version,
      lagOf(server),
      noteOn(server),
    ]),
    ...unreached.map(({ name, address, failure }) => [
      name,
      'NOT REACHED',
      formatAddress(address),
      '-',
      '-',
      failure.detail,
    ]),
  ].map((row) => row.map(plain));
  const used = (rows[0] ?? []).map((_, column) => rows.slice(1).some((row) => row[column] !== ''));
  const kept = rows.map((row) => row.filter((_, column) => used[column]));
  const widths = (kept[0] ?? []).map((_, column) => Math.max(...kept.map((row) => row[column]?.length ?? 0)));
  return kept.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function roleOf({ discovery, source }: Server): string {
  if (discovery.observation.role === 'writer') return 'writer';
  return source === null ? 'read-only' : `replica of ${source}`;
}

/** A replica that lags by a split second does so because nothing was written for so long. */
function lagOf({ discovery }: Server): string {
  const { role, lagSeconds } = discovery.observation;
  if (role === 'writer') return '-';
  return lagSeconds === null ? 'unknown' : `${lagSeconds.toFixed(1).replace(/\.0$/, '')}s`;
}

function noteOn({ discovery, synchronous }: Server): string {
  const { observation, delaySeconds, group } = discovery;
  const notes = [
    ...(synchronous ? ['commits wait for it'] : []),
    ...(delaySeconds > 0 ? [`delayed by ${delaySeconds} s`] : []),
    ...(observation.replication?.streaming === false ? ['not receiving'] : []),
    ...(group === null ? [] : [group === 'galera' ? 'Galera' : 'Group Replication']),
  ];
  return notes.join(', ');
}

function notSeen({ unreached, unseen, foreign, notVisited, servers }: Topology): readonly string[] {
  return [
    ...unreached.map(
      ({ name, address, failure, teller }) =>
        `${name} at ${formatAddress(address)}${teller === null ? '' : `, of which ${teller} told`}: ${failure.detail}. It is in the file, marked as not reached.`,
    ),
    ...unseen.map((one, index) => {
      const host = one.tried[0]?.host ?? one.sighting.hosts[0] ?? 'HOST';
      return `${wordsOnUnseen(one)} Name it: --instance ${nameOfUnseen(one, index)}=${host.includes(':') ? `[${host}]` : host}:PORT`;
    }),
    ...foreign.map(
      (address) => `${formatAddress(address)} is a server of another cluster, and was left out.`,
    ),
    ...(notVisited > 0
      ? [`${notVisited} more addresses, for want of time: run it again, or name them.`]
      : []),
    ...blindSpots(servers),
  ];
}

/** What the login may not see, with the statement that would let it, once for all servers. */
function blindSpots(servers: readonly Server[]): readonly string[] {
  const spots = new Map<string, { readonly why: string; readonly names: readonly string[] }>();
  for (const { name, discovery } of servers) {
    for (const { sql, why } of discovery.missing.filter((grant) => grant.for !== 'automatic')) {
      spots.set(sql, { why, names: [...(spots.get(sql)?.names ?? []), name] });
    }
  }
  return [...spots].map(
    ([sql, { why, names }]) =>
      `${names.join(', ')}: the login sees less than there may be: ${why}. To let it: ${sql}`,
  );
}

/** The statements that are still to be run, each once, on the writer: replicas get what it has. */
export function grantsFor(topology: Topology, mode: 'automatic' | 'observe'): readonly MissingGrant[] {
  const wanted = topology.servers.flatMap(({ discovery }) =>
    discovery.missing.filter((grant) => grant.for === 'observe' || grant.for === mode),
  );
  return [...new Map(wanted.map((grant) => [grant.sql, grant])).values()];
}

/** What `--json` prints. Lags in seconds; nothing in it is a secret. */
export function topologyJson(topology: Topology): object {
  return {
    cluster: topology.cluster,
    engine: topology.engine,
    automatic: { possible: whyNotAutomatic(topology) === null, why_not: whyNotAutomatic(topology) },
    servers: topology.servers.map((server) => {
      const { observation, delaySeconds, group, keeper, missing, remarks } = server.discovery;
      return {
        name: server.name,
        address: formatAddress(server.address),
        replication_address:
          server.replicationAddress === null ? null : formatAddress(server.replicationAddress),
        aliases: server.aliases.map(formatAddress),
        role: observation.role,
        source: server.source,
        version: observation.version,
        position: observation.position,
        lag_seconds: observation.lagSeconds,
        streaming: observation.replication?.streaming ?? null,
        synchronous: server.synchronous,
        delay_seconds: delaySeconds,
        promotion_tier: server.tier,
        ...{ group, keeper },
        missing_grants: missing,
        remarks,
      };
    }),
    unreached: topology.unreached.map(({ name, address, failure, teller }) => ({
      name,
      address: formatAddress(address),
      reason: failure.reason,
      detail: failure.detail,
      told_by: teller,
    })),
    unseen: topology.unseen.map(({ teller, sighting, tried }) => ({
      told_by: teller,
      name: sighting.name,
      hosts: sighting.hosts,
      tried: tried.map(formatAddress),
    })),
    foreign: topology.foreign.map(formatAddress),
    remarks: remarksOn(topology),
  };
}

const bullets = (title: string, lines: readonly string[]): string => {
  const points = [...new Set(lines)].map((line) => `  - ${plain(line)}`);
  return (points.length === 0 || title === '' ? points : [title, ...points]).join('\n');
};

/** A server's words are in some of it, and must not move the cursor. */
const plain = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
