import { act, configureInstance, restart, sql } from '../../fix.ts';
import { found, notApplicable, type PostgresRule, passed } from '../../rule.ts';
import {
  isAutomatic,
  isReplica,
  mayBePromoted,
  others,
  type PostgresSubject,
  postgresOf,
  writerOf,
} from '../../subject.ts';
import { expectSetting, literal, millisecondsOf, numberOf, setting, textOf } from './settings.ts';

/** That a replica can take over, and the others follow it. */

const targets = [
  'recovery_target',
  'recovery_target_lsn',
  'recovery_target_name',
  'recovery_target_time',
  'recovery_target_xid',
];

/** A hot standby needs as much of these as its source (manual, "Administrator's Overview" of hot standby). */
const atLeastAsTheWriter = [
  'max_connections',
  'max_worker_processes',
  'max_wal_senders',
  'max_prepared_transactions',
  'max_locks_per_transaction',
];

const followers = (subject: PostgresSubject): number => others(subject).length;

export const postgresSuccessionRules: readonly PostgresRule[] = [
  {
    id: 'pg-hot-standby',
    severity: 'error',
    scope: 'postgres',
    expects: '`hot_standby` is on',
    why: 'As a replica it would answer nobody: no reads, and no health check that could say how far it is.',
    remedy: '`hot_standby = on`, and a restart',
    look: (subject) => expectSetting(subject, 'hot_standby', (value) => value === 'on', 'on'),
  },
  {
    id: 'pg-wal-level',
    severity: 'error',
    scope: 'postgres',
    expects: '`wal_level` is `replica` or `logical`',
    why: 'Nobody can replicate from it.',
    remedy: '`wal_level = replica`, and a restart',
    look: (subject) => expectSetting(subject, 'wal_level', (value) => value !== 'minimal', 'replica'),
  },
  {
    id: 'pg-recovery-target-timeline',
    severity: 'error',
    scope: 'postgres',
    expects: '`recovery_target_timeline` is `latest`',
    why: 'A replica that stays on its timeline cannot follow a promoted server: after a failover it receives nothing more.',
    remedy: '`recovery_target_timeline = latest`, and a restart',
    look: (subject) =>
      expectSetting(subject, 'recovery_target_timeline', (value) => value === 'latest', "'latest'"),
  },
  {
    id: 'pg-recovery-target',
    severity: 'error',
    scope: 'postgres',
    expects: 'no replica has a target at which recovery stops',
    why: 'A replica stops there, or promotes itself, whatever Aurelay decides.',
    remedy: '`ALTER SYSTEM RESET recovery_target_…`, and a restart',
    look: (subject) => {
      if (!isReplica(subject)) return notApplicable;
      const set = targets.filter((name) => (textOf(subject, name) ?? '') !== '');
      if (set.length === 0) return passed;
      const { id } = subject.instance;
      return found(
        set.map((name) => `${name} is ${textOf(subject, name)}`).join(', '),
        sql(id, ...set.map((name) => `ALTER SYSTEM RESET ${name};`)),
        act(`take ${set.join(', ')} out of postgresql.conf of ${id}, where it stands`),
        restart(id),
      );
    },
  },
  {
    id: 'pg-max-wal-senders',
    severity: 'error',
    scope: 'postgres',
    expects: '`max_wal_senders` has a place for every other instance',
    why: 'As the writer it would turn replicas away.',
    remedy: 'the number of the other instances, and some for base backups: 10 is the default',
    look: (subject) => {
      const value = numberOf(subject, 'max_wal_senders');
      if (value === null || followers(subject) === 0) return notApplicable;
      if (value >= followers(subject)) return passed;
      return found(
        `max_wal_senders is ${value}, and ${followers(subject)} other instances would replicate from it`,
        ...setting(subject, 'max_wal_senders', String(followers(subject) + 4)),
      );
    },
  },
  {
    id: 'pg-missing-slot',
    severity: 'error',
    scope: 'postgres',
    expects: 'the replication slot that a replica names is there on every server that may become the writer',
    why: 'After a failover the replica asks the new writer for its slot, and receives nothing where there is none.',
    remedy: "`SELECT pg_create_physical_replication_slot('NAME')` on every other server",
    look: (subject) => {
      const slot = textOf(subject, 'primary_slot_name') ?? '';
      if (slot === '' || !isReplica(subject)) return notApplicable;
      const without = postgresOf(subject.of).filter(
        (one) =>
          one.instance.id !== subject.instance.id &&
          !one.facts.unread.has('slots') &&
          !one.facts.slots.some(({ name }) => name === slot),
      );
      if (without.length === 0) return passed;
      return found(
        `primary_slot_name is ${slot}, which ${without.map(({ instance }) => instance.id).join(', ')} ${without.length === 1 ? 'has' : 'have'} not`,
        ...without.map(({ instance }) =>
          sql(instance.id, `SELECT pg_create_physical_replication_slot(${literal(slot)});`),
        ),
      );
    },
  },
  {
    id: 'pg-smaller-than-writer',
    severity: 'error',
    scope: 'postgres',
    expects: 'a replica has as much of max_connections and the like as the writer',
    why: 'A hot standby with less pauses, and does not start again after a restart.',
    remedy: 'the same values on all servers: raise them on replicas first, lower them on the writer first',
    look: (subject) => {
      const writer = writerOf(subject.of);
      if (!isReplica(subject) || writer === null || writer.facts.engine !== 'postgres') return notApplicable;
      const from = { ...writer, facts: writer.facts };
      const smaller = atLeastAsTheWriter.flatMap((name) => {
        const [mine, its] = [numberOf(subject, name), numberOf(from, name)];
        return mine !== null && its !== null && mine < its ? [{ name, mine, its }] : [];
      });
      if (smaller.length === 0) return passed;
      const { id } = subject.instance;
      return found(
        smaller.map(({ name, mine, its }) => `${name} is ${mine}, and ${its} on the writer`).join('; '),
        sql(id, ...smaller.map(({ name, its }) => `ALTER SYSTEM SET ${name} = ${its};`)),
        restart(id),
      );
    },
  },
  {
    id: 'pg-read-only-default',
    severity: 'error',
    scope: 'postgres',
    expects: '`default_transaction_read_only` is off in every server’s own files',
    why: 'Aurelay takes back its own fence only: promoted, this server would go on refusing writes, and never be taken for the writer.',
    remedy: '`default_transaction_read_only = off`, and a reload',
    look: (subject) => {
      const known = subject.facts.settings.get('default_transaction_read_only');
      if (known === undefined) return notApplicable;
      if (known.value === 'off') return passed;
      const { id } = subject.instance;
      if (known.isAltered !== false && known.source === 'configuration file') {
        // A base backup of a fenced server carries it along, and a promotion takes it back.
        if (subject.facts.inRecovery || writerOf(subject.of) !== null) return notApplicable;
        return found(
          'default_transaction_read_only is on, as a fence (ALTER SYSTEM) leaves it',
          act(
            `if ${id} is the server that should write: ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf(); and if it was replaced as the writer: leave it, and make it a replica`,
          ),
        );
      }
      return found(
        `default_transaction_read_only is on (${known.source})`,
        ...setting(subject, 'default_transaction_read_only', 'off'),
        ...(known.source === 'user' || known.source === 'database' || known.source === 'database user'
          ? [
              act(
                'ALTER ROLE … RESET or ALTER DATABASE … RESET default_transaction_read_only, where it is set',
              ),
            ]
          : []),
      );
    },
  },
  {
    id: 'pg-overridden',
    severity: 'error',
    scope: 'postgres',
    expects: 'with `mode: automatic`, nothing overrules what Aurelay sets with ALTER SYSTEM',
    why: 'A value on the command line, or of the role or database of the monitor user, wins over ALTER SYSTEM: fence, repointing or write quorum would have no effect.',
    remedy: 'take it out of the command line, or `ALTER ROLE … RESET`',
    look: (subject) => {
      if (!isAutomatic(subject.of)) return notApplicable;
      const { settings, rights } = subject.facts;
      const names = ['primary_conninfo', 'default_transaction_read_only', 'synchronous_standby_names'];
      const over = names.flatMap((name) => {
        const source = settings.get(name)?.source ?? '';
        return ['command line', 'user', 'database', 'database user'].includes(source)
          ? [{ name, source }]
          : [];
      });
      if (over.length === 0) return passed;
      return found(
        over.map(({ name, source }) => `${name} comes from: ${source}`).join('; '),
        ...over.map(({ name, source }) =>
          source === 'command line'
            ? act(`take ${name} out of the command line that starts ${subject.instance.id}, and restart it`)
            : act(`ALTER ROLE ${rights.user} RESET ${name}; (or ALTER DATABASE … RESET ${name};)`),
        ),
      );
    },
  },
  {
    id: 'pg-rewind-impossible',
    severity: 'warning',
    scope: 'postgres',
    expects: '`wal_log_hints` or data checksums are on',
    why: 'pg_rewind cannot bring an old writer back: it has to be copied anew, however large it is.',
    remedy: '`wal_log_hints = on`, and a restart',
    look: (subject) => {
      const [hints, checksums] = [textOf(subject, 'wal_log_hints'), textOf(subject, 'data_checksums')];
      if (hints === null) return notApplicable;
      if (hints === 'on' || checksums === 'on') return passed;
      return found('wal_log_hints and data_checksums are off', ...setting(subject, 'wal_log_hints', 'on'));
    },
  },
  {
    id: 'pg-nothing-kept',
    severity: 'warning',
    scope: 'postgres',
    expects: 'the log that an absent replica lacks is kept: `wal_keep_size`, a slot, or an archive',
    why: 'A replica that was away for longer than a few checkpoints finds the log that it lacks gone, and has to be copied anew.',
    remedy:
      "`wal_keep_size = '1GB'` (enough for the longest outage of a replica), or slots, or `restore_command`",
    look: (subject) => {
      const kept = numberOf(subject, 'wal_keep_size');
      if (kept === null || followers(subject) === 0) return notApplicable;
      const replicas = postgresOf(subject.of).filter(({ instance }) => instance.id !== subject.instance.id);
      const haveArchive =
        replicas.length > 0 && replicas.every((one) => textOf(one, 'restore_command') !== '');
      const haveSlots =
        replicas.length > 0 && replicas.every((one) => textOf(one, 'primary_slot_name') !== '');
      if (kept > 0 || haveArchive || haveSlots) return passed;
      return found(
        'wal_keep_size is 0, and its replicas have neither slots nor an archive',
        ...setting(subject, 'wal_keep_size', "'1GB'"),
      );
    },
  },
  {
    id: 'pg-slot-lost',
    severity: 'error',
    scope: 'postgres',
    expects: 'no replication slot has lost its log',
    why: 'Whoever replicates through it receives nothing more, and has to be copied anew.',
    remedy: 'drop the slot and rebuild its replica; raise `max_slot_wal_keep_size`',
    look: (subject) => {
      const { slots, unread } = subject.facts;
      if (unread.has('slots') || slots.length === 0) return notApplicable;
      const lost = slots.filter(({ walStatus }) => walStatus === 'lost');
      if (lost.length === 0) return passed;
      return found(
        `slot ${lost.map(({ name }) => name).join(', ')} has lost its log`,
        sql(
          subject.instance.id,
          ...lost.map(({ name }) => `SELECT pg_drop_replication_slot(${literal(name)});`),
        ),
        act('rebuild the replica that used it'),
      );
    },
  },
  {
    id: 'pg-slot-unused',
    severity: 'warning',
    scope: 'postgres',
    expects: 'every physical slot that keeps log is in use, or what it may keep is limited',
    why: 'It keeps the log for a replica that does not come, until the disk is full and the server stops.',
    remedy: "drop it, or `max_slot_wal_keep_size = '20GB'`",
    look: (subject) => {
      const { slots, unread } = subject.facts;
      if (unread.has('slots') || slots.length === 0) return notApplicable;
      const limit = numberOf(subject, 'max_slot_wal_keep_size') ?? -1;
      const idle = slots.filter(
        ({ kind, active, walStatus }) =>
          kind === 'physical' && !active && walStatus !== null && walStatus !== 'lost',
      );
      if (limit >= 0 || idle.length === 0) return passed;
      const { id } = subject.instance;
      return found(
        `nobody uses slot ${idle.map(({ name }) => name).join(', ')}, and max_slot_wal_keep_size is unlimited`,
        sql(id, "ALTER SYSTEM SET max_slot_wal_keep_size = '20GB';", 'SELECT pg_reload_conf();'),
        act(`or drop it: SELECT pg_drop_replication_slot('${idle[0]?.name ?? ''}');`),
      );
    },
  },
  {
    id: 'pg-logical-slot',
    severity: 'warning',
    scope: 'postgres',
    expects: 'logical slots on the writer outlive a failover',
    why: 'Subscribers and change streams lose their place with the old writer.',
    remedy:
      'PostgreSQL 17 and later: slots with `failover = true` and `sync_replication_slots = on` on replicas; before that, make them anew',
    look: (subject) => {
      const { slots, unread, inRecovery } = subject.facts;
      if (inRecovery || unread.has('slots')) return notApplicable;
      const left = slots.filter(
        ({ kind, failover, temporary }) => kind === 'logical' && !temporary && failover !== true,
      );
      if (left.length === 0) return passed;
      return found(
        `logical slot ${left.map(({ name }) => name).join(', ')} is on this server only`,
        act(
          subject.facts.versionNumber.major >= 17
            ? 'make them failover slots (`ALTER SUBSCRIPTION … SET (failover = true)`) and set `sync_replication_slots = on` on the replicas'
            : 'be ready to make them anew on the new writer, or upgrade to PostgreSQL 17, whose slots can be synchronised',
        ),
      );
    },
  },
  {
    id: 'pg-replay-paused',
    severity: 'warning',
    scope: 'postgres',
    expects: 'replay is paused on no replica',
    why: 'What readers see there stands still, and a promotion has to replay everything first.',
    remedy: '`SELECT pg_wal_replay_resume()`',
    look: (subject) => {
      if (!subject.facts.inRecovery) return notApplicable;
      if (!subject.facts.replayPaused) return passed;
      return found('replay is paused', sql(subject.instance.id, 'SELECT pg_wal_replay_resume();'));
    },
  },
  {
    id: 'pg-apply-delay',
    severity: 'warning',
    scope: 'postgres',
    expects: 'no replica that could be promoted delays what it replays on purpose',
    why: 'Readers see the past there, and a promotion has to replay the whole delay first.',
    remedy: '`promotion_tier: 15` and no reader endpoint for it; or `recovery_min_apply_delay = 0`',
    look: (subject) => {
      const delayMs = millisecondsOf(subject, 'recovery_min_apply_delay');
      if (delayMs === null || !isReplica(subject) || !mayBePromoted(subject)) return notApplicable;
      if (delayMs === 0 || isLastChoice(subject)) return passed;
      return found(
        `recovery_min_apply_delay is ${delayMs / 1000} s, and its promotion_tier is ${subject.instance.promotionTier}, as low as others'`,
        configureInstance(subject.of.cluster.id, subject.instance.id, 'promotion_tier: 15'),
      );
    },
  },
];

/** Of the replicas, it alone has the highest tier. */
const isLastChoice = (subject: PostgresSubject): boolean =>
  others(subject).every(({ instance }) => instance.promotionTier < subject.instance.promotionTier);
