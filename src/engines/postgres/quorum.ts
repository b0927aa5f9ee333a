import { setTimeout as sleep } from 'node:timers/promises';
import { OperationFailed, type Quorum } from '../engine.ts';
import type { ServerConnection } from './connection.ts';
import { changeSetting, pollMs, readSetting } from './server-settings.ts';
import { asksFor, formatQuorum, isNamed, parseStandbyNames, type StandbyNames } from './standby-names.ts';
import { waitsForNobody } from './status.ts';

const setting = 'synchronous_standby_names';
/** Looks in a row that must find the server's processes at rest. */
const calmLooks = 2;

/**
 * Makes each commit wait for the quorum, from its return on. Writes nothing where that is so already. What it runs is no
 * transaction that could wait itself. In recovery the setting rests, and is in force with the promotion.
 */
export async function requireQuorum(connection: ServerConnection, quorum: Quorum): Promise<void> {
  if (quorum.count > 0) await requirePossible(connection, quorum);
  const current = parseStandbyNames(await readSetting(connection, setting));
  if (current === null || !asksFor(current, quorum)) {
    await changeSetting(connection, setting, formatQuorum(quorum));
  }
  await untilTakenUp(connection);
}

async function requirePossible(connection: ServerConnection, { count, from }: Quorum): Promise<void> {
  if (from.length < count) {
    throw new OperationFailed(
      `a commit cannot wait for ${count} of ${from.length} replicas: every write would hang`,
    );
  }
  const synchronousCommit = await readSetting(connection, 'synchronous_commit');
  if (!waitsForNobody(synchronousCommit)) return;
  throw new OperationFailed(
    `synchronous_commit is ${synchronousCommit}, so that no commit waits for a replica: set it to "on" in ` +
      "postgresql.conf (or remove it from the monitor role's settings: ALTER ROLE ... RESET synchronous_commit)",
  );
}

/**
 * A session sees the new setting before it binds: whether commits wait is noted in shared memory by the checkpointer,
 * when that reads its configuration, which it does not do in the hurried part of a checkpoint; and whom they wait for,
 * each walsender notes for itself. Nothing says that they have done so. They have their signal by now, so each is taken
 * to have followed it once it was seen at rest, and none counts for a replica that is not named any more.
 */
async function untilTakenUp(connection: ServerConnection): Promise<void> {
  const names = parseStandbyNames(await readSetting(connection, setting));
  for (let calm = 0; calm < calmLooks; ) {
    calm = (await isTakenUp(connection, names)) ? calm + 1 : 0;
    if (calm < calmLooks) await sleep(pollMs);
  }
}

async function isTakenUp(connection: ServerConnection, names: StandbyNames | null): Promise<boolean> {
  const [row] = await connection.query(`
    SELECT
      coalesce((SELECT bool_and(coalesce(wait_event IN ('CheckpointerMain', 'CheckpointWriteDelay'), false))
        FROM pg_stat_activity WHERE backend_type = 'checkpointer'), true)::text AS at_rest,
      (SELECT json_agg(application_name)::text FROM pg_stat_replication WHERE sync_priority > 0) AS counted`);
  if (row?.at_rest !== 'true') return false;
  const counted = JSON.parse(row.counted ?? '[]') as string[];
  return names === null || counted.every((name) => isNamed(names, name));
}
