import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';

const sql = postgres({
  host: process.env.DB_HOST ?? '127.0.0.1',
  port: Number(process.env.DB_PORT ?? 6432),
  user: process.env.DB_USER ?? 'postgres',
  database: process.env.DB_NAME ?? 'postgres',
  max: 10,
  connect_timeout: 10, // seconds; default: 30
  keep_alive: 10, // seconds; default: 60
  backoff: (attempt) => Math.min(0.02 * 2 ** attempt, 1), // seconds between connects
});

const codes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH'],
  ...['CONNECTION_CLOSED', 'CONNECTION_ENDED', 'CONNECTION_DESTROYED', 'CONNECT_TIMEOUT'],
  ...['57P01', '57P02', '57P03', '25006', '53300'],
]);
const isTransient = ({ code = '' }) => codes.has(code) || code.startsWith('08');

/**
 * Runs `work`, and all of it again where the connection or the writer was lost. With `sql.begin(…)` in it, a connection that
 * closes between two statements may end the process (3.4.9, porsager/postgres#1154): then let a supervisor start it again.
 */
export async function retrying(work, { giveUpAfterMs = 60_000 } = {}) {
  const giveUpAt = Date.now() + giveUpAfterMs;
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 1_000)) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error) || Date.now() > giveUpAt) throw error;
      console.warn(`again: ${error.code || error.name} ${error.message}`);
      await sleep(pauseMs);
    }
  }
}

/** Harmless when it is repeated: the key is the caller's, and a row that is there already stays as it is. */
export const insertOrder = (client, number) =>
  retrying(
    () => sql`INSERT INTO orders (client, number) VALUES (${client}, ${number}) ON CONFLICT DO NOTHING`,
  );
