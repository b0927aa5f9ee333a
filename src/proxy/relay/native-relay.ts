import { Socket, type SocketConstructorOpts } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { abort } from '../abort.ts';
import { ignore } from '../linger.ts';
import type { CloseReason } from '../observer.ts';
import { takeDescriptor } from './handover.ts';
import { withIdleTimeout } from './idle-timeout.ts';
import type { NativeAddon } from './native-addon.ts';
import type { ByteCounts, HeldCommands, Relay, RelayHandle, RelayJob } from './relay.ts';
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

/** `enum reason` in native/relay/session.h, but for the last one: a command was held back. */
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
  const parts: (Part | undefined)[] = [];
  const relay = addon.open(
    { threads, afterEndMs, afterErrorMs, userTimeoutMs },
    (slot, reason, sent, received, clientFd, serverFd, command) => {
      const part = parts[slot];
      parts[slot] = undefined;
      if (command !== null) part?.handBack(command, adopt(clientFd), adopt(serverFd), { sent, received });
      else part?.end(closeReasons[reason] ?? 'client-error', { sent, received });
    },
  );

  function start(job: RelayJob): RelayHandle {
    return job.held === undefined ? carry(job, 'nothing') : startInParts(job, job.held);
  }

  /**
   * A session comes back for each command that is held back, and goes on as another one with what replaces the command.
   */
  function startInParts(job: RelayJob, held: HeldCommands): RelayHandle {
    let sent = 0;
    let received = 0;
    let final: ByteCounts | null = null;
    let waiting: { readonly client: Socket; readonly server: Socket } | null = null;
    const inAll = (bytes: ByteCounts): ByteCounts => ({
      sent: sent + bytes.sent,
      received: received + bytes.received,
    });
    const end = (reason: CloseReason, bytes: ByteCounts) => {
      final = inAll(bytes);
      job.onEnd(reason, final);
    };
    const handBack: Part['handBack'] = (command, client, server, bytes) => {
      ({ sent, received } = inAll(bytes));
      waiting = { client, server };
      void held.replace(command).then((toServer) => {
        if (waiting === null) return;
        waiting = null;
        const goOn = { watch: () => held.watch('command'), replace: held.replace };
        part = carry(
          { ...job, client, server, toServer, toClient: null, held: goOn, onEnd: end },
          'command',
          handBack,
        );
      });
    };
    let part = carry({ ...job, onEnd: end }, 'start', handBack);
    return {
      bytes: () => final ?? (waiting === null ? inAll(part.bytes()) : { sent, received }),
      close(reason) {
        if (final !== null) return;
        if (waiting === null) {
          part.close(reason);
          return;
        }
        abort(waiting.server);
        waiting.client.destroy();
        waiting = null;
        end(reason, { sent: 0, received: 0 });
      },
    };
  }

  function carry(
    job: RelayJob,
    from: 'nothing' | 'start' | 'command',
    handBack: Part['handBack'] = () => {},
  ): RelayHandle {
    const client = takeDescriptor(job.client, job.toServer);
    const server = takeDescriptor(job.server, job.toClient);
    const toServer = client.unread;
    const toClient = server.unread;
    // The threads do not look at what they are given: a client that speaks before it is greeted is not looked at.
    const watch = from === 'start' && toServer !== null ? 'nothing' : from;
    const slot =
      client.fd === null || server.fd === null
        ? -1
        : addon.start(relay, client.fd, server.fd, toServer, toClient, watches[watch]);
    if (slot < 0) return streams.start({ ...job, toServer, toClient });
    leave(job.client);
    leave(job.server);
    return follow(slot, job.onEnd, handBack);
  }

  function follow(slot: number, onEnd: RelayJob['onEnd'], handBack: Part['handBack']): RelayHandle {
    let final: ByteCounts | null = null;
    const end = (reason: CloseReason, bytes: ByteCounts) => {
      final = bytes;
      onEnd(reason, bytes);
    };
    parts[slot] = { end, handBack };
    return {
      bytes() {
        if (final !== null) return final;
        addon.bytes(relay, slot, counts);
        return readCounts();
      },
      close(reason) {
        if (final !== null) return;
        parts[slot] = undefined;
        addon.abort(relay, slot, counts);
        end(reason, readCounts());
      },
    };
  }

  return withIdleTimeout({ start }, clock);
}

const counts = new Float64Array(2);
const readCounts = (): ByteCounts => ({ sent: counts[0] ?? 0, received: counts[1] ?? 0 });

/** What becomes of a session that native code carries. */
interface Part {
  readonly end: (reason: CloseReason, bytes: ByteCounts) => void;
  readonly handBack: (command: Uint8Array, client: Socket, server: Socket, bytes: ByteCounts) => void;
}

/** As native/relay/watch.h numbers them. */
const watches = { nothing: 0, start: 1, command: 2 } as const;

/** A socket of JavaScript's for a descriptor that comes back: paused, half-open allowed, with an `error` listener. */
function adopt(fd: number): Socket {
  // `pauseOnCreate` is what a server's `pauseOnConnect` is made of; without it bytes would be read at once.
  const options = { fd, allowHalfOpen: true, readable: true, writable: true, pauseOnCreate: true };
  return new Socket(options as SocketConstructorOpts).on('error', ignore);
}

/**
 * Closes JavaScript's own descriptor. The connection lives on in the duplicate: `destroy()` closes without a
 * `shutdown()`, and libuv takes the descriptor out of its epoll set first.
 */
function leave(socket: Socket): void {
  socket.destroy();
}
