import { formatDuration } from '../../../base/duration.ts';
import { sql } from '../../fix.ts';
import { found, type MysqlRule, notApplicable, notChecked, passed } from '../../rule.ts';
import { patienceMs } from '../../silence.ts';
import { administered, isAutomatic, type MysqlSubject } from '../../subject.ts';
import { isMysql } from './variables.ts';

/** That idle replicas bear witness to a writer that only Aurelay cannot reach. */

const schema = 'performance_schema';

function fixOf(subject: MysqlSubject) {
  const [stop, change, start] = isMysql(subject)
    ? ([
        'STOP REPLICA IO_THREAD;',
        'CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = 1;',
        'START REPLICA IO_THREAD;',
      ] as const)
    : // MariaDB changes nothing while either thread runs.
      (['STOP SLAVE;', 'CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 1;', 'START SLAVE;'] as const);
  return sql(subject.instance.id, stop, change, start);
}

export const mysqlWitnessRules: readonly MysqlRule[] = [
  {
    id: 'my-heartbeats-seldom',
    severity: 'warning',
    scope: 'mysql',
    expects: 'a replica gets heartbeats more often than every `fall` × `timeout` of `health`',
    why: 'They are all that an idle replica hears of its source. Where they come later than Aurelay waits, a writer that only Aurelay cannot reach is taken for dead, and a second one is promoted. They come every half `replica_net_timeout` (`slave_net_timeout`) of the time when replication was set up, unless that says otherwise.',
    remedy:
      '`SOURCE_HEARTBEAT_PERIOD = 1` (MariaDB: `MASTER_HEARTBEAT_PERIOD = 1`), as Aurelay sets it when it repoints',
    look: (subject) => {
      const { channels, rights } = subject.facts;
      const [channel] = channels;
      if (channel === undefined || !isAutomatic(subject.of)) return notApplicable;
      const { heartbeatSeconds } = channel;
      if (heartbeatSeconds === null) {
        return notChecked(
          `how often heartbeats come is not shown to ${rights.account}; to have it checked: GRANT SELECT ON ${schema}.* TO ${rights.account};`,
        );
      }
      const limitMs = patienceMs(subject);
      if (heartbeatSeconds > 0 && heartbeatSeconds * 1000 < limitMs) return passed;
      const often = heartbeatSeconds === 0 ? 'never' : `every ${formatDuration(heartbeatSeconds * 1000)}`;
      return found(
        `heartbeats come ${often}, and Aurelay gives a silent writer up after ${formatDuration(limitMs)}`,
        fixOf(subject),
      );
    },
  },
  {
    id: 'my-heartbeats-unseen',
    severity: 'warning',
    scope: 'mysql',
    expects: 'the monitor user may see that heartbeats come (MySQL)',
    why: 'Otherwise a replica bears witness to a write only: while nothing is written, a writer that only Aurelay cannot reach is taken for dead, and a second one is promoted.',
    remedy: `\`GRANT SELECT ON ${schema}.replication_connection_status\``,
    look: (subject) => {
      if (!isMysql(subject) || !isAutomatic(subject.of)) return notApplicable;
      if (!subject.facts.unread.has('heartbeats')) return passed;
      const { account } = subject.facts.rights;
      return found(
        `${account} may not read ${schema}.replication_connection_status`,
        sql(administered(subject), `GRANT SELECT ON ${schema}.replication_connection_status TO ${account};`),
      );
    },
  },
];
