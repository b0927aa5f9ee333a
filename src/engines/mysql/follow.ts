import { type Address, formatAddress, sameAddress } from '../../cluster/instance.ts';
import type { Credentials } from '../engine.ts';
import type { Channel, ServerStatus } from './dialects/dialect.ts';
import { onlyChannel } from './only-channel.ts';
import { refuseWrites } from './refuse-writes.ts';
import type { Session } from './session.ts';

/**
 * Makes a replica of `source` out of whatever the server was. Read-only comes first, so that nothing is written that
 * the source does not have. `fallback` is for a server that was given no credentials and has none, which a former
 * writer has not: forgetting its source made it forget them.
 */
export async function follow(
  session: Session,
  source: Address,
  replication: Credentials | null,
  fallback: Credentials,
): Promise<void> {
  const status = await session.status();
  const channel = onlyChannel(status);
  await becomeReadOnly(session, status);
  if (channel !== null && followsAlready(channel, source, replication)) return;
  const { dialect } = session;
  const name = channel?.name ?? '';
  if (channel !== null) await session.run('stopping replication', dialect.stopReplicatingSql(channel));
  // Only now, when nothing is applied any more, does the status say how far the server's own history goes.
  const adopt = dialect.adoptOwnHistorySql(await session.status());
  if (adopt !== null) await session.run('adopting its own history', adopt);
  const credentials = replication ?? (channel?.user == null ? fallback : null);
  const to = `pointing it at ${formatAddress(source)}`;
  await session.run(to, dialect.changeSource(name, source, credentials));
  await session.run('starting replication', dialect.startReplicatingSql(name));
}

async function becomeReadOnly(session: Session, { writable }: ServerStatus): Promise<void> {
  if (writable) await refuseWrites(session);
  // MySQL: from `read_only`, which administrators may write through, to `super_read_only`.
  else await session.run('refusing writes', session.dialect.refuseWritesSql);
}

const followsAlready = (channel: Channel, source: Address, replication: Credentials | null): boolean =>
  channel.source !== null &&
  sameAddress(channel.source, source) &&
  channel.usesGtid &&
  channel.receiving === 'running' &&
  channel.applying &&
  (replication === null || replication.user === channel.user);
