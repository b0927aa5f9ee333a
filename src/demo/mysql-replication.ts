import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedClusterError } from './cluster.ts';
import type { Flavour } from './mysql-binaries.ts';
import { firstRow, withMysql } from './mysql-query.ts';
import { mysqlReplicationUser } from './mysql-settings.ts';

const replicatingDeadlineMs = 60_000;

export interface ReplicationState {
  /** The port that this server is set up to replicate from; null: from nowhere. */
  readonly sourcePort: number | null;
  /** Whether both of its replication threads run. */
  readonly isReplicating: boolean;
  readonly lastError: string;
  /** How many transactions it has, by its GTIDs. */
  readonly transactions: number;
}

/** MySQL has the new words from 8.0.23 on, and 8.4 has dropped the old ones; MariaDB keeps the old ones. */
const wordsOf = (flavour: Flavour) =>
  flavour === 'mariadb'
    ? {
        ...{ stop: 'STOP SLAVE', start: 'START SLAVE', status: 'SHOW SLAVE STATUS' },
        ...{ change: 'CHANGE MASTER TO', prefix: 'MASTER' },
        // The demo's servers have no certificates, which newer ones would insist on.
        gtid: 'MASTER_USE_GTID = slave_pos, MASTER_SSL_VERIFY_SERVER_CERT = 0',
        position: 'SELECT @@gtid_binlog_pos AS gtids',
      }
    : {
        ...{ stop: 'STOP REPLICA', start: 'START REPLICA', status: 'SHOW REPLICA STATUS' },
        ...{ change: 'CHANGE REPLICATION SOURCE TO', prefix: 'SOURCE' },
        // MySQL gives up after ten attempts by default, MariaDB practically never.
        gtid: 'SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_RETRY_COUNT = 86400',
        position: 'SELECT @@gtid_executed AS gtids',
      };

/** Makes a new server a replica of the one on `sourcePort`, from the beginning of its binary log. */
export function replicateFrom(flavour: Flavour, port: number, sourcePort: number): Promise<void> {
  const { change, start, prefix, gtid } = wordsOf(flavour);
  return withMysql(port, async (connection) => {
    await connection.query(
      `${change} ${prefix}_HOST = '127.0.0.1', ${prefix}_PORT = ${sourcePort}, ` +
        `${prefix}_USER = '${mysqlReplicationUser}', ${prefix}_CONNECT_RETRY = 1, ` +
        `${prefix}_HEARTBEAT_PERIOD = 1, ${gtid}`,
    );
    await connection.query(start);
  });
}

/** Points a replica at the port that its source has now. */
export function moveSource(flavour: Flavour, port: number, sourcePort: number): Promise<void> {
  const { stop, start, change, prefix } = wordsOf(flavour);
  return withMysql(port, async (connection) => {
    await connection.query(stop);
    await connection.query(`${change} ${prefix}_HOST = '127.0.0.1', ${prefix}_PORT = ${sourcePort}`);
    await connection.query(start);
  });
}

export function readReplication(flavour: Flavour, port: number): Promise<ReplicationState> {
  const words = wordsOf(flavour);
  const owner = flavour === 'mariadb' ? 'Master' : 'Source';
  const self = flavour === 'mariadb' ? 'Slave' : 'Replica';
  return withMysql(port, async (connection) => {
    const status = await firstRow(connection, words.status);
    const position = await firstRow(connection, words.position);
    const host = String(status?.[`${owner}_Host`] ?? '');
    return {
      // MySQL keeps an empty row after RESET REPLICA.
      sourcePort: status === null || host === '' ? null : Number(status[`${owner}_Port`]),
      isReplicating: status?.[`${self}_IO_Running`] === 'Yes' && status[`${self}_SQL_Running`] === 'Yes',
      lastError: [status?.Last_IO_Error, status?.Last_SQL_Error].filter(Boolean).join('; '),
      transactions: countTransactions(String(position?.gtids ?? '')),
    };
  });
}

/**
 * MariaDB: the sequence numbers of `0-1-120,1-4-7` (domain-server-sequence), added up. MySQL: the lengths of the
 * intervals in `UUID:1-120:122,UUID:1-7`.
 */
export function countTransactions(gtids: string): number {
  const mariadb = /^\s*\d+-\d+-(\d+)\s*$/;
  let count = 0;
  for (const part of gtids.split(',')) {
    const sequence = mariadb.exec(part);
    if (sequence !== null) count += Number(sequence[1]);
    else for (const interval of part.split(':').slice(1)) count += lengthOf(interval);
  }
  return count;
}

function lengthOf(interval: string): number {
  const [first, last] = interval.split('-').map(Number);
  return first === undefined || Number.isNaN(first) ? 0 : (last ?? first) - first + 1;
}

export function makeWritable(flavour: Flavour, port: number): Promise<void> {
  return withMysql(port, async (connection) => {
    // In MySQL this turns super_read_only off as well (manual, 7.1.8: read_only).
    if (flavour === 'mysql') await connection.query('SET GLOBAL super_read_only = OFF');
    await connection.query('SET GLOBAL read_only = OFF');
  });
}

export async function untilReplicating(
  flavour: Flavour,
  instance: { readonly id: string; readonly port: number },
  signal: AbortSignal | null,
): Promise<void> {
  const deadline = Date.now() + replicatingDeadlineMs;
  for (;;) {
    signal?.throwIfAborted();
    const { isReplicating, lastError } = await readReplication(flavour, instance.port);
    if (isReplicating) return;
    if (Date.now() > deadline) {
      throw new EmbeddedClusterError(
        `${instance.id} did not begin to replicate: ${lastError || 'no error given'}`,
      );
    }
    await sleep(50);
  }
}
