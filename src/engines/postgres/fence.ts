import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Position } from '../../cluster/position.ts';
import { OperationFailed } from '../engine.ts';
import type { ServerConnection } from './connection.ts';
import { changeSetting, pollMs, reload, status } from './server-settings.ts';
import { currentPosition } from './status.ts';

const fenceSetting = 'default_transaction_read_only';

/**
 * A commit that waits for a replica ends with its session: the client gets no answer to it, for it may be kept here or
 * not.
 */
export async function fence(connection: ServerConnection): Promise<Position> {
  await changeSetting(connection, fenceSetting, 'on');
  await endClientSessions(connection);
  return currentPosition(await status(connection));
}

/**
 * Takes the fence back where there is one. It shows as a value that ALTER SYSTEM wrote: a base backup of a fenced
 * server carries it along, while a read-only default that an operator wrote elsewhere is left alone.
 */
export async function removeFence(connection: ServerConnection): Promise<void> {
  if (!(await isFenced(connection))) return;
  await connection.query(`ALTER SYSTEM RESET ${fenceSetting}`);
  await reload(connection);
}

async function isFenced(connection: ServerConnection): Promise<boolean> {
  const [row] = await connection.query(
    `SELECT setting, source, sourcefile FROM pg_settings WHERE name = '${fenceSetting}'`,
  );
  if (row?.setting !== 'on' || row.source !== 'configuration file') return false;
  // Null where the role may not see it; then trying is better than a writer that stays read-only.
  return row.sourcefile == null || row.sourcefile.endsWith('postgresql.auto.conf');
}

/**
 * Ends the sessions of clients that began before the fence, and waits until they are gone: until then one may still
 * commit. Later ones begin read-only. Replicas' connections (another backend type) and Aurelay's own stay. Throws where
 * superusers' are left, which only a superuser may end: after all others, because one refusal would spare them too.
 */
async function endClientSessions(connection: ServerConnection): Promise<void> {
  const [fenced] = await connection.query('SELECT clock_timestamp()::text AS at');
  const older = `backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND application_name NOT LIKE 'aurelay%' AND backend_start <= ${pg.escapeLiteral(fenced?.at ?? '')}`;
  // Null, and so neither, for a session that has not logged in: it will read the new settings before its first statement.
  const protectedFromUs = `current_setting('is_superuser') = 'off'
    AND usesysid IN (SELECT oid FROM pg_roles WHERE rolsuper)`;
  for (;;) {
    const ended = await connection.query(
      `SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE ${older} AND NOT (${protectedFromUs})`,
    );
    if (ended.length === 0) break;
    await sleep(pollMs);
  }
  const [left] = await connection.query(
    `SELECT count(*)::text AS count, string_agg(DISTINCT usename, ', ') AS names
     FROM pg_stat_activity WHERE ${older} AND ${protectedFromUs}`,
  );
  if (left?.count === '0') return;
  throw new OperationFailed(
    `sessions of superusers (${left?.names}) are open, which this monitor user may not end and which may still write: ` +
      'end them, or make the monitor user a superuser',
  );
}
