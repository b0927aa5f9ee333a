import { createServer, type Server, type Socket } from 'node:net';
import { type Prng, randomIndex } from '../../../src/base/prng.ts';
import { listenAnywhere } from '../../proxy/support/peer.ts';

/** What a server says: each piece after it was spoken to again, the first of all where it `speaksFirst`. */
export interface Script {
  readonly pieces: readonly Uint8Array[];
  readonly speaksFirst: boolean;
  /** What it does when it has no more to say. */
  readonly ending: 'end' | 'reset' | 'silence';
}

/** A server that means no good: it plays a script to each connection, whoever it is. */
export class EvilServer {
  port = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(next: () => Script, prng: Prng) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      play(socket, next(), prng);
    });
  }

  static async start(next: () => Script, prng: Prng): Promise<EvilServer> {
    const server = new EvilServer(next, prng);
    server.port = await listenAnywhere(server.#server);
    return server;
  }

  get open(): number {
    return this.#sockets.size;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function play(socket: Socket, { pieces, speaksFirst, ending }: Script, prng: Prng): void {
  let next = 0;
  const speak = (): void => {
    const piece = pieces[next];
    next += 1;
    if (piece !== undefined) {
      const cut = randomIndex(prng, piece.length + 1);
      socket.write(piece.subarray(0, cut));
      if (cut < piece.length) setImmediate(() => socket.writable && socket.write(piece.subarray(cut)));
    }
    if (next < pieces.length || ending === 'silence') return;
    setImmediate(() => (ending === 'end' ? socket.end() : socket.resetAndDestroy()));
  };
  socket.on('data', speak);
  if (speaksFirst) speak();
}
