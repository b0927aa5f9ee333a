import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const pool = new pg.Pool({
  host: process.env.DB_HOST ?? '127.0.0.1',
  port: Number(process.env.DB_PORT ?? 6432),
  user: process.env.DB_USER ?? 'postgres',
  database: process.env.DB_NAME ?? 'postgres',
  max: 10,
  connectionTimeoutMillis: 10_000, // waiting in the pool counts, too; default: for ever
  query_timeout: 15_000, // nothing came back for so long: the connection is given up; default: never
  keepAlive: true, // default: false
  keepAliveInitialDelayMillis: 10_000,
  maxLifetimeSeconds: 1_800, // spreads connections after a scale-out or a DNS change; default: no limit
});
// Without these two, one broken connection ends the whole process ('error' without a listener).
pool.on('error', (error) => console.warn(`idle connection lost: ${error.message}`));
pool.on('connect', (client) => client.on('error', () => {}));

const codes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH'],
  ...['57P01', '57P02', '57P03', '25006', '53300'],
]);
const isTransient = ({ code = '', message = '' }) =>
  codes.has(code) || code.startsWith('08') || /terminated|not queryable|timeout/i.test(message);

/** Runs `work` in a transaction, and all of it again where the connection or the writer was lost. */
export async function transaction(work, { giveUpAfterMs = 60_000 } = {}) {
  const giveUpAt = Date.now() + giveUpAfterMs;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    let client;
    try {
      client = await pool.connect();
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      client?.release(true); // closes it: a read-only or broken connection must not go back to the pool
      if (!isTransient(error) || Date.now() > giveUpAt) throw error;
      console.warn(`again: ${error.code || error.name} ${error.message}`);
      await sleep(pauseMs);
    }
  }
}

/** Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is. */
export const insertOrder = (client, number) =>
  transaction((db) =>
    db.query('INSERT INTO orders (client, number) VALUES ($1, $2) ON CONFLICT DO NOTHING', [client, number]),
  );
