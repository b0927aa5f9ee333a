import mysql, { type Connection, type RowDataPacket } from 'mysql2/promise';
import { mysqlMonitorUser } from './mysql-settings.ts';

/** Runs `work` with a connection to the server on `port`, with every privilege; the connection ends with it. */
export async function withMysql<Result>(
  port: number,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await mysql.createConnection({
    host: '127.0.0.1',
    port,
    user: mysqlMonitorUser,
    connectTimeout: 5000,
  });
  connection.on('error', () => {});
  try {
    return await work(connection);
  } finally {
    await connection.end().catch(() => connection.destroy());
  }
}

/** The first row of an answer, with the column names that the server gives; null where it has none. */
export async function firstRow(connection: Connection, sql: string): Promise<Record<string, unknown> | null> {
  const [rows] = await connection.query<RowDataPacket[]>({ sql, timeout: 10_000 });
  return rows[0] ?? null;
}
