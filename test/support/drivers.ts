import type { Socket } from 'node:net';
import * as mariadb from 'mariadb';
import mysql from 'mysql2/promise';
import pg from 'pg';
import postgres from 'postgres';

export type Row = Record<string, unknown>;

/** One connection of an application, whatever driver it uses. */
export interface SqlClient {
  /** The rows of one statement. */
  query(sql: string): Promise<Row[]>;
  /** Harmless when repeated. */
  close(): Promise<void>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly ended: Promise<void>;
}

export interface Login {
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  /** The PEM of the authority that the server's certificate is checked against; absent: no TLS. */
  readonly ca?: string;
}

export interface Driver {
  readonly name: 'pg' | 'postgres' | 'mysql2' | 'mariadb';
  connect(login: Login): Promise<SqlClient>;
}

/** A connection that only the other side ends: a test that hangs on one fails by its own deadline. */
const connectTimeoutMs = 60_000;
const host = '127.0.0.1';

const pgDriver: Driver = {
  name: 'pg',
  async connect({ port, user = 'postgres', password = '', database = 'postgres', ca }) {
    const client = new pg.Client({
      ...{ host, port, user, password, database, connectionTimeoutMillis: connectTimeoutMs },
      ssl: ca === undefined ? false : { ca },
    });
    const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
    client.on('error', () => {});
    await client.connect();
    return {
      query: async (sql) => (await client.query(sql)).rows as Row[],
      close: () => client.end().catch(() => {}),
      ended,
    };
  },
};

const postgresDriver: Driver = {
  name: 'postgres',
  async connect({ port, user = 'postgres', password = '', database = 'postgres', ca }) {
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const sql = postgres({
      ...{ host, port, user, password, database, max: 1, connect_timeout: connectTimeoutMs / 1000 },
      ssl: ca === undefined ? false : { ca },
      // It asks for types by itself with each connection, and nobody hears of it where that breaks off (3.4.9).
      fetch_types: false,
      onnotice: () => {},
      onclose: () => end(),
    });
    try {
      await sql`SELECT 1`;
    } catch (error) {
      await sql.end({ timeout: 0 });
      throw error;
    }
    return {
      query: async (text) => [...(await sql.unsafe(text))] as Row[],
      close: () => sql.end({ timeout: 1 }),
      ended,
    };
  },
};

/** The socket of a connection of `mysql2/promise`, which its types do not show. */
export const socketOf = (connection: mysql.Connection): Socket =>
  (connection as unknown as { connection: { stream: Socket } }).connection.stream;

const mysql2Driver: Driver = {
  name: 'mysql2',
  async connect({ port, user = 'root', password = '', database, ca }) {
    const connection = await mysql.createConnection({
      ...{ host, port, user, password, connectTimeout: connectTimeoutMs },
      ...(database === undefined ? {} : { database }),
      ...(ca === undefined ? {} : { ssl: { ca } }),
    });
    connection.on('error', () => {});
    const ended = new Promise<void>((resolve) => {
      socketOf(connection).once('close', () => resolve());
    });
    return {
      query: async (sql) => (await connection.query(sql))[0] as Row[],
      close: async () => {
        await connection.end().catch(() => connection.destroy());
      },
      ended,
    };
  },
};

const mariadbDriver: Driver = {
  name: 'mariadb',
  async connect({ port, user = 'root', password = '', database, ca }) {
    const connection = await mariadb.createConnection({
      ...{ host, port, user, password, connectTimeout: connectTimeoutMs, bigIntAsNumber: true },
      ...{ allowPublicKeyRetrieval: true },
      ...(database === undefined ? {} : { database }),
      ...(ca === undefined ? {} : { ssl: { ca } }),
    });
    connection.on('error', () => {});
    const ended = new Promise<void>((resolve) => connection.once('end', () => resolve()));
    return {
      query: async (sql) => (await connection.query(sql)) as Row[],
      close: async () => {
        await connection.end().catch(() => connection.destroy());
      },
      ended,
    };
  },
};

export const postgresDrivers: readonly Driver[] = [pgDriver, postgresDriver];
export const mysqlDrivers: readonly Driver[] = [mysql2Driver, mariadbDriver];
