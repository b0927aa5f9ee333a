import { formatDuration } from '../../../base/duration.ts';
import { parseIp } from '../../../base/ip.ts';
import { act, configureCluster, editHba, sql } from '../../fix.ts';
import { mayReplicate } from '../../hba.ts';
import { found, notApplicable, notChecked, type PostgresRule, passed } from '../../rule.ts';
import { patienceMs, silenceSeconds } from '../../silence.ts';
import { isReplica, others, type PostgresSubject, postgresOf, writerOf } from '../../subject.ts';
import { identifier, millisecondsOf, setting, textOf } from './settings.ts';

/** That replicas get in at whoever is the writer, and notice its silence. */

const longestSilenceMs = 15_000;
const silence = "'10s'";

export const postgresReplicationRules: readonly PostgresRule[] = [
  {
    id: 'pg-hba-replication',
    severity: 'error',
    scope: 'postgres',
    expects: 'pg_hba.conf lets the other instances replicate from this one',
    why: 'As the writer it would turn them away, and be left without replicas.',
    remedy: 'a line `host replication USER ADDRESS/32 scram-sha-256` for each, and a reload',
    look: (subject) => {
      if (others(subject).length === 0) return notApplicable;
      const { hba, unread, rights } = subject.facts;
      if (hba === null) {
        const grant = `GRANT SELECT ON pg_hba_file_rules TO ${identifier(rights.user)}; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO ${identifier(rights.user)};`;
        return notChecked(
          `pg_hba.conf is shown to superusers only (${unread.get('hba') ?? ''}); to have it checked: ${grant}`,
        );
      }
      const user = replicationUser(subject);
      if (user === null) return notChecked('no replica says which user it replicates as');
      const addresses = others(subject).map((one) => ({ id: one.instance.id, at: addressOf(one) }));
      const out = addresses.filter(({ at }) => at !== null && isOut(mayReplicate(hba, user, at)));
      if (out.length > 0) {
        const { id } = subject.instance;
        const lines = out.map(
          ({ at }) => `host replication ${user} ${at}/${at?.includes(':') ? 128 : 32} scram-sha-256`,
        );
        return found(
          `pg_hba.conf has no line that lets ${user} replicate from ${out.map((one) => `${one.id} (${one.at})`).join(', ')}`,
          editHba(id, ...lines),
          sql(id, 'SELECT pg_reload_conf();'),
        );
      }
      const unsure = addresses.filter(({ at }) => at === null || mayReplicate(hba, user, at) === 'unknown');
      if (unsure.length === 0) return passed;
      return notChecked(
        `pg_hba.conf has lines of names or groups for ${unsure.map(({ id }) => id).join(', ')}`,
      );
    },
  },
  {
    id: 'pg-replication-login',
    severity: 'advice',
    scope: 'postgres',
    expects: 'a replica has its replication password in `primary_conninfo`, or Aurelay has it',
    why: 'Aurelay changes host and port only: a password in `~/.pgpass` has to be there for every instance.',
    remedy:
      '`replication: { user, password }` in the configuration, or a line in `~/.pgpass` with `*` for the host',
    look: (subject) => {
      const { conninfo } = subject.facts;
      const { replication } = subject.of.cluster;
      if (conninfo === null || !isReplica(subject)) return notApplicable;
      if (conninfo.hasCredential || (replication?.password ?? null) !== null) return passed;
      const user = replication?.user ?? conninfo.user ?? 'replicator';
      return found(
        'primary_conninfo has no password, password file or certificate',
        configureCluster(
          subject.of.cluster.id,
          `replication: { user: ${user}, password: \${REPLICATION_PASSWORD} }`,
        ),
        act(
          'nothing, where pg_hba.conf asks replicas for no password, or ~/.pgpass has a line for every instance',
        ),
      );
    },
  },
  {
    id: 'pg-silence-unnoticed',
    severity: 'warning',
    scope: 'postgres',
    expects: 'half of `wal_receiver_timeout` is shorter than `fall` × `timeout` of `health`',
    why: 'While nothing is written a replica hears its writer every half of it: for longer than Aurelay waits, a writer that only Aurelay cannot reach is taken for dead, and a second one is promoted.',
    remedy: "`wal_receiver_timeout = '4s'` (with the default `health`), and a reload",
    look: (subject) => {
      const timeoutMs = millisecondsOf(subject, 'wal_receiver_timeout');
      if (timeoutMs === null) return notApplicable;
      const limitMs = patienceMs(subject);
      if (timeoutMs > 0 && timeoutMs / 2 < limitMs) return passed;
      const words = timeoutMs === 0 ? '0 (never)' : formatDuration(timeoutMs);
      return found(
        `wal_receiver_timeout is ${words}, and Aurelay gives a silent writer up after ${formatDuration(limitMs)}`,
        ...setting(subject, 'wal_receiver_timeout', `'${silenceSeconds(limitMs)}s'`),
      );
    },
  },
  {
    id: 'pg-dead-replica-unnoticed',
    severity: 'advice',
    scope: 'postgres',
    expects: `\`wal_sender_timeout\` is no more than ${longestSilenceMs / 1000} s`,
    why: 'A replica that is gone without a word counts as connected for that long, also for a write quorum.',
    remedy: "`wal_sender_timeout = '10s'`, and a reload",
    look: (subject) => {
      const timeoutMs = millisecondsOf(subject, 'wal_sender_timeout');
      if (timeoutMs === null) return notApplicable;
      if (timeoutMs > 0 && timeoutMs <= longestSilenceMs) return passed;
      return found(
        timeoutMs === 0 ? 'wal_sender_timeout is 0 (never)' : `wal_sender_timeout is ${timeoutMs / 1000} s`,
        ...setting(subject, 'wal_sender_timeout', silence),
      );
    },
  },
  {
    id: 'pg-uncounted-replica',
    severity: 'warning',
    scope: 'postgres',
    expects: 'with a write quorum, each copy replicates under the name of its instance',
    why: 'The writer counts receipts by name: under another one this copy is not counted. A running Aurelay sets it by itself.',
    remedy: 'start Aurelay; it sets `application_name` in `primary_conninfo`',
    look: (subject) => {
      const { conninfo } = subject.facts;
      if (subject.of.cluster.durability === null || !subject.instance.copy || !isReplica(subject)) {
        return notApplicable;
      }
      if (conninfo === null) return notChecked('it does not show how it replicates');
      if (conninfo.applicationName.toLowerCase() === subject.instance.id.toLowerCase()) return passed;
      return found(
        `it replicates as ${conninfo.applicationName}`,
        act('start Aurelay, which sets it; where it runs and this stays, see `aurelay status` for why'),
      );
    },
  },
  {
    id: 'pg-feedback',
    severity: 'advice',
    scope: 'postgres',
    expects: '`hot_standby_feedback` is on where replicas serve readers',
    why: 'Without it the writer cleans up rows that a long query on a replica still reads, and the query is cancelled ("conflict with recovery").',
    remedy:
      '`hot_standby_feedback = on`, and a reload; long queries then keep dead rows on the writer for so long',
    look: (subject) => {
      const serves = [...subject.of.cluster.endpoints.values()].some(
        ({ type }) => type === 'reader' || type === 'custom',
      );
      const value = textOf(subject, 'hot_standby_feedback');
      if (!serves || value === null) return notApplicable;
      if (value === 'on') return passed;
      return found('hot_standby_feedback is off', ...setting(subject, 'hot_standby_feedback', 'on'));
    },
  },
  {
    id: 'pg-pending-restart',
    severity: 'advice',
    scope: 'postgres',
    expects: 'no setting that matters here waits for a restart',
    why: 'A restart, after a crash too, brings up a server with other settings than today’s.',
    remedy: 'restart it at a quiet time, replicas first',
    look: (subject) => {
      const waiting = [...subject.facts.settings].filter(([, { pendingRestart }]) => pendingRestart);
      if (waiting.length === 0) return passed;
      return found(`${waiting.map(([name]) => name).join(', ')}: changed in the files, not in force`, {
        do: 'restart',
        on: subject.instance.id,
      });
    },
  },
];

const isOut = (answer: ReturnType<typeof mayReplicate>): boolean =>
  answer === 'rejected' || answer === 'no-line';

/** As replicas say, or as Aurelay would tell them. */
function replicationUser({ of }: PostgresSubject): string | null {
  if (of.cluster.replication !== null) return of.cluster.replication.user;
  const writer = writerOf(of);
  const connected = writer?.facts.engine === 'postgres' ? writer.facts.replicas[0]?.user : null;
  const told = postgresOf(of).map(({ facts }) => facts.conninfo?.user ?? null);
  return connected ?? told.find((user) => user !== null) ?? null;
}

/** Where another server sees it come from, as far as names tell. */
const addressOf = ({ instance, resolved }: ReturnType<typeof others>[number]): string | null =>
  parseIp(instance.address.host) !== null ? instance.address.host : (resolved[0] ?? null);
