import type { Position } from '../../cluster/position.ts';
import { OperationFailed, type Quorum } from '../engine.ts';
import type { Channel, ServerStatus } from './dialects/dialect.ts';
import { onlyChannel } from './only-channel.ts';
import { formatPosition, type MysqlPosition, mysqlPositions } from './position.ts';
import { waitForReplicas } from './quorum.ts';
import type { Session } from './session.ts';

/** Between two looks at how far the applier is; a look takes well under a millisecond. */
const pollMs = 10;

/**
 * Makes a writer of a replica without losing what it has received: first no more is received, then everything is
 * applied, then the source is forgotten, and only then does it take writes, which wait for the quorum from the first on.
 */
export async function promote(session: Session, quorum: Quorum | null): Promise<Position> {
  const status = await session.status();
  const channel = onlyChannel(status);
  if (channel !== null) await leaveSource(session, status, channel);
  if (quorum !== null) await waitForReplicas(session, quorum.count);
  if (!status.writable) await session.run('allowing writes', session.dialect.allowWritesSql);
  return formatPosition((await session.status()).executed);
}

/**
 * The applier is started before the receiver is stopped: MariaDB throws its relay log away when one of the two is
 * started while both stand still.
 */
async function leaveSource(session: Session, before: ServerStatus, channel: Channel): Promise<void> {
  const { dialect } = session;
  if (!channel.applying) {
    if (!dialect.keepsRelayLog) requireRelayLog(before, channel);
    await session.run('starting the applier', dialect.startApplyingSql(channel));
  }
  await session.run('stopping the receiver', dialect.stopReceivingSql(channel));
  const received = await session.status();
  const applied = await untilApplied(session, channel.name, received);
  for (const { held } of [before, received]) requireAll(applied, held);
  await session.run('stopping replication', dialect.stopReplicatingSql(channel));
  await session.run('forgetting the source', dialect.forgetSourceSql(channel));
}

function requireRelayLog({ held }: ServerStatus, { receiving, caughtUp }: Channel): void {
  if (receiving !== 'stopped' || caughtUp) return;
  throw new OperationFailed(
    `both its replication threads stand still, and starting one would discard what it received and did not apply ` +
      `(up to ${formatPosition(held)}): start replication from a server that still has it, or promote another`,
  );
}

/** Looks until everything received is applied. */
async function untilApplied(session: Session, name: string, received: ServerStatus): Promise<ServerStatus> {
  let status = received;
  for (;;) {
    const channel = status.channels.find((candidate) => candidate.name === name);
    if (channel === undefined || channel.caughtUp) return status;
    if (!channel.applying) throw applierStopped(channel);
    if (session.remainingMs() === 0) {
      throw new OperationFailed('not everything that it had received was applied in time');
    }
    await session.pause(pollMs);
    status = await session.status();
  }
}

const applierStopped = ({ applyError }: Channel): OperationFailed =>
  new OperationFailed(
    `it cannot apply what it has received: ${applyError?.message ?? 'the applier does not run'}`,
  );

/** A last look before the relay log goes: received transactions that are nowhere any more end the promotion. */
function requireAll({ executed }: ServerStatus, held: MysqlPosition): void {
  if (executed.kind === 'unknown' || held.kind === 'unknown') return;
  const missing = mysqlPositions.missing(formatPosition(held), formatPosition(executed));
  if (missing?.amount === 0) return;
  throw new OperationFailed(
    `it had received up to ${formatPosition(held)}, but holds ${formatPosition(executed)} only: its relay log is gone`,
  );
}
