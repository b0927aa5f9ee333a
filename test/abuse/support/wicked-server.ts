import { createServer, type Server, type Socket } from 'node:net';
import { listenAnywhere } from '../../proxy/support/peer.ts';

/** A server that does with each connection what the test says; it reads, and throws away, what it is told. */
export class WickedServer {
  port = 0;
  /** Connections that were ever opened. */
  accepted = 0;
  /** What is done with a new connection. */
  act: (socket: Socket) => void;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(act: (socket: Socket) => void) {
    this.act = act;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.accepted += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.on('data', () => {});
      this.act(socket);
    });
  }

  static async start(act: (socket: Socket) => void): Promise<WickedServer> {
    const server = new WickedServer(act);
    server.port = await listenAnywhere(server.#server);
    return server;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Sends one byte at a time, `everyMs` apart, for as long as the connection stands; what comes last is repeated. */
export function drip(socket: Socket, bytes: Uint8Array, everyMs: number): void {
  let at = 0;
  const timer = setInterval(() => {
    if (!socket.writable) return;
    socket.write(Uint8Array.of(bytes[Math.min(at, bytes.length - 1)] ?? 0));
    at += 1;
  }, everyMs);
  socket.on('close', () => clearInterval(timer));
}
