import { setTimeout as sleep } from 'node:timers/promises';
import mysql from 'mysql2/promise';

const pool = mysql.createPool({
  host: process.env.DB_HOST ?? '127.0.0.1',
  port: Number(process.env.DB_PORT ?? 6306),
  user: process.env.DB_USER ?? 'root',
  database: process.env.DB_NAME ?? 'shop',
  connectionLimit: 10,
  connectTimeout: 10_000, // up to the end of the handshake
  enableKeepAlive: true,
  keepAliveInitialDelay: 10_000, // default: 0, which leaves it to the kernel (two hours)
  idleTimeout: 60_000,
  maxIdle: 10,
});

const codes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH'],
  ...['PROTOCOL_CONNECTION_LOST', 'PROTOCOL_SEQUENCE_TIMEOUT', 'POOL_CLOSED'],
]);
// Shutdown, read-only servers, killed connections, too many connections; those of docs/guides/drivers.md.
const numbers = new Set([1040, 1053, 1290, 1792, 1836, 1927, 2003, 2006, 2013, 3169, 4031]);
const isTransient = ({ code = '', errno = 0, message = '' }) =>
  codes.has(code) || numbers.has(errno) || /closed state|Connection lost/.test(message);

/** Nothing came back for so long: the connection is given up. A pool has no such setting; default: never. */
const timed = (sql, values = []) => ({ sql, values, timeout: 15_000 });

/** Runs `work` in a transaction, and all of it again where the connection or the writer was lost. */
export async function transaction(work, { giveUpAfterMs = 60_000 } = {}) {
  const giveUpAt = Date.now() + giveUpAfterMs;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    let connection;
    try {
      connection = await pool.getConnection();
      await connection.query(timed('START TRANSACTION'));
      const result = await work(connection);
      await connection.query(timed('COMMIT'));
      connection.release();
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
    db.execute(
      timed('INSERT INTO orders (client, number) VALUES (?, ?) ON DUPLICATE KEY UPDATE number = number', [
        client,
        number,
      ]),
    ),
  );
