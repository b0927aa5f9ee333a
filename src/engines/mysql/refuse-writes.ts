import type { Row } from './dialects/dialect.ts';
import { monitorSchema } from './link.ts';
import type { Session } from './session.ts';

const lockWaitTimeout = 1205;
const noSuchThread = 1094;
const notYours = 1095;
/** KILL statements sent at once. */
const batchSize = 100;
const pollMs = 10;

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
  try {
    await session.run('refusing writes', session.dialect.refuseWritesSql);
    return true;
  } catch (error) {
    if (errnoOf(error) === lockWaitTimeout && session.remainingMs() > 0) return false;
    throw error;
  }
}

async function endSessions(session: Session): Promise<void> {
  const tried = new Set<string>();
  for (;;) {
    const victims = (await listClients(session)).filter(({ Command }) => Command !== 'Killed');
    const ids = victims.flatMap(({ Id }) => (Id === null || Id === undefined || tried.has(Id) ? [] : [Id]));
    if (ids.length === 0) return;
    await killSome(session, ids.slice(0, batchSize), tried);
  }
}

/** Kills in one round trip; where that stops at one that is gone or protected, one by one. */
async function killSome(session: Session, ids: readonly string[], tried: Set<string>): Promise<void> {
  if (await kill(session, ids)) {
    for (const id of ids) tried.add(id);
    return;
  }
  for (const id of ids) {
    tried.add(id);
    await kill(session, [id]);
  }
}

async function kill(session: Session, ids: readonly string[]): Promise<boolean> {
  try {
    await session.run('ending the sessions of clients', ids.map((id) => `KILL ${Number(id)}`).join('; '));
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === noSuchThread || errno === notYours) return false;
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

function errnoOf(thrown: unknown): number | null {
  const cause: unknown = (thrown as { cause?: unknown }).cause ?? thrown;
  const { errno } = cause as { errno?: unknown };
  return typeof errno === 'number' ? errno : null;
}
