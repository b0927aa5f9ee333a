import type { Address } from '../../../cluster/instance.ts';
import type { Credentials } from '../../engine.ts';
import { formatGtidList, lacks, newestOfEachDomain, parseGtidList } from '../gtid-list.ts';
import { positionOfLists } from '../position.ts';
import { readSemiSync, semiSyncSql } from '../semi-sync.ts';
import {
  addressOf,
  errorOf,
  isOn,
  joined,
  numberOf,
  receivingOf,
  sameSpot,
  textOf,
  variablesOf,
} from './columns.ts';
import type { Channel, Dialect, Results, Row, ServerStatus, Statement } from './dialect.ts';
import { quote } from './quote.ts';

/**
 * MariaDB 10.6 and newer (MariaDB documentation, "Replication Commands", "Global Transaction ID").
 *
 * Its `read_only` leaves users with SUPER or READ ONLY ADMIN free to write, so that a fence holds for ordinary users
 * only; the sessions of all are ended. Replicas need `log_slave_updates=ON`, or a promoted one gives out sequence
 * numbers again that the old writer has used.
 */
export const mariadbDialect: Dialect = {
  statusSql:
    'SELECT @@global.read_only AS read_only, @@global.server_id AS server_id, ' +
    '@@global.gtid_binlog_state AS binlog_state, @@global.gtid_binlog_pos AS binlog_pos, ' +
    `@@global.gtid_slave_pos AS slave_pos; SHOW ALL SLAVES STATUS; ${semiSyncSql}`,
  readStatus,
  heartbeatsSql: null,
  stopReceivingSql: ({ name }) => `STOP SLAVE ${quote(name)} IO_THREAD`,
  startReceivingSql: ({ name }) => `START SLAVE ${quote(name)} IO_THREAD`,
  startApplyingSql: ({ name }) => `START SLAVE ${quote(name)} SQL_THREAD`,
  // With GTIDs it fetches again what it had, which is nowhere any more when the source is gone.
  keepsRelayLog: false,
  stopReplicatingSql: ({ name }) => `STOP SLAVE ${quote(name)}`,
  startReplicatingSql: (channel) => `START SLAVE ${quote(channel)}`,
  forgetSourceSql: ({ name }) => `RESET SLAVE ${quote(name)} ALL`,
  changeSource,
  adoptOwnHistorySql,
  refuseWritesSql: 'SET GLOBAL read_only = ON',
  killEndsWaiting: true,
  // A receiver that is stopped logs in at its source to end its session there, and waits for a frozen one, for 5 s unless
  // this is set; in whole seconds (MariaDB documentation, "Semisynchronous Replication").
  beforeAcknowledgingSql: 'SET GLOBAL rpl_semi_sync_slave_kill_conn_timeout = 1',
  allowWritesSql: 'SET GLOBAL read_only = OFF',
  sessionUserSql: (id) => `SELECT USER AS user FROM information_schema.PROCESSLIST WHERE ID = ${id}`,
};

function changeSource(
  channel: string,
  source: Address,
  credentials: Credentials | null,
  inTls: boolean,
): Statement {
  const options = [
    'MASTER_HOST = ?',
    'MASTER_PORT = ?',
    'MASTER_USE_GTID = slave_pos',
    'MASTER_CONNECT_RETRY = 1',
    'MASTER_HEARTBEAT_PERIOD = 1',
    ...(inTls ? ['MASTER_SSL = 1'] : []),
  ];
  const values: (string | number)[] = [source.host, source.port];
  if (credentials !== null) {
    options.push('MASTER_USER = ?', 'MASTER_PASSWORD = ?');
    values.push(credentials.user, credentials.password ?? '');
    // Newer servers verify their source's certificate by the password, and refuse to go on without one.
    if ((credentials.password ?? '') === '') options.push('MASTER_SSL_VERIFY_SERVER_CERT = 0');
  }
  return { sql: `CHANGE MASTER ${quote(channel)} TO ${options.join(', ')}`, values };
}

/**
 * A replica asks its source for what follows `gtid_slave_pos`, which does not hold what it wrote itself as a writer.
 * `MASTER_USE_GTID=current_pos` would add that, but is deprecated since 10.10; setting the position does the same in
 * every version.
 */
function adoptOwnHistorySql({ executed }: ServerStatus): string | null {
  if (executed.kind !== 'mariadb') return null;
  return `SET GLOBAL gtid_slave_pos = '${formatGtidList(newestOfEachDomain(executed.list))}'`;
}

function readStatus([variables, channels, ...semiSync]: Results): ServerStatus {
  const row = variablesOf(variables);
  const slavePos = row.slave_pos ?? '';
  const executed = [row.binlog_state ?? '', row.binlog_pos ?? '', slavePos];
  const rows = channels ?? [];
  const received = rows.map((channel) => textOf(channel, 'Gtid_IO_Pos') ?? '');
  return {
    writable: !isOn(row.read_only ?? null),
    identity: textOf(row, 'server_id') ?? '',
    executed: positionOfLists(executed),
    held: positionOfLists([...executed, ...received]),
    channels: rows.map((channel) => readChannel(channel, slavePos)),
    semiSync: readSemiSync(semiSync[0] ?? [], semiSync[1] ?? []),
  };
}

function readChannel(row: Row, slavePos: string): Channel {
  const usesGtid = (textOf(row, 'Using_Gtid') ?? 'No') !== 'No';
  return {
    name: row.Connection_name ?? '',
    source: addressOf(textOf(row, 'Master_Host'), numberOf(row, 'Master_Port')),
    user: textOf(row, 'Master_User'),
    receiving: receivingOf(textOf(row, 'Slave_IO_Running')),
    receiveError: errorOf(numberOf(row, 'Last_IO_Errno'), textOf(row, 'Last_IO_Error')),
    applying: textOf(row, 'Slave_SQL_Running') === 'Yes',
    applyError: errorOf(numberOf(row, 'Last_SQL_Errno'), textOf(row, 'Last_SQL_Error')),
    secondsBehind: numberOf(row, 'Seconds_Behind_Master'),
    usesGtid,
    usesTls: textOf(row, 'Master_SSL_Allowed') === 'Yes',
    signsOfLife: joined(
      row,
      'Gtid_IO_Pos',
      'Master_Log_File',
      'Read_Master_Log_Pos',
      'Slave_received_heartbeats',
    ),
    caughtUp: usesGtid
      ? contains(slavePos, textOf(row, 'Gtid_IO_Pos') ?? '')
      : sameSpot(
          textOf(row, 'Master_Log_File'),
          textOf(row, 'Read_Master_Log_Pos'),
          textOf(row, 'Relay_Master_Log_File'),
          textOf(row, 'Exec_Master_Log_Pos'),
        ),
  };
}

function contains(wholeText: string, partText: string): boolean {
  const whole = parseGtidList(wholeText);
  const part = parseGtidList(partText);
  return whole !== null && part !== null && !lacks(part, whole);
}
