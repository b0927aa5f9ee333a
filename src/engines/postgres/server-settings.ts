import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { OperationFailed } from '../engine.ts';
import type { ServerConnection } from './connection.ts';
import { readStatus, type ServerStatus, statusQuery } from './status.ts';

/** Between two looks at something that the server is about to do: a promotion takes some tens of milliseconds. */
export const pollMs = 10;

export async function status(connection: ServerConnection): Promise<ServerStatus> {
  const [row] = await connection.query(statusQuery);
  return readStatus(row ?? {});
}

export async function readSetting(connection: ServerConnection, name: string): Promise<string> {
  const [row] = await connection.query(`SELECT current_setting('${name}') AS value`);
  return row?.value ?? '';
}

/** Writes the setting of the whole server and waits until it is in force; throws where something overrides it. */
export async function changeSetting(
  connection: ServerConnection,
  name: string,
  value: string,
): Promise<void> {
  await connection.query(`ALTER SYSTEM SET ${name} = ${pg.escapeLiteral(value)}`);
  await reload(connection);
  if ((await readSetting(connection, name)) !== value) throw overridden(name);
}

const overridden = (setting: string): OperationFailed =>
  new OperationFailed(
    `the server keeps another value of ${setting} than ALTER SYSTEM set: remove it from the server's command line ` +
      "and from the monitor role's settings (ALTER ROLE ... RESET)",
  );

/**
 * Makes the server read its configuration, and waits until it has: the postmaster reads it before it tells its
 * children, so once this session has the new values, each session that begins later has them too.
 */
export async function reload(connection: ServerConnection): Promise<void> {
  const loadTime = async () => (await connection.query('SELECT pg_conf_load_time()::text AS at'))[0]?.at;
  const before = await loadTime();
  await connection.query('SELECT pg_reload_conf()');
  while ((await loadTime()) === before) await sleep(pollMs);
}
