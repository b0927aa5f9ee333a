import { configureCluster, sql } from '../../fix.ts';
import { found, type MysqlRule, notApplicable, passed, type Verdict } from '../../rule.ts';
import { administered, isAutomatic, type MysqlSubject, writerOf } from '../../subject.ts';
import { isMysql } from './variables.ts';

interface Needed {
  readonly grant: string;
  /** What includes it. */
  readonly or: readonly string[];
}

const superToo = ['SUPER'];

/** As docs/servers.md lists them. */
const toObserve = (subject: MysqlSubject): readonly Needed[] =>
  isMysql(subject)
    ? [{ grant: 'REPLICATION CLIENT', or: superToo }]
    : [{ grant: 'SLAVE MONITOR', or: superToo }];

function toAct(subject: MysqlSubject): readonly Needed[] {
  if (!isAutomatic(subject.of)) return [];
  if (isMysql(subject)) {
    return [
      { grant: 'REPLICATION_SLAVE_ADMIN', or: superToo },
      { grant: 'SYSTEM_VARIABLES_ADMIN', or: superToo },
      { grant: 'CONNECTION_ADMIN', or: superToo },
      { grant: 'PROCESS', or: [] },
      { grant: 'RELOAD', or: [] },
    ];
  }
  return [
    { grant: 'REPLICATION SLAVE ADMIN', or: superToo },
    // Apart from SUPER since 10.11.
    { grant: 'READ_ONLY ADMIN', or: isOlder(subject) ? superToo : [] },
    { grant: 'CONNECTION ADMIN', or: superToo },
    { grant: 'PROCESS', or: [] },
    { grant: 'RELOAD', or: [] },
  ];
}

const isOlder = ({ facts: { versionNumber } }: MysqlSubject): boolean =>
  versionNumber.major === 10 && versionNumber.minor < 11;

function has({ facts }: MysqlSubject, { grant, or }: Needed): boolean {
  const { privileges } = facts.rights;
  const names = [grant, ...or, 'ALL PRIVILEGES'].map((name) => name.replaceAll('_', ' '));
  return names.some((name) => privileges.has(name));
}

function expectGrants(subject: MysqlSubject, needed: readonly Needed[]): Verdict {
  if (needed.length === 0) return notApplicable;
  const missing = needed.filter((one) => !has(subject, one)).map(({ grant }) => grant);
  if (missing.length === 0) return passed;
  const { account } = subject.facts.rights;
  const list = missing.join(', ');
  return found(`${account} lacks ${list}`, sql(administered(subject), `GRANT ${list} ON *.* TO ${account};`));
}

/** Sessions of these endpoints get ids of Aurelay's own, so that it has to look after their KILLs. */
const looksAfterKills = ({ of }: MysqlSubject): boolean =>
  [...of.cluster.endpoints.values()].some(({ connectionIds }) => connectionIds === 'aurelay');

const leastConnections = 3;

export const mysqlPrivilegeRules: readonly MysqlRule[] = [
  {
    id: 'my-privileges-to-look',
    severity: 'error',
    scope: 'mysql',
    expects: 'the monitor user may see how a server replicates',
    why: 'Health checks fail without it, so that the server gets no sessions.',
    remedy: '`GRANT REPLICATION CLIENT` (MariaDB: `SLAVE MONITOR`)',
    look: (subject) => expectGrants(subject, toObserve(subject)),
  },
  {
    id: 'my-privileges-to-act',
    severity: 'error',
    scope: 'mysql',
    expects: 'with `mode: automatic`, the monitor user may promote, repoint and fence',
    why: 'A failover or a switchover would stop half-way, at the first statement that is refused.',
    remedy: 'the grants that docs/servers.md lists',
    look: (subject) => expectGrants(subject, toAct(subject)),
  },
  {
    id: 'my-privileges-for-quorum',
    severity: 'error',
    scope: 'mysql',
    expects: 'with a write quorum on MariaDB, the monitor user may set what commits wait for',
    why: 'The quorum cannot be kept: no commit waits.',
    remedy: '`GRANT REPLICATION MASTER ADMIN`',
    look: (subject) =>
      expectGrants(
        subject,
        subject.of.cluster.durability !== null && !isMysql(subject)
          ? [{ grant: 'REPLICATION MASTER ADMIN', or: superToo }]
          : [],
      ),
  },
  {
    id: 'my-privileges-to-kill',
    severity: 'warning',
    scope: 'mysql',
    expects: 'the monitor user may carry out a KILL for a client whose session is on another server',
    why: 'A KILL, and Ctrl-C in the client, ends in an error where it names a session on another server than the asker’s.',
    remedy:
      '`GRANT SELECT ON performance_schema.*` and `CONNECTION_ADMIN` (MariaDB: `PROCESS`, `CONNECTION ADMIN`)',
    look: (subject) => {
      if (!looksAfterKills(subject)) return notApplicable;
      const { rights } = subject.facts;
      const admin = isMysql(subject)
        ? [{ grant: 'CONNECTION_ADMIN', or: superToo }]
        : [
            { grant: 'PROCESS', or: [] },
            { grant: 'CONNECTION ADMIN', or: superToo },
          ];
      const lacksSchema = isMysql(subject) && !rights.performanceSchema;
      const verdict = expectGrants(subject, admin);
      if (!lacksSchema) return verdict;
      const grant = `GRANT SELECT ON performance_schema.* TO ${rights.account};`;
      const on = administered(subject);
      if (verdict.kind !== 'found')
        return found(`${rights.account} may not read performance_schema`, sql(on, grant));
      return found(`${verdict.found}, and may not read performance_schema`, ...verdict.fix, sql(on, grant));
    },
  },
  {
    id: 'my-connection-limit',
    severity: 'error',
    scope: 'mysql',
    expects: `the monitor user may have ${leastConnections} connections or more`,
    why: 'One looks and another promotes: a failover finds the second one refused.',
    remedy: '`ALTER USER … WITH MAX_USER_CONNECTIONS 8`',
    look: (subject) => {
      const { connectionLimit, account } = subject.facts.rights;
      if (connectionLimit === null || connectionLimit >= leastConnections) return passed;
      return found(
        `${account} may have ${connectionLimit} connection${connectionLimit === 1 ? '' : 's'}`,
        sql(administered(subject), `ALTER USER ${account} WITH MAX_USER_CONNECTIONS 8;`),
      );
    },
  },
  {
    id: 'my-replication-login',
    severity: 'warning',
    scope: 'mysql',
    expects: 'with `mode: automatic`, a former writer has a login to replicate with',
    why: 'A promoted server forgets with which user it replicated, so that it cannot become a replica again by itself.',
    remedy:
      '`replication: { user, password }` in the configuration, or `GRANT REPLICATION SLAVE` to the monitor user',
    look: (subject) => {
      if (!isAutomatic(subject.of)) return notApplicable;
      if (subject.of.cluster.replication !== null) return passed;
      if (has(subject, { grant: 'REPLICATION SLAVE', or: [] })) return passed;
      const known = userOfReplicas(subject);
      return found(
        `there is no \`replication\` in the configuration, and ${subject.facts.rights.account} lacks REPLICATION SLAVE`,
        configureCluster(
          subject.of.cluster.id,
          `replication: { user: ${known ?? 'replicator'}, password: \${REPLICATION_PASSWORD} }`,
        ),
      );
    },
  },
];

function userOfReplicas({ of, facts }: MysqlSubject): string | null {
  const own = facts.channels[0]?.user ?? null;
  if (own !== null) return own;
  const writer = writerOf(of);
  for (const { survey, instance } of of.instances) {
    if (survey.kind !== 'answered' || survey.facts.engine !== 'mysql' || instance.id === writer?.instance.id)
      continue;
    const user = survey.facts.channels[0]?.user;
    if (user != null) return user;
  }
  return null;
}
