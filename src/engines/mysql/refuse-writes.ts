import { OperationFailed } from '../engine.ts';
import type { Row } from './dialects/dialect.ts';
import { errnoOf } from './failure.ts';
import { monitorSchema } from './link.ts';
import type { SemiSyncSource } from './semi-sync.ts';
import type { Session } from './session.ts';

const refusing = 'refusing writes';
const lockWaitTimeout = 1205;
const noSuchThread = 1094;
const notYours = 1095;
/** KILL statements sent at once. */
const batchSize = 100;
const pollMs = 10;
/** What it may take to let go of commits that wait: the server looks only once a second whether it has to. */
const letGoMs = 2_500;

/**
 * Ends the sessions of clients and makes the server read-only. The order matters: the switch waits for statements and
 * locks of sessions that are open, and sessions that were open before the switch hold statements that it did not see.
 * Sessions that may not be killed (a system user's, where the monitor user is none) are left.
 */
export async function refuseWrites(session: Session): Promise<void> {
  await endSessions(session);
  while (!(await switchToReadOnly(session))) await endSessions(session);
  await endSessions(session);
  await waitUntilGone(session);
}

/** False where somebody's lock is in the way: the session's `lock_wait_timeout` of a second has passed. */
async function switchToReadOnly(session: Session): Promise<boolean> {
  const source = session.dialect.killEndsWaiting ? null : (await session.status()).semiSync.source;
  if (source !== null && source.waiting > 0) {
    await switchPastWaiting(session, source);
    return true;
  }
  try {
    await session.run(refusing, session.dialect.refuseWritesSql);
    return true;
  } catch (error) {
    if (errnoOf(error) === lockWaitTimeout && session.remainingMs() > 0) return false;
    throw error;
  }
}

/**
 * On MySQL a commit that waits for a replica goes on waiting when its session is killed, and the switch waits for it.
 * It is let go by not waiting for a moment, in which nobody may be told of a commit: while the switch waits, no
 * statement begins that writes, and whoever had begun one before has lost its connection.
 */
async function switchPastWaiting(session: Session, source: SemiSyncSource): Promise<void> {
  await session.beside(async (other) => {
    const patienceS = Math.ceil(session.remainingMs() / 1000) + 1;
    await session.run(refusing, `SET SESSION lock_wait_timeout = ${patienceS}`);
    const switched = session.run(refusing, session.dialect.refuseWritesSql);
    // It is awaited below, and may fail before that.
    switched.catch(() => {});
    await untilWaitsForLock(other, session.connectionId);
    requireNobodySpared(await endSessions(other));
    // Cut short by the deadline, it would leave a server that waits for nobody.
    if (other.remainingMs() < letGoMs) {
      throw new OperationFailed('too little time is left to let go of the commits that wait for replicas');
    }
    await other.run(
      'letting go of commits whose clients are gone',
      `SET GLOBAL ${source.names.enabled} = OFF`,
    );
    try {
      while (other.remainingMs() > 0 && (await isAnyoneWaiting(other))) await other.pause(pollMs);
    } finally {
      await other.run('letting commits wait again', `SET GLOBAL ${source.names.enabled} = ON`);
    }
    await switched;
  });
}

async function untilWaitsForLock(other: Session, connectionId: number): Promise<void> {
  for (;;) {
    const [rows] = await other.run('looking at the switch', 'SHOW PROCESSLIST');
    const own = rows?.find(({ Id }) => Id === String(connectionId));
    if (own?.State?.startsWith('Waiting for') === true || own?.Command === 'Sleep') return;
    await other.pause(pollMs);
  }
}

const isAnyoneWaiting = async (other: Session): Promise<boolean> =>
  ((await other.status()).semiSync.source?.waiting ?? 0) > 0;

function requireNobodySpared(spared: readonly string[]): void {
  if (spared.length === 0) return;
  throw new OperationFailed(
    `commits wait for replicas, and cannot be let go while there are sessions that the monitor user may not end ` +
      `(${spared.join(', ')}): end them, or grant it SYSTEM_USER`,
  );
}

/**
 * Those that are open now, once: applications that connect again at once would keep it busy for ever. Returns the numbers
 * of those that may not be ended.
 */
async function endSessions(session: Session): Promise<readonly string[]> {
  const victims = (await listClients(session)).filter(({ Command }) => Command !== 'Killed');
  const ids = victims.flatMap(({ Id }) => (Id === null || Id === undefined ? [] : [Id]));
  const spared: string[] = [];
  for (let start = 0; start < ids.length; start += batchSize) {
    spared.push(...(await killSome(session, ids.slice(start, start + batchSize))));
  }
  return spared;
}

/** Kills in one round trip; where that stops at one that is gone or protected, one by one. */
async function killSome(session: Session, ids: readonly string[]): Promise<readonly string[]> {
  if ((await kill(session, ids)) === null) return [];
  const spared: string[] = [];
  for (const id of ids) if ((await kill(session, [id])) === notYours) spared.push(id);
  return spared;
}

/** Null, or why one of them was not killed. */
async function kill(
  session: Session,
  ids: readonly string[],
): Promise<typeof noSuchThread | typeof notYours | null> {
  try {
    await session.run('ending the sessions of clients', ids.map((id) => `KILL ${Number(id)}`).join('; '));
    return null;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === noSuchThread || errno === notYours) return errno;
    throw error;
  }
}

/**
 * A killed session may still be committing. On MySQL the switch has waited for that, on MariaDB it need not have; a
 * long rollback is not waited for beyond half of the time that is left.
 */
async function waitUntilGone(session: Session): Promise<void> {
  const enoughMs = session.remainingMs() / 2;
  while (session.remainingMs() > enoughMs) {
    const dying = (await listClients(session)).filter(({ Command }) => Command === 'Killed');
    if (dying.length === 0) return;
    await session.pause(pollMs);
  }
}

async function listClients(session: Session): Promise<readonly Row[]> {
  const [rows] = await session.run('listing the sessions', 'SHOW PROCESSLIST');
  return (rows ?? []).filter((row) => isClient(row, session));
}

/** Not this session, nor a replica's, nor the server's own threads, nor a probe of this or another Aurelay. */
function isClient({ Id, User, Command, db }: Row, session: Session): boolean {
  if (Id === String(session.connectionId)) return false;
  if (User === 'system user' || User === 'event_scheduler' || Command === 'Daemon') return false;
  if (Command?.startsWith('Binlog Dump') === true) return false;
  return !(User === session.user && db === monitorSchema);
}
