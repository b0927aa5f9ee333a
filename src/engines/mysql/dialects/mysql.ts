import type { Address } from '../../../cluster/instance.ts';
import type { Credentials } from '../../engine.ts';
import { countMissing, parseGtidSet } from '../gtid-set.ts';
import { type MysqlPosition, positionOfSets } from '../position.ts';
import { readSemiSync, semiSyncSql } from '../semi-sync.ts';
import { isAtLeast, type ServerVersion } from '../server-version.ts';
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

/** The statements were renamed in 8.0.22 (REPLICA) and 8.0.23 (REPLICATION SOURCE); 8.4 knows the new names only. */
interface Words {
  readonly replica: 'REPLICA' | 'SLAVE';
  readonly source: 'SOURCE' | 'MASTER';
  readonly changeSource: 'CHANGE REPLICATION SOURCE TO' | 'CHANGE MASTER TO';
}

function wordsOf(version: ServerVersion): Words {
  const renamed = isAtLeast(version, 8, 0, 23);
  return {
    replica: isAtLeast(version, 8, 0, 22) ? 'REPLICA' : 'SLAVE',
    source: renamed ? 'SOURCE' : 'MASTER',
    changeSource: renamed ? 'CHANGE REPLICATION SOURCE TO' : 'CHANGE MASTER TO',
  };
}

/** MySQL 8.0 and newer, and servers made from it (MySQL manual, "SQL Statements for Controlling Replica Servers"). */
export function mysqlDialect(version: ServerVersion): Dialect {
  const words = wordsOf(version);
  const on = (channel: string): string => (channel === '' ? '' : ` FOR CHANNEL ${quote(channel)}`);
  return {
    statusSql:
      'SELECT @@global.read_only AS read_only, @@global.super_read_only AS super_read_only, ' +
      '@@global.server_uuid AS server_uuid, @@global.gtid_mode AS gtid_mode, ' +
      `@@global.gtid_executed AS gtid_executed; SHOW ${words.replica} STATUS; ${semiSyncSql}`,
    readStatus,
    // MySQL manual, "The replication_connection_status Table".
    heartbeatsSql:
      'SELECT CHANNEL_NAME AS name, COUNT_RECEIVED_HEARTBEATS AS received FROM performance_schema.replication_connection_status',
    stopReceivingSql: ({ name }) => `STOP ${words.replica} IO_THREAD${on(name)}`,
    startReceivingSql: ({ name }) => `START ${words.replica} IO_THREAD${on(name)}`,
    startApplyingSql: ({ name }) => `START ${words.replica} SQL_THREAD${on(name)}`,
    keepsRelayLog: true,
    stopReplicatingSql: ({ name }) => `STOP ${words.replica}${on(name)}`,
    startReplicatingSql: (channel) => `START ${words.replica}${on(channel)}`,
    forgetSourceSql: ({ name }) => `RESET ${words.replica} ALL${on(name)}`,
    changeSource: (channel, source, credentials, inTls) =>
      changeSource(words, source, credentials, inTls, on(channel)),
    adoptOwnHistorySql: () => null,
    refuseWritesSql: 'SET GLOBAL super_read_only = ON',
    killEndsWaiting: false,
    beforeAcknowledgingSql: null,
    // Turning read_only off turns super_read_only off (MySQL manual, "Server System Variables").
    allowWritesSql: 'SET GLOBAL read_only = OFF',
    // Present where the Performance Schema is off, too; `information_schema.PROCESSLIST` is to be removed.
    sessionUserSql: (id) =>
      `SELECT PROCESSLIST_USER AS user FROM performance_schema.threads WHERE PROCESSLIST_ID = ${id}`,
  };
}

/**
 * The retry interval is 60 seconds unless it is set, during which a replica would sit out the return of its source;
 * since 8.4 it also gives up after 10 attempts. Heartbeats let it notice a source that froze, after
 * `replica_net_timeout` at the latest, and cost one small packet a second while there is nothing else to send. The
 * public key lets `caching_sha2_password` work where replication
 * does not run in TLS.
 */
function changeSource(
  { source: prefix, changeSource: verb }: Words,
  source: Address,
  credentials: Credentials | null,
  inTls: boolean,
  onChannel: string,
): Statement {
  const options = [
    `${prefix}_HOST = ?`,
    `${prefix}_PORT = ?`,
    `${prefix}_AUTO_POSITION = 1`,
    `${prefix}_CONNECT_RETRY = 1`,
    `${prefix}_RETRY_COUNT = 86400`,
    `${prefix}_HEARTBEAT_PERIOD = 1`,
    ...(inTls ? [`${prefix}_SSL = 1`] : []),
    `GET_${prefix}_PUBLIC_KEY = 1`,
  ];
  const values: (string | number)[] = [source.host, source.port];
  if (credentials !== null) {
    options.push(`${prefix}_USER = ?`, `${prefix}_PASSWORD = ?`);
    values.push(credentials.user, credentials.password ?? '');
  }
  return { sql: `${verb} ${options.join(', ')}${onChannel}`, values };
}

function readStatus([variables, channels, ...semiSync]: Results): ServerStatus {
  const row = variablesOf(variables);
  const gtidMode = textOf(row, 'gtid_mode');
  const executedText = row.gtid_executed ?? '';
  const rows = (channels ?? []).filter(isConfigured);
  const received = rows.map((channel) => textOf(channel, 'Retrieved_Gtid_Set') ?? '');
  const known = (texts: readonly string[]): MysqlPosition =>
    gtidMode === 'ON' ? positionOfSets(texts) : { kind: 'unknown' };
  return {
    writable: !isOn(row.read_only ?? null) && !isOn(row.super_read_only ?? null),
    identity: textOf(row, 'server_uuid') ?? '',
    executed: known([executedText]),
    held: known([executedText, ...received]),
    channels: rows.map((channel) => readChannel(channel, executedText)),
    semiSync: readSemiSync(semiSync[0] ?? [], semiSync[1] ?? []),
  };
}

/**
 * Not the row without a source that RESET REPLICA leaves, nor Group Replication's channels, whose source nobody
 * configured.
 */
const isConfigured = (row: Row): boolean =>
  textOf(row, 'Source_Host', 'Master_Host') !== null &&
  !(row.Channel_Name ?? '').startsWith('group_replication_');

function readChannel(row: Row, executed: string): Channel {
  const usesGtid = textOf(row, 'Auto_Position') === '1';
  return {
    name: row.Channel_Name ?? '',
    source: addressOf(textOf(row, 'Source_Host', 'Master_Host'), numberOf(row, 'Source_Port', 'Master_Port')),
    user: textOf(row, 'Source_User', 'Master_User'),
    receiving: receivingOf(textOf(row, 'Replica_IO_Running', 'Slave_IO_Running')),
    receiveError: errorOf(numberOf(row, 'Last_IO_Errno'), textOf(row, 'Last_IO_Error')),
    applying: textOf(row, 'Replica_SQL_Running', 'Slave_SQL_Running') === 'Yes',
    applyError: errorOf(numberOf(row, 'Last_SQL_Errno'), textOf(row, 'Last_SQL_Error')),
    secondsBehind: numberOf(row, 'Seconds_Behind_Source', 'Seconds_Behind_Master'),
    usesGtid,
    usesTls: textOf(row, 'Source_SSL_Allowed', 'Master_SSL_Allowed') === 'Yes',
    signsOfLife: joined(
      row,
      'Retrieved_Gtid_Set',
      'Source_Log_File',
      'Master_Log_File',
      'Read_Source_Log_Pos',
      'Read_Master_Log_Pos',
    ),
    caughtUp: usesGtid
      ? contains(executed, textOf(row, 'Retrieved_Gtid_Set') ?? '')
      : sameSpot(
          textOf(row, 'Source_Log_File', 'Master_Log_File'),
          textOf(row, 'Read_Source_Log_Pos', 'Read_Master_Log_Pos'),
          textOf(row, 'Relay_Source_Log_File', 'Relay_Master_Log_File'),
          textOf(row, 'Exec_Source_Log_Pos', 'Exec_Master_Log_Pos'),
        ),
  };
}

function contains(wholeText: string, partText: string): boolean {
  const whole = parseGtidSet(wholeText);
  const part = parseGtidSet(partText);
  return whole !== null && part !== null && countMissing(part, whole) === 0n;
}
