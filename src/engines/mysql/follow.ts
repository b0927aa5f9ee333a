import { type Address, formatAddress, sameAddress } from '../../cluster/instance.ts';
import type { Credentials } from '../engine.ts';
import type { Channel, ServerStatus } from './dialects/dialect.ts';
import { onlyChannel } from './only-channel.ts';
import { acknowledge, waitForNobody } from './quorum.ts';
import { refuseWrites } from './refuse-writes.ts';
import type { SemiSyncReplica } from './semi-sync.ts';
import type { Session } from './session.ts';

export interface FollowOptions {
  readonly replication: Credentials | null;
  /**
   * For a server that was given no credentials and has none, which a former writer has not: forgetting its source made
   * it forget them.
   */
  readonly fallback: Credentials;
  readonly acknowledging: boolean;
  /** The source is known to have TLS, so that nothing is to be received without. */
  readonly inTls: boolean;
}

/**
 * Makes a replica of `source` out of whatever the server was. Read-only comes first, so that nothing is written that
 * the source does not have.
 */
export async function follow(session: Session, source: Address, options: FollowOptions): Promise<void> {
  const status = await session.status();
  const channel = onlyChannel(status);
  await becomeReadOnly(session, status);
  await waitForNobody(session);
  const { replica } = status.semiSync;
  if (options.acknowledging) await acknowledge(session, replica);
  if (channel === null || !isSetUp(channel, source, options)) return setUp(session, source, channel, options);
  if (channel.receiving === 'running' && (!options.acknowledging || takenUp(replica))) return;
  await restartReceiver(session, channel);
}

async function becomeReadOnly(session: Session, { writable }: ServerStatus): Promise<void> {
  if (writable) await refuseWrites(session);
  // MySQL: from `read_only`, which administrators may write through, to `super_read_only`.
  else await session.run('refusing writes', session.dialect.refuseWritesSql);
}

/** It does all that it should, but that its receiver was stopped, or connected before it had to acknowledge. */
const isSetUp = (channel: Channel, source: Address, { replication, inTls }: FollowOptions): boolean =>
  channel.source !== null &&
  sameAddress(channel.source, source) &&
  channel.usesGtid &&
  (channel.usesTls || !inTls) &&
  (channel.receiving === 'running' || (channel.receiving === 'stopped' && channel.receiveError === null)) &&
  channel.applying &&
  (replication === null || replication.user === channel.user);

const takenUp = (replica: SemiSyncReplica | null): boolean => replica?.acknowledges === true;

/** The applier goes on: MariaDB would throw away what was received and is not applied yet. */
async function restartReceiver(session: Session, channel: Channel): Promise<void> {
  const { dialect } = session;
  if (channel.receiving !== 'stopped') {
    await session.run('stopping the receiver', dialect.stopReceivingSql(channel));
  }
  await session.run('starting the receiver', dialect.startReceivingSql(channel));
}

async function setUp(
  session: Session,
  source: Address,
  channel: Channel | null,
  { replication, fallback, inTls }: FollowOptions,
): Promise<void> {
  const { dialect } = session;
  const name = channel?.name ?? '';
  if (channel !== null) await session.run('stopping replication', dialect.stopReplicatingSql(channel));
  // Only now, when nothing is applied any more, does the status say how far the server's own history goes.
  const adopt = dialect.adoptOwnHistorySql(await session.status());
  if (adopt !== null) await session.run('adopting its own history', adopt);
  const credentials = replication ?? (channel?.user == null ? fallback : null);
  const to = `pointing it at ${formatAddress(source)}`;
  await session.run(to, dialect.changeSource(name, source, credentials, inTls));
  await session.run('starting replication', dialect.startReplicatingSql(name));
}
