import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What `server` has begun to answer and not sent yet. */
export class RunningResponses {
  // By connection: where one closes, Node says so to the response that was on its turn, and not to those behind it.
  readonly #byConnection = new Map<Socket, Set<ServerResponse>>();
  #onFinished: (() => void) | null = null;

  constructor(server: Server) {
    server.on('request', ({ socket }, response) => this.#add(socket, response));
  }

  get count(): number {
    return [...this.#byConnection.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Once every response has gone out, and `graceMs` later at the latest. Asked once. */
  finished(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const grace = setTimeout(resolve, graceMs);
      this.#onFinished = () => {
        clearTimeout(grace);
        resolve();
      };
      this.#check();
    });
  }

  #add(socket: Socket, response: ServerResponse): void {
    const responses = this.#byConnection.get(socket) ?? this.#connection(socket);
    responses.add(response);
    response.on('close', () => {
      responses.delete(response);
      this.#check();
    });
  }

  #connection(socket: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    this.#byConnection.set(socket, responses);
    socket.once('close', () => {
      this.#byConnection.delete(socket);
      this.#check();
    });
    return responses;
  }

  #check(): void {
    if (this.#onFinished !== null && this.count === 0) this.#onFinished();
  }
}
