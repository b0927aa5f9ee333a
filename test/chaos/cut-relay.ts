import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Cleanup } from '../support/servers.ts';

export type Direction = 'to-server' | 'to-client';
const both: readonly Direction[] = ['to-server', 'to-client'];

/** Chunks that one direction of a connection may hold back before its sender is made to wait. */
const mostWaiting = 256;

/**
 * A network in a process: carries TCP to one port of 127.0.0.1, and on command loses it, in both directions or in one,
 * without closing anything. What was sent meanwhile arrives after `heal`, as TCP would send it again. A connection that
 * begins during a cut is accepted (the kernel does that) and gets no further until `heal`.
 */
export class CutRelay {
  readonly port: number;
  readonly #targetPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #lanes = new Set<Lane>();
  readonly #cut = new Set<Direction>();
  #waiting: (() => void)[] = [];
  #refuses = false;
  #delayMs = 0;

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Ends with the test. */
  static async start(t: Cleanup, targetPort: number, port = 0): Promise<CutRelay> {
    const server = createServer({ allowHalfOpen: true });
    server.listen({ host: '127.0.0.1', port });
    await once(server, 'listening');
    const relay = new CutRelay(server, targetPort);
    t.after(() => relay.#stop());
    return relay;
  }

  /** Loses what goes these ways from now on; default: both. */
  cut(directions: readonly Direction[] = both): void {
    for (const direction of directions) this.#cut.add(direction);
  }

  /** Resets every connection, and each new one as soon as it is made. */
  refuse(): void {
    this.#refuses = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Holds everything back for this long, each way. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  heal(): void {
    this.#cut.clear();
    this.#refuses = false;
    this.#delayMs = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const begin of waiting) begin();
    for (const lane of this.#lanes) lane.pump();
  }

  #accept(client: Socket): void {
    this.#keep(client);
    if (this.#refuses) client.resetAndDestroy();
    else if (this.#cut.size > 0) this.#waiting.push(() => this.#dial(client));
    else this.#dial(client);
  }

  #dial(client: Socket): void {
    if (client.destroyed) return;
    const server = connect({ host: '127.0.0.1', port: this.#targetPort, allowHalfOpen: true });
    this.#keep(server);
    this.#join(client, server, 'to-server');
    this.#join(server, client, 'to-client');
  }

  #keep(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #join(from: Socket, to: Socket, direction: Direction): void {
    const lane = new Lane({
      from,
      to,
      isCut: () => this.#cut.has(direction),
      delayMs: () => this.#delayMs,
    });
    this.#lanes.add(lane);
    to.once('close', () => this.#lanes.delete(lane));
  }

  async #stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

interface LaneOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly isCut: () => boolean;
  readonly delayMs: () => number;
}

/** One direction of one connection: bytes, its end and its breaking, in their order. */
class Lane {
  readonly #options: LaneOptions;
  #queue: { readonly dueAt: number; readonly deed: () => void }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on('data', (chunk) => this.#push(() => to.write(chunk)));
    from.once('end', () => this.#push(() => to.end()));
    from.once('close', (hadError) => {
      if (hadError || !from.readableEnded) this.#push(() => to.resetAndDestroy());
    });
    to.on('drain', () => this.#flow());
    to.once('close', () => this.#forget());
  }

  /** Carries what is due. */
  pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (!this.#options.isCut()) {
      const [next] = this.#queue;
      if (next === undefined) break;
      const earlyMs = next.dueAt - performance.now();
      if (earlyMs > 0) {
        this.#timer = setTimeout(() => this.pump(), Math.ceil(earlyMs));
        break;
      }
      this.#queue.shift();
      next.deed();
    }
    this.#flow();
  }

  #push(deed: () => void): void {
    this.#queue.push({ dueAt: performance.now() + this.#options.delayMs(), deed });
    this.pump();
  }

  #flow(): void {
    const { from, to, isCut } = this.#options;
    if (isCut() || to.writableNeedDrain || this.#queue.length > mostWaiting) from.pause();
    else from.resume();
  }

  #forget(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#queue = [];
  }
}
