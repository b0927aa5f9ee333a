import type { Socket } from 'node:net';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { socketOf } from '../support/drivers.ts';

const host = '127.0.0.1';
const connectTimeoutMs = 20_000;

/** A connection through a driver whose socket can be treated as no driver would. */
export interface BareClient {
  readonly socket: Socket;
  query(sql: string): Promise<unknown>;
  /** PostgreSQL's cancel request, to be sent on another connection; null for MySQL, which has none. */
  readonly cancelRequest: Buffer | null;
  /** MySQL's number of the connection, PostgreSQL's process. */
  readonly number: number;
}

export const connectBare = (family: 'pg' | 'mysql', port: number): Promise<BareClient> =>
  family === 'pg' ? connectPostgres(port) : connectMysql(port);

async function connectPostgres(port: number): Promise<BareClient> {
  const client = new pg.Client({
    ...{ host, port, user: 'postgres', database: 'postgres', ssl: false },
    connectionTimeoutMillis: connectTimeoutMs,
  });
  client.on('error', () => {});
  await client.connect();
  const { connection, processID, secretKey } = client as unknown as {
    readonly connection: { readonly stream: Socket };
    readonly processID: number;
    readonly secretKey: number;
  };
  const cancelRequest = Buffer.alloc(16);
  for (const [at, value] of [16, 80_877_102, processID, secretKey].entries())
    cancelRequest.writeInt32BE(value, 4 * at);
  return {
    socket: connection.stream,
    query: (sql) => client.query(sql),
    cancelRequest,
    number: processID,
  };
}

async function connectMysql(port: number): Promise<BareClient> {
  const connection = await mysql.createConnection({
    ...{ host, port, user: 'root', connectTimeout: connectTimeoutMs },
  });
  connection.on('error', () => {});
  return {
    socket: socketOf(connection),
    query: (sql) => connection.query(sql),
    cancelRequest: null,
    number: connection.threadId,
  };
}
