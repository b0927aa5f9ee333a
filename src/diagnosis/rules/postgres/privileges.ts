import { sql } from '../../fix.ts';
import { found, notApplicable, notChecked, type PostgresRule, passed } from '../../rule.ts';
import { administered, isAutomatic, type PostgresSubject, writerOf } from '../../subject.ts';
import { identifier } from './settings.ts';

/** One that changes servers, and is no superuser. */
const acts = ({ of, facts }: PostgresSubject): boolean => isAutomatic(of) && !facts.rights.superuser;

const grant = (subject: PostgresSubject, what: string) =>
  sql(administered(subject), `GRANT ${what} TO ${identifier(subject.facts.rights.user)};`);

/** Aurelay opens one connection to look and one to act; the doctor one beside them. */
const leastConnections = 3;

export const postgresPrivilegeRules: readonly PostgresRule[] = [
  {
    id: 'pg-monitor',
    severity: 'error',
    scope: 'postgres',
    expects: 'the monitor user is a member of pg_monitor',
    why: 'Without it Aurelay does not see whom a replica follows, nor who acknowledges commits, and decides on less than it could know.',
    remedy: '`GRANT pg_monitor TO aurelay`',
    look: (subject) =>
      subject.facts.rights.monitor
        ? passed
        : found(`${subject.facts.rights.user} is no member of pg_monitor`, grant(subject, 'pg_monitor')),
  },
  {
    id: 'pg-promote',
    severity: 'error',
    scope: 'postgres',
    expects:
      'with `mode: automatic`, the monitor user may call pg_promote() in the database that it connects to',
    why: 'A failover could not promote this server.',
    remedy: '`GRANT EXECUTE ON FUNCTION pg_promote(boolean, integer) TO aurelay`',
    look: (subject) => {
      if (!isAutomatic(subject.of)) return notApplicable;
      if (subject.facts.rights.promote) return passed;
      return found(
        `${subject.facts.rights.user} may not call pg_promote() in database ${subject.of.cluster.monitor.database}`,
        grant(subject, 'EXECUTE ON FUNCTION pg_promote(boolean, integer)'),
      );
    },
  },
  {
    id: 'pg-reload-conf',
    severity: 'error',
    scope: 'postgres',
    expects:
      'with `mode: automatic`, the monitor user may call pg_reload_conf() in the database that it connects to',
    why: 'A replica cannot be pointed at a new writer, nor a writer be fenced, when nothing that Aurelay sets takes effect.',
    remedy: '`GRANT EXECUTE ON FUNCTION pg_reload_conf() TO aurelay`',
    look: (subject) => {
      if (!isAutomatic(subject.of)) return notApplicable;
      if (subject.facts.rights.reload) return passed;
      return found(
        `${subject.facts.rights.user} may not call pg_reload_conf() in database ${subject.of.cluster.monitor.database}`,
        grant(subject, 'EXECUTE ON FUNCTION pg_reload_conf()'),
      );
    },
  },
  {
    id: 'pg-signal-backend',
    severity: 'error',
    scope: 'postgres',
    expects: 'with `mode: automatic`, the monitor user may end the sessions of clients',
    why: 'A switchover has to end the sessions that write on the old writer, and is undone where it may not.',
    remedy: '`GRANT pg_signal_backend TO aurelay`',
    look: (subject) => {
      if (!acts(subject))
        return subject.facts.rights.superuser && isAutomatic(subject.of) ? passed : notApplicable;
      if (subject.facts.rights.signalBackend) return passed;
      return found(
        `${subject.facts.rights.user} is no member of pg_signal_backend`,
        grant(subject, 'pg_signal_backend'),
      );
    },
  },
  {
    id: 'pg-alter-system',
    severity: 'error',
    scope: 'postgres',
    expects: 'with `mode: automatic`, the monitor user may set what Aurelay sets with ALTER SYSTEM',
    why: 'Replicas cannot be pointed at a new writer without primary_conninfo, a writer not be fenced without default_transaction_read_only, and no write quorum be kept without synchronous_standby_names.',
    remedy: '`GRANT ALTER SYSTEM ON PARAMETER … TO aurelay` (PostgreSQL 14: a superuser)',
    look: (subject) => {
      const { of, facts } = subject;
      const { rights } = facts;
      if (!isAutomatic(of)) return notApplicable;
      if (rights.superuser) return passed;
      if (rights.alterSystem === null) {
        return found(
          `${rights.user} is no superuser, and PostgreSQL ${facts.versionNumber.major} has no grant for ALTER SYSTEM`,
          sql(administered(subject), `ALTER ROLE ${identifier(rights.user)} SUPERUSER;`),
        );
      }
      const needed = [
        'primary_conninfo',
        'default_transaction_read_only',
        ...(of.cluster.durability === null ? [] : ['synchronous_standby_names']),
      ];
      const missing = needed.filter((name) => rights.alterSystem?.get(name) !== true);
      if (missing.length === 0) return passed;
      return found(
        `${rights.user} may not set ${missing.join(', ')} with ALTER SYSTEM`,
        grant(subject, `ALTER SYSTEM ON PARAMETER ${missing.join(', ')}`),
      );
    },
  },
  {
    id: 'pg-reserved-connections',
    severity: 'warning',
    scope: 'postgres',
    expects: 'Aurelay gets in when applications hold every connection (PostgreSQL 16 and later)',
    why: 'A full server lives, and Aurelay leaves it alone; but it can then neither look at it nor hand it over.',
    remedy: '`reserved_connections = 8` on every server, `GRANT pg_use_reserved_connections TO aurelay`',
    look: (subject) => {
      const { rights, settings } = subject.facts;
      if (rights.reservedConnections === null || rights.superuser) return notApplicable;
      const reserved = Number(settings.get('reserved_connections')?.value ?? 0);
      if (reserved > 0 && rights.reservedConnections) return passed;
      const missing = [
        ...(reserved > 0 ? [] : ['reserved_connections is 0']),
        ...(rights.reservedConnections ? [] : [`${rights.user} is no member of pg_use_reserved_connections`]),
      ];
      const { id } = subject.instance;
      return found(
        missing.join(', and '),
        ...(rights.reservedConnections ? [] : [grant(subject, 'pg_use_reserved_connections')]),
        ...(reserved > 0
          ? []
          : [sql(id, 'ALTER SYSTEM SET reserved_connections = 8;'), { do: 'restart' as const, on: id }]),
      );
    },
  },
  {
    id: 'pg-connection-limit',
    severity: 'error',
    scope: 'postgres',
    expects: `the monitor user may have ${leastConnections} connections or more`,
    why: 'One looks and another promotes: a failover finds the second one refused.',
    remedy: '`ALTER ROLE aurelay CONNECTION LIMIT 8`',
    look: (subject) => {
      const { connectionLimit, user } = subject.facts.rights;
      if (connectionLimit === null || connectionLimit >= leastConnections) return passed;
      return found(
        `${user} may have ${connectionLimit} connection${connectionLimit === 1 ? '' : 's'}`,
        sql(administered(subject), `ALTER ROLE ${identifier(user)} CONNECTION LIMIT 8;`),
      );
    },
  },
  {
    id: 'pg-superuser-sessions',
    severity: 'warning',
    scope: 'postgres',
    expects: 'with `mode: automatic`, no application is logged in to the writer as a superuser',
    why: 'A monitor user that is none itself may not end such sessions, so a switchover is refused while they are open.',
    remedy: 'let applications log in as ordinary roles, or make the monitor user a superuser',
    look: (subject) => {
      if (!acts(subject) || writerOf(subject.of)?.instance.id !== subject.instance.id) return notApplicable;
      const { unread, rights, superuserSessions: names } = subject.facts;
      if (!rights.monitor) return notChecked('only members of pg_monitor see whose sessions there are');
      if (unread.has('sessions')) return notChecked(unread.get('sessions') ?? '');
      if (names.length === 0) return passed;
      return found(
        `${names.join(', ')} ${names.length === 1 ? 'is a superuser and has' : 'are superusers and have'} sessions open`,
        ...names.map((name) => sql(administered(subject), `ALTER ROLE ${identifier(name)} NOSUPERUSER;`)),
      );
    },
  },
];
