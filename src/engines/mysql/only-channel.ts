import { OperationFailed } from '../engine.ts';
import type { Channel, ServerStatus } from './dialects/dialect.ts';

/**
 * The one source that a server replicates from; null where it has none. Throws for several: to forget or move them
 * all would cut off what another system feeds into this server, and to leave some would make no writer of it.
 */
export function onlyChannel({ channels }: ServerStatus): Channel | null {
  if (channels.length > 1) {
    const names = channels.map(({ name }) => `"${name}"`).join(', ');
    throw new OperationFailed(
      `it replicates from ${channels.length} sources (${names}); remove those outside of this cluster first`,
    );
  }
  return channels[0] ?? null;
}
