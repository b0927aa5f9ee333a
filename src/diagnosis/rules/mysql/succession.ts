import { formatDuration } from '../../../base/duration.ts';
import { act, configureInstance, editOptionFile, restart, sql } from '../../fix.ts';
import { found, type MysqlRule, notApplicable, notChecked, passed } from '../../rule.ts';
import { isAutomatic, isReplica, type MysqlSubject, mayBePromoted, mysqlOf, others } from '../../subject.ts';
import {
  expectVariable,
  isMysql,
  isOn,
  nameOf,
  numberOf,
  originsUnread,
  setting,
  textOf,
} from './variables.ts';

/** That a replica can take over, and the others follow it. */

const on = (value: string): boolean => isOn(value);

/** Other servers of the cluster for which `same` holds. */
const alike = (subject: MysqlSubject, same: (other: MysqlSubject) => boolean): readonly string[] =>
  mysqlOf(subject.of)
    .filter((other) => other.instance.id !== subject.instance.id && same(other))
    .map(({ instance }) => instance.id);

export const mysqlSuccessionRules: readonly MysqlRule[] = [
  {
    id: 'my-gtid-mode',
    severity: 'error',
    scope: 'mysql',
    expects: '`gtid_mode` is ON (MySQL)',
    why: 'Without GTIDs nobody can tell how far a replica is, and none finds its place at a new writer.',
    remedy:
      '`gtid_mode` and `enforce_gtid_consistency` = ON, step by step as the MySQL manual has it ("Enabling GTID Transactions Online")',
    look: (subject) => {
      const mode = textOf(subject, 'gtid_mode');
      if (mode === null || !isMysql(subject)) return notApplicable;
      if (mode === 'ON') return passed;
      const { id } = subject.instance;
      return found(
        `gtid_mode is ${mode}`,
        act(
          'step by step on every server, each step on all before the next: SET PERSIST enforce_gtid_consistency = ON; SET PERSIST gtid_mode = OFF_PERMISSIVE; SET PERSIST gtid_mode = ON_PERMISSIVE; (wait until Ongoing_anonymous_transaction_count is 0) SET PERSIST gtid_mode = ON;',
        ),
        editOptionFile(id, 'gtid_mode = ON', 'enforce_gtid_consistency = ON'),
      );
    },
  },
  {
    id: 'my-gtid-consistency',
    severity: 'error',
    scope: 'mysql',
    expects: '`enforce_gtid_consistency` is ON (MySQL)',
    why: 'Statements that GTIDs cannot carry would be written and stop replication.',
    remedy: '`enforce_gtid_consistency = ON`',
    look: (subject) =>
      isMysql(subject)
        ? expectVariable(subject, ['enforce_gtid_consistency'], (value) => value === 'ON', 'ON', 'now')
        : notApplicable,
  },
  {
    id: 'my-gtid-strict',
    severity: 'warning',
    scope: 'mysql',
    expects: '`gtid_strict_mode` is ON (MariaDB)',
    why: 'Without it a replica takes sequence numbers out of order, and two histories that parted are noticed late or never.',
    remedy: '`gtid_strict_mode = ON`',
    look: (subject) => expectVariable(subject, ['gtid_strict_mode'], on, 'ON', 'now'),
  },
  {
    id: 'my-gtid-domains',
    severity: 'warning',
    scope: 'mysql',
    expects: 'all servers have one `gtid_domain_id` (MariaDB)',
    why: 'After a failover the new writer begins a stream of its own beside the old one, whose order nobody keeps.',
    remedy: 'the same `gtid_domain_id` on every server',
    look: (subject) => {
      const mine = textOf(subject, 'gtid_domain_id');
      if (mine === null) return notApplicable;
      const [first] = mysqlOf(subject.of);
      const its = first === undefined ? mine : textOf(first, 'gtid_domain_id');
      if (its === mine || its === null) return passed;
      return found(
        `gtid_domain_id is ${mine}, and ${its} on ${first?.instance.id}`,
        ...setting(subject, 'gtid_domain_id', its, 'now'),
      );
    },
  },
  {
    id: 'my-log-bin',
    severity: 'error',
    scope: 'mysql',
    expects: 'the binary log is on',
    why: 'Nobody can replicate from it, so it cannot become the writer.',
    remedy: '`log_bin`, and a restart',
    look: (subject) => expectVariable(subject, ['log_bin'], on, 'binlog', 'restart'),
  },
  {
    id: 'my-log-updates',
    severity: 'error',
    scope: 'mysql',
    expects:
      'replicas write what they replicate into their own log (`log_replica_updates`, `log_slave_updates`)',
    why: 'Promoted, it could not give the others what it had received as a replica: they stop, or lose it.',
    remedy: '`log_replica_updates = ON` (MariaDB: `log_slave_updates`), and a restart',
    look: (subject) =>
      expectVariable(
        subject,
        isMysql(subject) ? ['log_replica_updates', 'log_slave_updates'] : ['log_slave_updates'],
        on,
        'ON',
        'restart',
      ),
  },
  {
    id: 'my-server-id',
    severity: 'error',
    scope: 'mysql',
    expects: 'each server has a `server_id` of its own, which is not 0',
    why: 'Of two with one id a source drops one again and again, and events of the other are taken for its own and skipped.',
    remedy: 'another `server_id` in the option file, and a restart',
    look: (subject) => {
      const mine = numberOf(subject, 'server_id');
      if (mine === null) return notApplicable;
      const same = alike(subject, (other) => numberOf(other, 'server_id') === mine);
      if (mine !== 0 && same.length === 0) return passed;
      const used = mysqlOf(subject.of).map((one) => numberOf(one, 'server_id') ?? 0);
      return found(
        mine === 0 ? 'server_id is 0' : `server_id is ${mine}, as on ${same.join(', ')}`,
        ...setting(subject, 'server_id', String(Math.max(0, ...used) + 1), 'restart'),
      );
    },
  },
  {
    id: 'my-server-uuid',
    severity: 'error',
    scope: 'mysql',
    expects: 'each server has a `server_uuid` of its own (MySQL)',
    why: 'A copied data folder brings `auto.cnf` along: two servers write GTIDs of one name, and a source drops one of them.',
    remedy: 'remove `auto.cnf` from the data folder of the copy, and restart it',
    look: (subject) => {
      const mine = textOf(subject, 'server_uuid');
      if (mine === null || !isMysql(subject)) return notApplicable;
      const same = alike(subject, (other) => textOf(other, 'server_uuid') === mine);
      if (same.length === 0) return passed;
      const { id } = subject.instance;
      return found(
        `server_uuid is ${mine}, as on ${same.join(', ')}`,
        act(`remove auto.cnf from the data folder of the one that is a copy (${id} or ${same.join(', ')})`),
        restart(id),
      );
    },
  },
  {
    id: 'my-read-only-at-start',
    severity: 'warning',
    scope: 'mysql',
    expects: 'a server that restarts is read-only until Aurelay opens it',
    why: 'A former writer that comes back takes writes until Aurelay has seen it: from clients that go past the endpoints, and from events of its own.',
    remedy:
      '`super_read_only = ON` (MariaDB: `read_only = ON`) in the option file of every server, the writer’s too',
    look: (subject) => {
      const name = isMysql(subject) ? 'super_read_only' : 'read_only';
      const { origins, unread } = subject.facts;
      if (!isAutomatic(subject.of)) return notApplicable;
      if (origins === null) return notChecked(originsUnread(subject, unread.get('origins') ?? ''));
      const origin = origins.get(name);
      if (origin === undefined) return notApplicable;
      if (origin === 'running') {
        return notChecked(
          `${name} was set while it ran, so it does not say what a restart brings: look into its option file`,
        );
      }
      if (origin === 'lasting' && isOn(textOf(subject, name))) return passed;
      return found(
        `${name} is ${textOf(subject, name)}${origin === 'default' ? ', by default' : ' in its files'}: after a restart it takes writes`,
        editOptionFile(subject.instance.id, `${name} = ON`),
      );
    },
  },
  {
    id: 'my-super-read-only',
    severity: 'warning',
    scope: 'mysql',
    expects: 'a replica refuses the writes of administrators too (`super_read_only`, MySQL)',
    why: 'What an administrator writes there is in no other server, and stops replication or a failover later.',
    remedy: '`super_read_only = ON`',
    look: (subject) => {
      const value = textOf(subject, 'super_read_only');
      if (value === null || !isMysql(subject) || !isReplica(subject)) return notApplicable;
      if (isOn(value)) return passed;
      return found(`super_read_only is ${value}`, ...setting(subject, 'super_read_only', 'ON', 'now'));
    },
  },
  {
    id: 'my-several-sources',
    severity: 'error',
    scope: 'mysql',
    expects: 'a server replicates from one source',
    why: 'Aurelay promotes and repoints no server with several: it could not know which of them to leave.',
    remedy:
      'remove the sources outside of the cluster: `STOP REPLICA FOR CHANNEL …; RESET REPLICA ALL FOR CHANNEL …`',
    look: (subject) => {
      const { channels } = subject.facts;
      if (channels.length <= 1) return channels.length === 0 ? notApplicable : passed;
      const names = channels.map(({ name, source }) => `"${name}" (${source?.host ?? 'no source'})`);
      const stop = (name: string): string =>
        isMysql(subject)
          ? `STOP REPLICA FOR CHANNEL '${name}'; RESET REPLICA ALL FOR CHANNEL '${name}';`
          : `STOP SLAVE '${name}'; RESET SLAVE '${name}' ALL;`;
      return found(
        `it replicates from ${channels.length} sources: ${names.join(', ')}`,
        act(`for each that is no instance of the cluster: ${stop('NAME')}`),
      );
    },
  },
  {
    id: 'my-replication-filters',
    severity: 'error',
    scope: 'mysql',
    expects: 'nothing is left out of replication',
    why: 'What is filtered is missing on the replica: promoted, it has lost it.',
    remedy: 'take the filters out, and rebuild the replica',
    look: (subject) => {
      const filters = [
        ...subject.facts.channels.flatMap((channel) => channel.filters),
        ...['binlog_do_db', 'binlog_ignore_db'].flatMap((name) => {
          const value = textOf(subject, name) ?? '';
          return value === '' ? [] : [`${name} = ${value}`];
        }),
      ];
      if (filters.length === 0) return passed;
      return found(
        filters.join('; '),
        act(
          `take these out of my.cnf of ${subject.instance.id}, and rebuild it from the writer; or set copy: false and keep it out of the endpoints`,
        ),
      );
    },
  },
  {
    id: 'my-positions',
    severity: 'warning',
    scope: 'mysql',
    expects: 'each replica finds its place by GTID',
    why: 'By file and offset it cannot tell how far it is, nor follow another server until Aurelay has pointed it there.',
    remedy:
      '`CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1` (MariaDB: `CHANGE MASTER TO MASTER_USE_GTID = slave_pos`)',
    look: (subject) => {
      const [channel] = subject.facts.channels;
      if (channel === undefined) return notApplicable;
      if (channel.usesGtid) return passed;
      const { id } = subject.instance;
      const lines = isMysql(subject)
        ? ['STOP REPLICA;', 'CHANGE REPLICATION SOURCE TO SOURCE_AUTO_POSITION = 1;', 'START REPLICA;']
        : ['STOP SLAVE;', 'CHANGE MASTER TO MASTER_USE_GTID = slave_pos;', 'START SLAVE;'];
      return found('it replicates by file and offset', sql(id, ...lines));
    },
  },
  {
    id: 'my-public-key',
    severity: 'warning',
    scope: 'mysql',
    expects: 'a replica replicates in TLS, or may ask its source for its public key (MySQL)',
    why: 'The first `caching_sha2_password` login after a restart of the source needs one of the two: without, the replica does not get in again.',
    remedy:
      '`CHANGE REPLICATION SOURCE TO SOURCE_SSL = 1`, or `GET_SOURCE_PUBLIC_KEY = 1`, which Aurelay sets when it repoints',
    look: (subject) => {
      const [channel] = subject.facts.channels;
      if (channel === undefined || channel.asksForKey === null) return notApplicable;
      if (channel.usesTls || channel.asksForKey) return passed;
      return found(
        'it replicates without TLS, and does not ask for the public key',
        sql(
          subject.instance.id,
          'STOP REPLICA IO_THREAD;',
          'CHANGE REPLICATION SOURCE TO GET_SOURCE_PUBLIC_KEY = 1;',
          'START REPLICA IO_THREAD;',
        ),
      );
    },
  },
  {
    id: 'my-apply-delay',
    severity: 'warning',
    scope: 'mysql',
    expects: 'no replica that could be promoted delays what it applies on purpose',
    why: 'Readers see the past there, and a promotion waits until the whole delay is over.',
    remedy: '`promotion_tier: 15` and no reader endpoint for it; or a delay of 0',
    look: (subject) => {
      const [channel] = subject.facts.channels;
      if (channel === undefined || !mayBePromoted(subject)) return notApplicable;
      const isLast = others(subject).every(
        ({ instance }) => instance.promotionTier < subject.instance.promotionTier,
      );
      if (channel.delaySeconds === 0 || isLast) return passed;
      return found(
        `it is delayed by ${channel.delaySeconds} s, and its promotion_tier is ${subject.instance.promotionTier}, as low as others'`,
        configureInstance(subject.of.cluster.id, subject.instance.id, 'promotion_tier: 15'),
      );
    },
  },
  {
    id: 'my-no-start',
    severity: 'warning',
    scope: 'mysql',
    expects: 'a replica goes on replicating when it restarts',
    why: 'With `skip_replica_start` it stands still after a restart, and falls behind until somebody starts it.',
    remedy: 'take `skip_replica_start` (`skip_slave_start`) out of the option file',
    look: (subject) => {
      const name = nameOf(subject, 'skip_replica_start', 'skip_slave_start');
      if (name === null) return notApplicable;
      if (!isOn(textOf(subject, name))) return passed;
      return found(
        `${name} is ON`,
        editOptionFile(subject.instance.id, `${name} = OFF`),
        restart(subject.instance.id),
      );
    },
  },
  {
    id: 'my-silence-unnoticed',
    severity: 'warning',
    scope: 'mysql',
    expects: '`replica_net_timeout` (`slave_net_timeout`) is no more than 15 s',
    why: 'For so long a replica takes a silent source for alive, and follows nobody else meanwhile.',
    remedy: '`replica_net_timeout = 10`',
    look: (subject) => {
      const seconds = numberOf(subject, 'replica_net_timeout', 'slave_net_timeout');
      const name = nameOf(subject, 'replica_net_timeout', 'slave_net_timeout');
      if (seconds === null || name === null) return notApplicable;
      if (seconds > 0 && seconds <= 15) return passed;
      return found(`${name} is ${formatDuration(seconds * 1000)}`, ...setting(subject, name, '10', 'now'));
    },
  },
  {
    id: 'my-table-names',
    severity: 'error',
    scope: 'mysql',
    expects: 'all servers have one `lower_case_table_names`',
    why: 'A name that is one table on the writer is none, or another, on a replica: replication stops.',
    remedy: 'rebuild the server with the same value: it is fixed when the data folder is made',
    look: (subject) => {
      const mine = textOf(subject, 'lower_case_table_names');
      const [first] = mysqlOf(subject.of);
      if (mine === null || first === undefined) return notApplicable;
      const its = textOf(first, 'lower_case_table_names');
      if (its === mine) return passed;
      return found(
        `lower_case_table_names is ${mine}, and ${its} on ${first.instance.id}`,
        act(`rebuild one of them with the other's value: MySQL fixes it when the data folder is made`),
      );
    },
  },
  {
    id: 'my-events-differ',
    severity: 'warning',
    scope: 'mysql',
    expects: '`event_scheduler` is the same on all servers',
    why: 'After a failover scheduled events stop, or begin where none ran.',
    remedy:
      'the same `event_scheduler` on every server; replicated events have to be enabled after a failover (`ALTER EVENT … ENABLE`)',
    look: (subject) => {
      const mine = textOf(subject, 'event_scheduler');
      const [first] = mysqlOf(subject.of);
      if (mine === null || first === undefined) return notApplicable;
      const its = textOf(first, 'event_scheduler') ?? mine;
      if (its === mine) return passed;
      return found(
        `event_scheduler is ${mine}, and ${its} on ${first.instance.id}`,
        ...setting(
          subject,
          'event_scheduler',
          its,
          its === 'DISABLED' || mine === 'DISABLED' ? 'restart' : 'now',
        ),
      );
    },
  },
];
