import type { Discovery, MissingGrant, Sighting } from '../discovery.ts';
import { numberOf, textOf } from './dialects/columns.ts';
import type { Results, Row, ServerStatus } from './dialects/dialect.ts';
import { type Grants, readGrants } from './grants.ts';
import { observationOf } from './observation.ts';
import { isAtLeast, type ServerVersion } from './server-version.ts';

/** What is asked beside the status, each by itself: a login may be refused one and not another. */
export interface Question {
  readonly name:
    | 'self'
    | 'account'
    | 'variables'
    | 'status'
    | 'replicas'
    | 'processes'
    | 'channels'
    | 'group';
  readonly sql: string;
}

const variableNames = [
  'group_replication_group_name',
  'wsrep_on',
  'wsrep_cluster_address',
  'basedir',
  'report_host',
]
  .map((name) => `'${name}'`)
  .join(', ');

export function questionsTo(version: ServerVersion): readonly Question[] {
  const isMariadb = version.flavor === 'mariadb';
  const renamed = !isMariadb && isAtLeast(version, 8, 0, 22);
  return [
    {
      name: 'self',
      sql: `SELECT @@hostname AS hostname, @@port AS port, @@server_id AS server_id, @@datadir AS datadir${
        isMariadb ? '' : ', @@server_uuid AS server_uuid'
      }, CURRENT_USER() AS account`,
    },
    { name: 'account', sql: 'SHOW GRANTS' },
    { name: 'variables', sql: `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${variableNames})` },
    { name: 'status', sql: "SHOW GLOBAL STATUS LIKE 'wsrep_incoming_addresses'" },
    { name: 'replicas', sql: renamed ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS' },
    { name: 'processes', sql: 'SHOW PROCESSLIST' },
    {
      name: 'channels',
      sql: isMariadb ? 'SHOW ALL SLAVES STATUS' : `SHOW ${renamed ? 'REPLICA' : 'SLAVE'} STATUS`,
    },
    ...(isMariadb
      ? []
      : [
          {
            name: 'group' as const,
            sql: 'SELECT MEMBER_ID AS id, MEMBER_HOST AS host, MEMBER_PORT AS port FROM performance_schema.replication_group_members',
          },
        ]),
  ];
}

/** The rows of an answer; null where it was refused. */
export type Answers = Readonly<Record<Question['name'], Results[number] | null>>;

/** Throws nothing: what was refused is missing from the picture, and among the missing grants. */
export function readDiscovery(status: ServerStatus, version: ServerVersion, answers: Answers): Discovery {
  const self = answers.self?.[0] ?? {};
  const variables = new Map(
    (answers.variables ?? []).map((row) => [row.Variable_name ?? '', row.Value ?? '']),
  );
  const isMariadb = version.flavor === 'mariadb';
  const group = groupOf(variables);
  const rights = rightsOf(answers.account ?? []);
  return {
    // A clone keeps the server id, and sometimes the UUID, of what it was made of.
    identity: ['server_uuid', 'server_id', 'hostname', 'port', 'datadir']
      .map((name) => self[name] ?? '')
      .join(' '),
    lineage: null,
    observation: observationOf(status, version, null),
    names: [variables.get('report_host') ?? '', self.hostname ?? '']
      .map(firstLabel)
      .filter((name) => name !== ''),
    marks: [self.server_uuid ?? null, self.server_id ?? null].filter((mark) => mark !== null),
    sources: status.channels.flatMap(({ source }) => source ?? []),
    replicas: readReplicas(answers),
    members: group === null ? [] : membersOf(answers),
    group,
    delaySeconds: Math.max(0, ...(answers.channels ?? []).map((row) => numberOf(row, 'SQL_Delay') ?? 0)),
    replicationUser: status.channels[0]?.user ?? null,
    // Where Amazon RDS and Aurora keep their programs.
    keeper: variables.get('basedir')?.startsWith('/rdsdbbin') === true ? 'Amazon RDS or Aurora' : null,
    missing: missingGrants(self.account ?? '', rights, answers, isMariadb),
    remarks: remarksOf(status, answers),
  };
}

/** `db1.example.com` → `db1`; an IP address is no name. */
const firstLabel = (host: string): string => (/^[\d.]+$|:/.test(host) ? '' : (host.split('.')[0] ?? ''));

function groupOf(variables: ReadonlyMap<string, string>): Discovery['group'] {
  if ((variables.get('group_replication_group_name') ?? '') !== '') return 'group-replication';
  const galera = variables.get('wsrep_on') === 'ON' && (variables.get('wsrep_cluster_address') ?? '') !== '';
  return galera ? 'galera' : null;
}

function membersOf({ group, status }: Answers): readonly Sighting[] {
  const incoming =
    status?.find(({ Variable_name: name }) => name === 'wsrep_incoming_addresses')?.Value ?? '';
  return [
    ...(group ?? []).flatMap((row) =>
      memberAt(textOf(row, 'host'), numberOf(row, 'port'), textOf(row, 'id')),
    ),
    // Nodes that do not know theirs say AUTO.
    ...incoming.split(',').flatMap((text) => {
      const [, host = '', port = ''] = /^\s*\[?([^\]]+?)\]?:(\d+)\s*$/.exec(text) ?? [];
      return memberAt(host, Number(port), null);
    }),
  ];
}

const memberAt = (host: string | null, port: number | null, mark: string | null): readonly Sighting[] =>
  host === null || host === '' || port === null
    ? []
    : [{ hosts: [host], port, mark, name: firstLabel(host) || null, synchronous: false }];

/**
 * Those that registered with this server, each at the host that it reports; at those from which somebody reads the binary
 * log where it reports none, or where the list is refused.
 */
function readReplicas({ replicas, processes }: Answers): readonly Sighting[] {
  const dumpHosts = (processes ?? []).flatMap((row) =>
    (row.Command ?? '').startsWith('Binlog Dump') ? (hostOf(row.Host ?? '') ?? []) : [],
  );
  const nameOf = (host: string): string | null => firstLabel(host) || null;
  if (replicas === null) {
    return dumpHosts.map((host) => ({
      hosts: [host],
      port: null,
      mark: null,
      name: nameOf(host),
      synchronous: false,
    }));
  }
  const hosts = [...new Set(dumpHosts)];
  return replicas.map((row) => {
    const reported = textOf(row, 'Host');
    const port = numberOf(row, 'Port');
    return {
      hosts: reported === null ? hosts : [reported],
      port: port === null || port === 0 ? null : port,
      mark: textOf(row, 'Replica_UUID', 'Slave_UUID', 'Server_Id', 'Server_id'),
      name: reported === null ? null : nameOf(reported),
      synchronous: false,
    };
  });
}

/** Of `db2:51234`, where the port is that of the connection. MariaDB writes IPv6 without brackets, too. */
function hostOf(text: string): string | null {
  const [, host = ''] = /^\[?(.*?)\]?:\d+$/.exec(text) ?? ['', text];
  return host === '' ? null : host;
}

// ---- grants ----

interface Rights extends Pick<Grants, 'global' | 'seesHeartbeats'> {
  /** Some come with a role, which the list does not spell out. */
  readonly hasRoles: boolean;
}

/** SHOW GRANTS: `GRANT A, B ON *.* TO …` for what holds everywhere, `GRANT role TO …` for roles. */
function rightsOf(rows: readonly Row[]): Rights {
  const lines = rows.map((row) => Object.values(row)[0] ?? '');
  const hasRoles = lines.some((line) => /^GRANT /i.test(line) && !/ ON /i.test(line));
  return { ...readGrants(lines), hasRoles };
}

/** In the words of docs/servers.md; several privileges stand in one statement there, too. */
function missingGrants(
  account: string,
  { global, hasRoles, seesHeartbeats }: Rights,
  answers: Answers,
  isMariadb: boolean,
): readonly MissingGrant[] {
  const to = `ON *.* TO ${quoteAccount(account)};`;
  const missing: MissingGrant[] = [];
  if (answers.channels === null) {
    const sql = `GRANT ${isMariadb ? 'SLAVE MONITOR' : 'REPLICATION CLIENT'} ${to}`;
    missing.push({ for: 'observe', sql, why: 'it may not see whom this server follows' });
  }
  if (answers.replicas === null) {
    const sql = `GRANT ${isMariadb ? 'REPLICATION MASTER ADMIN' : 'REPLICATION SLAVE'} ${to}`;
    const why = 'it may not list the replicas of this server';
    missing.push({ for: 'discovery', sql, why });
  }
  const all = global.has('ALL PRIVILEGES') || global.has('ALL');
  if (all || hasRoles || answers.account === null) return missing;
  const lacking = (isMariadb ? mariadbAutomatic : mysqlAutomatic).filter(
    (name) => !global.has(name.replaceAll('_', ' ')) && !(global.has('SUPER') && withSuper.has(name)),
  );
  if (lacking.length > 0) {
    const sql = `GRANT ${lacking.join(', ')} ${to}`;
    missing.push({ for: 'automatic', sql, why: 'it may not promote, fence and repoint' });
  }
  if (!isMariadb && !seesHeartbeats) {
    const sql = `GRANT SELECT ON performance_schema.replication_connection_status TO ${quoteAccount(account)};`;
    missing.push({ for: 'automatic', sql, why: 'idle replicas cannot bear witness to a writer that lives' });
  }
  return missing;
}

const mysqlAutomatic = [
  'REPLICATION_SLAVE_ADMIN',
  'SYSTEM_VARIABLES_ADMIN',
  'CONNECTION_ADMIN',
  'PROCESS',
  'RELOAD',
];
const mariadbAutomatic = [
  'REPLICATION SLAVE ADMIN',
  'READ_ONLY ADMIN',
  'CONNECTION ADMIN',
  'PROCESS',
  'RELOAD',
];
/** What SUPER includes, on servers that still know it. */
const withSuper: ReadonlySet<string> = new Set([
  ...mysqlAutomatic.slice(0, 3),
  ...mariadbAutomatic.slice(0, 3),
]);

/** `aurelay@%` → `aurelay@'%'`; the host is what stands behind the last `@`. */
function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  const [user, host] = at === -1 ? [account, '%'] : [account.slice(0, at), account.slice(at + 1)];
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  return `${/^[a-z_][a-z0-9_]*$/i.test(user) ? user : quoted(user)}@${quoted(host)}`;
}

// ---- remarks ----

function remarksOf({ channels }: ServerStatus, answers: Answers): readonly string[] {
  const remarks: string[] = [];
  if (channels.length > 1) {
    remarks.push(
      `It replicates from ${channels.length} sources (multi-source): Aurelay can watch it, and does not repoint it.`,
    );
  }
  if (answers.channels !== null && channels.some(({ usesGtid }) => !usesGtid)) {
    remarks.push('It replicates by file and offset: a failover needs GTIDs (docs/servers.md).');
  }
  return remarks;
}
