import { setTimeout as sleep } from 'node:timers/promises';
import * as mariadb from 'mariadb';

const pool = mariadb.createPool({
  host: process.env.DB_HOST ?? '127.0.0.1',
  port: Number(process.env.DB_PORT ?? 6306),
  user: process.env.DB_USER ?? 'root',
  database: process.env.DB_NAME ?? 'shop',
  connectionLimit: 10,
  connectTimeout: 10_000, // default: 1 s, less than a frozen writer takes to be replaced
  acquireTimeout: 15_000, // above connectTimeout, so that the reason is told; default: 10 s
  socketTimeout: 15_000, // nothing came back for so long: the connection is given up; default: never
  keepAliveDelay: 10_000, // default: 0, which is none
  minDelayValidation: 500, // a connection idle for longer is pinged before it is handed out
});

const codes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH']);
// Shutdown, read-only servers, killed connections, too many connections; the driver's own are 45xxx.
const numbers = new Set([1040, 1053, 1290, 1792, 1836, 1927, 2003, 2006, 2013, 3169, 4031]);
const own = new Set([45009, 45012, 45013, 45026, 45028, 45038]);
const isTransient = ({ code = '', errno = 0, sqlState }) =>
  codes.has(code) || numbers.has(errno) || own.has(errno) || sqlState === '08S01';

/** Runs `work` in a transaction, and all of it again where the connection or the writer was lost. */
export async function transaction(work, { giveUpAfterMs = 60_000 } = {}) {
  const giveUpAt = Date.now() + giveUpAfterMs;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    let connection;
    try {
      connection = await pool.getConnection();
      await connection.beginTransaction();
      const result = await work(connection);
      await connection.commit();
      await connection.release();
      return result;
    } catch (error) {
      connection?.destroy(); // a read-only or broken connection must not go back to the pool
      if (!isTransient(error) || Date.now() > giveUpAt) throw error;
      console.warn(`again: ${error.errno > 0 ? error.errno : error.code} ${error.message}`);
      await sleep(pauseMs);
    }
  }
}

/** Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is. */
export const insertOrder = (client, number) =>
  transaction((db) =>
    db.execute('INSERT INTO orders (client, number) VALUES (?, ?) ON DUPLICATE KEY UPDATE number = number', [
      client,
      number,
    ]),
  );
