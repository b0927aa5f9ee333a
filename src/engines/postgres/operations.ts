import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { unreachable } from '../../base/assert.ts';
import { type Address, formatAddress } from '../../cluster/instance.ts';
import type { Position } from '../../cluster/position.ts';
import { withDeadline } from '../deadline.ts';
import { type Credentials, OperationFailed, type Operations, type Target } from '../engine.ts';
import { ServerConnection } from './connection.ts';
import { ConninfoInvalid, formatConninfo, parseConninfo, sameConninfo, withSource } from './conninfo.ts';
import { classify, withoutSecrets } from './failure.ts';
import { beginning, currentPosition, readStatus, type ServerStatus, statusQuery } from './status.ts';

/** Between two looks at something that the server is about to do: a promotion takes some tens of milliseconds. */
const pollMs = 10;

const fenceSetting = 'default_transaction_read_only';

/** Promotes, repoints and fences one server through SQL. Needs a superuser, promote alone only EXECUTE on pg_promote. */
export class PostgresOperations implements Operations {
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  promote(timeoutMs: number): Promise<Position> {
    return this.#run('promote', timeoutMs, [], async (connection) => {
      const before = await status(connection);
      await removeFence(connection);
      if (!before.inRecovery) return currentPosition(await status(connection));
      // Waiting is done here: pg_promote() itself looks only every 100 ms whether it is done.
      await connection.query('SELECT pg_promote(false)');
      for (;;) {
        const after = await status(connection);
        if (!after.inRecovery) return beginning(after);
        await sleep(pollMs);
      }
    });
  }

  follow(source: Address, replication: Credentials | null, timeoutMs: number): Promise<void> {
    const secrets = [replication?.password ?? null];
    return this.#run('follow', timeoutMs, secrets, async (connection) => {
      if (!(await status(connection)).inRecovery) {
        throw new OperationFailed(
          `it is no replica, so it cannot follow ${formatAddress(source)} before it is rewound (pg_rewind) or rebuilt, ` +
            'and started with a standby.signal file',
        );
      }
      const current = await readSetting(connection, 'primary_conninfo');
      const wanted = withSource(parseConninfo(current), source, replication);
      if (sameConninfo(parseConninfo(current), wanted)) return;
      await keepStatementsOutOfLogs(connection);
      const text = formatConninfo(wanted);
      await connection.query(`ALTER SYSTEM SET primary_conninfo = ${pg.escapeLiteral(text)}`);
      await reload(connection);
      if ((await readSetting(connection, 'primary_conninfo')) !== text) throw overridden('primary_conninfo');
    });
  }

  fence(timeoutMs: number): Promise<Position> {
    return this.#run('fence', timeoutMs, [], async (connection) => {
      await connection.query(`ALTER SYSTEM SET ${fenceSetting} = on`);
      await reload(connection);
      if ((await readSetting(connection, fenceSetting)) !== 'on') throw overridden(fenceSetting);
      await endClientSessions(connection);
      return currentPosition(await status(connection));
    });
  }

  unfence(timeoutMs: number): Promise<void> {
    return this.#run('unfence', timeoutMs, [], removeFence);
  }

  /** One connection and one deadline for all of `work`; at the deadline the connection goes, and `work` with it. */
  async #run<Value>(
    what: string,
    timeoutMs: number,
    secrets: readonly (string | null)[],
    work: (connection: ServerConnection) => Promise<Value>,
  ): Promise<Value> {
    const connection = new ServerConnection(this.#target, {
      applicationName: 'aurelay-operations',
      statementTimeoutMs: timeoutMs,
    });
    const outcome = await withDeadline(
      connection.open().then(() => work(connection)),
      timeoutMs,
    );
    const subject = `${what} ${formatAddress(this.#target.address)}`;
    switch (outcome.kind) {
      case 'done':
        connection.close();
        return outcome.value;
      case 'expired':
        connection.destroy();
        throw new OperationFailed(`${subject}: not done within ${timeoutMs}ms`);
      case 'failed':
        connection.close();
        throw new OperationFailed(
          `${subject}: ${reasonText(outcome.error, [this.#target.password, ...secrets])}`,
        );
      default:
        return unreachable(outcome);
    }
  }
}

function reasonText(error: unknown, secrets: readonly (string | null)[]): string {
  if (error instanceof OperationFailed || error instanceof ConninfoInvalid) {
    return withoutSecrets(error.message, secrets);
  }
  return classify(error, secrets).detail;
}

async function status(connection: ServerConnection): Promise<ServerStatus> {
  const [row] = await connection.query(statusQuery);
  return readStatus(row ?? {});
}

async function readSetting(connection: ServerConnection, name: string): Promise<string> {
  const [row] = await connection.query(`SELECT current_setting('${name}') AS value`);
  return row?.value ?? '';
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
async function reload(connection: ServerConnection): Promise<void> {
  const loadTime = async () => (await connection.query('SELECT pg_conf_load_time()::text AS at'))[0]?.at;
  const before = await loadTime();
  await connection.query('SELECT pg_reload_conf()');
  while ((await loadTime()) === before) await sleep(pollMs);
}

/**
 * Takes the fence back where there is one. It shows as a value that ALTER SYSTEM wrote: a base backup of a fenced
 * server carries it along, while a read-only default that an operator wrote elsewhere is left alone.
 */
async function removeFence(connection: ServerConnection): Promise<void> {
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
 * commit. Later ones begin read-only. Replicas' connections (another backend type) and Aurelay's own stay.
 */
async function endClientSessions(connection: ServerConnection): Promise<void> {
  const [fenced] = await connection.query('SELECT clock_timestamp()::text AS at');
  const older = `backend_type = 'client backend' AND pid <> pg_backend_pid()
    AND application_name NOT LIKE 'aurelay%' AND backend_start <= ${pg.escapeLiteral(fenced?.at ?? '')}`;
  for (;;) {
    const ended = await connection.query(
      `SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE ${older}`,
    );
    if (ended.length === 0) return;
    await sleep(pollMs);
  }
}

/** The statement holds a password. What this role may not turn off, stays on: it is a courtesy. */
async function keepStatementsOutOfLogs(connection: ServerConnection): Promise<void> {
  const quiet = [
    ['log_statement', 'none'],
    ['log_min_duration_statement', '-1'],
    ['log_min_error_statement', 'panic'],
    ['pg_stat_statements.track_utility', 'off'],
  ];
  for (const [setting, value] of quiet) {
    await connection.query(`SELECT set_config('${setting}', '${value}', false)`).catch((error: unknown) => {
      if (connection.isBroken) throw error;
    });
  }
}
