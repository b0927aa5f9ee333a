import type { Position } from '../../cluster/position.ts';
import { OperationFailed } from '../engine.ts';
import { onlyChannel } from './only-channel.ts';
import { formatPosition } from './position.ts';
import type { Session } from './session.ts';

/**
 * Stops the receiver; what it received goes on being applied. After a restart of the server it receives again, but does
 * not acknowledge: that it does is set for the running server only, by `follow`.
 */
export async function seal(session: Session): Promise<Position> {
  const status = await session.status();
  const channel = onlyChannel(status);
  if (channel === null && status.writable) {
    throw new OperationFailed('it is no replica, so there is nothing to stop receiving');
  }
  if (channel !== null) await session.run('stopping the receiver', session.dialect.stopReceivingSql(channel));
  return formatPosition((await session.status()).held);
}
