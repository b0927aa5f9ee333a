import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { unreachable } from '../base/assert.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { type ClientError, type ErrorCode, messageOf } from '../base/errors.ts';
import type { Exchange, ExchangeStep } from '../engines/engine.ts';
import { abort } from './abort.ts';
import { linger } from './linger.ts';
import type { CloseReason } from './observer.ts';
import type { Relay, RelayHandle, RelayJob } from './relay/relay.ts';

export interface ExchangeSetting {
  readonly exchange: Exchange;
  /** Carries the session once there is nothing left to be seen to. */
  readonly relay: Relay;
  readonly clock: Clock;
  /** How long TLS and the client's first answer may take; null: the server keeps the time. */
  readonly timeoutMs: number | null;
  /** TLS on a connection that is paused and has no reader. It emits `secure`, or closes. */
  readonly encryptClient: (client: Socket, received: Uint8Array) => TLSSocket;
  /** The same with the server, as its client: it emits `secureConnect`. */
  readonly encryptServer: (server: Socket) => TLSSocket;
  /** The client's TLS did not come about. */
  readonly onClientTlsFailed: (why: string) => void;
  /** The server's did not: why, in words for people. */
  readonly explain: (error: Error) => string;
  /** The session ends with an error of ours. */
  readonly onRefusal: (code: ErrorCode, details: Readonly<Record<string, string | number>>) => ClientError;
}

type Side = 'client' | 'server';

/** A login has some kilobytes each way; whoever says more is up to something else. */
const maxBytes = 1024 * 1024;
/** How long a client may take to read its last words and close. */
const lastWordsMs = 2_000;
const nothing = new Uint8Array(0);

/** Sees a session through its exchange, and then gives both of its sockets to the relay. To its owner it is one handle. */
export function startExchange(job: RelayJob, setting: ExchangeSetting): RelayHandle {
  const session = new ExchangeRelay(job, setting);
  session.begin();
  return session;
}

class ExchangeRelay implements RelayHandle {
  readonly #job: RelayJob;
  readonly #setting: ExchangeSetting;
  readonly #sockets: Record<Side, Socket>;
  /** Sides whose TLS has begun and does not stand yet. */
  readonly #encrypting = new Set<Side>();
  #sent = 0;
  #received = 0;
  #timer: Timer | null = null;
  /** Who carries the session by now. */
  #handle: RelayHandle | null = null;
  #isOver = false;
  #detach: Record<Side, () => void> = { client: () => {}, server: () => {} };

  constructor(job: RelayJob, setting: ExchangeSetting) {
    this.#job = job;
    this.#setting = setting;
    this.#sockets = { client: job.client, server: job.server };
  }

  begin(): void {
    const { clock, exchange, timeoutMs } = this.#setting;
    if (timeoutMs !== null) {
      const timeout = `${timeoutMs} ms`;
      this.#timer = clock.after(timeoutMs, () => this.#refuse('handshake_timeout', { timeout }));
    }
    this.#attach('client');
    this.#attach('server');
    const { toClient, toServer } = this.#job;
    // Later than `start` returns, as a relay promises.
    queueMicrotask(() => {
      if (this.#isOver) return;
      this.#take(exchange.begin(toClient ?? nothing));
      if (toServer !== null && !this.#isOver) this.#take(exchange.fromClient(toServer));
    });
  }

  bytes(): { readonly sent: number; readonly received: number } {
    const carried = this.#handle?.bytes() ?? { sent: 0, received: 0 };
    return { sent: this.#sent + carried.sent, received: this.#received + carried.received };
  }

  close(reason: CloseReason): void {
    this.#handle?.close(reason);
    if (this.#isOver) return;
    this.#leave();
    abort(this.#sockets.server);
    this.#sockets.client.destroy();
    this.#job.onEnd(reason, this.bytes());
  }

  // ---- the two sides ----

  #attach(side: Side): void {
    const socket = this.#sockets[side];
    let heard = 0;
    const onData = (chunk: Buffer) => {
      const { exchange } = this.#setting;
      heard += chunk.length;
      if (heard > maxBytes) {
        this.close(side === 'client' ? 'client-error' : 'server-error');
        return;
      }
      this.#take(side === 'client' ? exchange.fromClient(chunk) : exchange.fromServer(chunk));
    };
    const onEnd = () => this.#lost(side);
    socket.on('data', onData).on('end', onEnd).on('close', onEnd);
    this.#detach[side] = () => {
      socket.off('data', onData).off('end', onEnd).off('close', onEnd).pause();
    };
    socket.resume();
  }

  #encrypt(side: Side, received: Uint8Array): void {
    const { encryptClient, encryptServer, exchange } = this.#setting;
    this.#detach[side]();
    const carrier = this.#sockets[side];
    const socket = side === 'client' ? encryptClient(carrier, received) : encryptServer(carrier);
    this.#sockets[side] = socket;
    this.#encrypting.add(side);
    this.#attach(side);
    socket.once(side === 'client' ? 'secure' : 'secureConnect', () => {
      this.#encrypting.delete(side);
      if (!this.#isOver) this.#take(exchange.encrypted(side));
    });
  }

  /** One side has ended or broken, which leaves nothing to be agreed on. */
  #lost(side: Side): void {
    if (this.#isOver) return;
    const socket = this.#sockets[side];
    const why = socket.errored;
    if (side === 'client') {
      if (this.#encrypting.has('client')) {
        this.#setting.onClientTlsFailed(why === null ? 'the client left' : messageOf(why));
      }
      this.close(why === null ? 'client-closed' : 'client-error');
      return;
    }
    if (this.#encrypting.has('server')) {
      const detail =
        why === null ? 'the server closed the connection in its handshake' : this.#setting.explain(why);
      this.#refuse('server_tls_failed', { why: detail });
      return;
    }
    this.#part(nothing, why === null ? 'server-closed' : 'server-error');
  }

  // ---- steps ----

  #take(steps: readonly ExchangeStep[]): void {
    const isLast = steps.at(-1)?.kind === 'done';
    const [toClient, toServer]: [Uint8Array[], Uint8Array[]] = [[], []];
    for (const step of steps) {
      switch (step.kind) {
        case 'to-client':
          if (isLast) toClient.push(step.bytes);
          else this.#tell(step.bytes);
          break;
        case 'to-server':
          if (isLast) toServer.push(step.bytes);
          else this.#pass(step.bytes);
          break;
        case 'encrypt':
          this.#encrypt(step.side, step.received);
          break;
        case 'refuse':
          this.#refuse(step.code, step.details);
          break;
        case 'done':
          this.#handOver(toServer, toClient);
          break;
        default:
          unreachable(step);
      }
      if (this.#isOver) return;
    }
  }

  #tell(bytes: Uint8Array): void {
    const { client } = this.#sockets;
    this.#received += bytes.length;
    client.write(bytes);
  }

  #pass(bytes: Uint8Array): void {
    this.#sent += bytes.length;
    this.#sockets.server.write(bytes);
    // The client has said what it wants in time: from here on the server's own time for a login runs.
    if (this.#encrypting.size === 0) this.#timer?.cancel();
  }

  #handOver(toServer: readonly Uint8Array[], toClient: readonly Uint8Array[]): void {
    const { relay } = this.#setting;
    const { held, onEnd } = this.#job;
    this.#leave();
    const joined = (pieces: readonly Uint8Array[]) => (pieces.length === 0 ? null : Buffer.concat(pieces));
    this.#handle = relay.start({
      ...this.#job,
      client: this.#sockets.client,
      server: this.#sockets.server,
      toServer: joined(toServer),
      toClient: joined(toClient),
      // What a login says of TLS and of numbers has been seen to: from here on there are commands.
      ...(held === undefined ? {} : { held: { ...held, watch: () => held.watch('command') } }),
      onEnd: (reason, { sent, received }) =>
        onEnd(reason, { sent: this.#sent + sent, received: this.#received + received }),
    });
  }

  // ---- the end ----

  #leave(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#detach.client();
    this.#detach.server();
  }

  #refuse(code: ErrorCode, details: Readonly<Record<string, string | number>>): void {
    const error = this.#setting.onRefusal(code, details);
    this.#part(this.#setting.exchange.refusal(error), 'refused');
  }

  /** Leaves the server at once, and the client with `words`. */
  #part(words: Uint8Array, reason: CloseReason): void {
    const { client, server } = this.#sockets;
    const { clock } = this.#setting;
    this.#leave();
    linger(server, clock, lastWordsMs, maxBytes);
    const end = () => this.#job.onEnd(reason, this.bytes());
    if (client.destroyed) {
      end();
      return;
    }
    client.once('close', end);
    // A later `close()` has to end this too.
    this.#handle = {
      close: () => {
        abort(server);
        client.destroy();
      },
      bytes: () => ({ sent: 0, received: 0 }),
    };
    if (words.length > 0) client.write(words);
    linger(client, clock, lastWordsMs);
  }
}
