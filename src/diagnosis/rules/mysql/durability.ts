import { act, editOptionFile, restart } from '../../fix.ts';
import { found, type MysqlRule, notApplicable, notChecked, passed } from '../../rule.ts';
import type { MysqlSubject } from '../../subject.ts';
import { expectVariable, isMysql, isOn, numberOf, originsUnread, setting, textOf } from './variables.ts';

/** That what was committed is kept, and what is replicated arrives. */

const hasQuorum = ({ of }: MysqlSubject): boolean => of.cluster.durability !== null;
const dayS = 24 * 3_600;

const semiSyncVariables = [
  'rpl_semi_sync_source_enabled',
  'rpl_semi_sync_replica_enabled',
  'rpl_semi_sync_master_enabled',
  'rpl_semi_sync_slave_enabled',
];

export const mysqlDurabilityRules: readonly MysqlRule[] = [
  {
    id: 'my-sync-binlog',
    severity: 'warning',
    scope: 'mysql',
    expects: '`sync_binlog` is 1',
    why: 'A crash of the machine loses transactions from the log that replicas have: it comes back with less than they have, and numbers its next ones like theirs.',
    remedy: '`sync_binlog = 1`',
    look: (subject) => expectVariable(subject, ['sync_binlog'], (value) => value === '1', '1', 'now'),
  },
  {
    id: 'my-flush-log',
    severity: 'warning',
    scope: 'mysql',
    expects: '`innodb_flush_log_at_trx_commit` is 1',
    why: 'A crash loses commits of the last second that clients were told of.',
    remedy: '`innodb_flush_log_at_trx_commit = 1`',
    look: (subject) =>
      expectVariable(subject, ['innodb_flush_log_at_trx_commit'], (value) => value === '1', '1', 'now'),
  },
  {
    id: 'my-semi-sync-missing',
    severity: 'error',
    scope: 'mysql',
    expects: 'with a write quorum, every server has both plugins of semi-synchronous replication',
    why: 'It can neither wait for copies as the writer nor be one: a failover to it is refused.',
    remedy:
      '`plugin_load_add = semisync_source.so` and `semisync_replica.so` in the option file, and a restart',
    look: (subject) => {
      if (!hasQuorum(subject)) return notApplicable;
      const { source, replica } = subject.facts.semiSync;
      if (source && replica) return passed;
      const missing = [...(source ? [] : ['semisync_source']), ...(replica ? [] : ['semisync_replica'])];
      const { id } = subject.instance;
      return found(
        `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not there`,
        editOptionFile(id, ...missing.map((name) => `plugin_load_add = ${name}.so`)),
        restart(id),
      );
    },
  },
  {
    id: 'my-semi-sync-configured',
    severity: 'warning',
    scope: 'mysql',
    expects: 'no option file sets `rpl_semi_sync_…_enabled`',
    why: 'A server that waits or acknowledges by itself after a restart undoes the seal under which a successor is chosen, and on MariaDB throws away transactions as it recovers.',
    remedy: 'take it out of the option file: Aurelay sets it for the running server',
    look: (subject) => {
      const { origins, unread } = subject.facts;
      if (!hasQuorum(subject)) return notApplicable;
      if (origins === null) return notChecked(originsUnread(subject, unread.get('origins') ?? ''));
      const set = semiSyncVariables.filter(
        (name) => origins.get(name) === 'lasting' && isOn(textOf(subject, name)),
      );
      if (set.length === 0) return passed;
      return found(
        `${set.join(', ')} ${set.length === 1 ? 'is' : 'are'} ON in its files`,
        act(
          `take ${set.join(', ')} out of my.cnf of ${subject.instance.id} (and mysqld-auto.cnf: RESET PERSIST)`,
        ),
      );
    },
  },
  {
    id: 'my-sync-relay-log',
    severity: 'warning',
    scope: 'mysql',
    expects: 'with a write quorum, a copy has on disk what it acknowledges (`sync_relay_log = 1`)',
    why: 'A power cut takes from a copy what it had acknowledged.',
    remedy: '`sync_relay_log = 1`',
    look: (subject) =>
      hasQuorum(subject)
        ? expectVariable(subject, ['sync_relay_log'], (value) => value === '1', '1', 'now')
        : notApplicable,
  },
  {
    id: 'my-relay-log-recovery-loses',
    severity: 'warning',
    scope: 'mysql',
    expects:
      'with a write quorum, a copy that restarts keeps what it received (`relay_log_recovery` is OFF, MySQL)',
    why: 'With it a copy throws away, as it starts, what it had acknowledged and not applied.',
    remedy: '`relay_log_recovery = OFF`, and a restart',
    look: (subject) =>
      hasQuorum(subject) && isMysql(subject)
        ? expectVariable(subject, ['relay_log_recovery'], (value) => !isOn(value), 'OFF', 'restart')
        : notApplicable,
  },
  {
    id: 'my-relay-log-recovery',
    severity: 'advice',
    scope: 'mysql',
    expects:
      'without a write quorum, a replica that crashed fetches anew what it had received (`relay_log_recovery` is ON)',
    why: 'A relay log that was half written in a crash stops replication.',
    remedy: '`relay_log_recovery = ON`, and a restart',
    look: (subject) =>
      hasQuorum(subject)
        ? notApplicable
        : expectVariable(subject, ['relay_log_recovery'], isOn, 'ON', 'restart'),
  },
  {
    id: 'my-log-kept-briefly',
    severity: 'warning',
    scope: 'mysql',
    expects: 'the binary log is kept for a day or more',
    why: 'A replica that was away for longer finds what it lacks gone, and has to be copied anew.',
    remedy: '`binlog_expire_logs_seconds = 604800`',
    look: (subject) => {
      const seconds = numberOf(subject, 'binlog_expire_logs_seconds');
      if (seconds === null) return notApplicable;
      // 0: for ever.
      if (seconds === 0 || seconds >= dayS) return passed;
      return found(
        `binlog_expire_logs_seconds is ${seconds}`,
        ...setting(subject, 'binlog_expire_logs_seconds', '604800', 'now'),
      );
    },
  },
  {
    id: 'my-binlog-format',
    severity: 'warning',
    scope: 'mysql',
    expects: '`binlog_format` is not STATEMENT',
    why: 'Some statements do not do on a replica what they did on the writer: the copies part without a word.',
    remedy: '`binlog_format = ROW`',
    look: (subject) =>
      expectVariable(subject, ['binlog_format'], (value) => value !== 'STATEMENT', 'ROW', 'now'),
  },
  {
    id: 'my-commit-order',
    severity: 'warning',
    scope: 'mysql',
    expects: 'a replica that applies in parallel commits in the order of its source (MySQL)',
    why: 'Readers see states that never were on the writer, and a crash leaves gaps.',
    remedy: '`replica_preserve_commit_order = ON`',
    look: (subject) => {
      const workers = numberOf(subject, 'replica_parallel_workers', 'slave_parallel_workers');
      if (!isMysql(subject) || workers === null || workers <= 1) return notApplicable;
      return expectVariable(
        subject,
        ['replica_preserve_commit_order', 'slave_preserve_commit_order'],
        isOn,
        'ON',
        'restart',
      );
    },
  },
  {
    id: 'my-host-blocked',
    severity: 'warning',
    scope: 'mysql',
    expects:
      "a port scan cannot get Aurelay's address blocked (`max_connect_errors`, or `skip_name_resolve`)",
    why: 'After so many broken connections through an endpoint the server refuses Aurelay, and all its clients with it.',
    remedy: '`max_connect_errors = 4294967295`, `skip_name_resolve = ON`',
    look: (subject) => {
      const most = numberOf(subject, 'max_connect_errors');
      if (most === null) return notApplicable;
      if (most >= 10_000 || isOn(textOf(subject, 'skip_name_resolve'))) return passed;
      return found(
        `max_connect_errors is ${most}`,
        ...setting(subject, 'max_connect_errors', '4294967295', 'now'),
      );
    },
  },
  {
    id: 'my-name-resolve',
    severity: 'advice',
    scope: 'mysql',
    expects: '`skip_name_resolve` is ON',
    why: 'Each new connection waits for the name server, and for as long as that takes when it does not answer.',
    remedy: '`skip_name_resolve = ON` and a restart; accounts then go by address',
    look: (subject) => expectVariable(subject, ['skip_name_resolve'], isOn, 'ON', 'restart'),
  },
];
