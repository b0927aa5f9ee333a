import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { CloseReason } from '../observer.ts';
import { takeDescriptor } from './handover.ts';
import { withIdleTimeout } from './idle-timeout.ts';
import type { NativeAddon } from './native-addon.ts';
import type { ByteCounts, Relay, RelayHandle, RelayJob } from './relay.ts';
import { createStreamRelay } from './stream-relay.ts';

export interface NativeRelayOptions {
  readonly addon: NativeAddon;
  readonly threads: number;
  readonly clock: Clock;
  /** How long a side may take nothing, once the other one has closed, before it is cut off. */
  readonly afterEndMs?: number;
  /** The same after a broken connection. */
  readonly afterErrorMs?: number;
  /** How long sent bytes may stay unacknowledged before TCP gives a connection up; 0, the default: the system's time. */
  readonly userTimeoutMs?: number;
}

/** `enum reason` in native/relay/session.h. */
const closeReasons: readonly CloseReason[] = [
  'client-error',
  'client-closed',
  'server-closed',
  'client-error',
  'server-error',
];

/**
 * Threads of native code carry the bytes, with descriptors of their own; JavaScript hears of a session again when it is
 * over. What cannot be handed over (a socket that broke meanwhile, or has unsent bytes; no descriptor or memory to be
 * had) Node's streams carry.
 */
export function createNativeRelay({
  addon,
  threads,
  clock,
  afterEndMs = 60_000,
  afterErrorMs = 5_000,
  userTimeoutMs = 0,
}: NativeRelayOptions): Relay {
  const streams = createStreamRelay(clock);
  const ends: (((reason: CloseReason, bytes: ByteCounts) => void) | undefined)[] = [];
  const relay = addon.open(
    { threads, afterEndMs, afterErrorMs, userTimeoutMs },
    (slot, reason, sent, received) => {
      const end = ends[slot];
      ends[slot] = undefined;
      end?.(closeReasons[reason] ?? 'client-error', { sent, received });
    },
  );

  function start(job: RelayJob): RelayHandle {
    const client = takeDescriptor(job.client, job.toServer);
    const server = takeDescriptor(job.server, job.toClient);
    const toServer = client.unread;
    const toClient = server.unread;
    const slot =
      client.fd === null || server.fd === null
        ? -1
        : addon.start(relay, client.fd, server.fd, toServer, toClient);
    if (slot < 0) return streams.start({ ...job, toServer, toClient });
    leave(job.client);
    leave(job.server);
    return watch(slot, job.onEnd);
  }

  function watch(slot: number, onEnd: RelayJob['onEnd']): RelayHandle {
    let final: ByteCounts | null = null;
    const end = (reason: CloseReason, bytes: ByteCounts) => {
      final = bytes;
      onEnd(reason, bytes);
    };
    ends[slot] = end;
    return {
      bytes() {
        if (final !== null) return final;
        addon.bytes(relay, slot, counts);
        return readCounts();
      },
      close(reason) {
        if (final !== null) return;
        ends[slot] = undefined;
        addon.abort(relay, slot, counts);
        end(reason, readCounts());
      },
    };
  }

  return withIdleTimeout({ start }, clock);
}

const counts = new Float64Array(2);
const readCounts = (): ByteCounts => ({ sent: counts[0] ?? 0, received: counts[1] ?? 0 });

/**
 * Closes JavaScript's own descriptor. The connection lives on in the duplicate: `destroy()` closes without a
 * `shutdown()`, and libuv takes the descriptor out of its epoll set first.
 */
function leave(socket: Socket): void {
  socket.destroy();
}
