import type { Socket } from 'node:net';
import { type Address, formatAddress } from '../cluster/instance.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Listener } from './listener.ts';

type OnClient = (socket: Socket) => void;
type Open = (endpoint: Endpoint, onClient: OnClient) => Promise<Listener>;

/** A listener that nobody uses at the moment: who comes meanwhile waits. */
interface Stocked {
  readonly listener: Listener;
  serve(onClient: OnClient): void;
  pause(): void;
  /** Closes it, and turns away who waits. */
  close(): void;
}

/**
 * Opens listeners. For a reload, those that it needs are opened before anything is changed, so that nothing is where one
 * of them cannot be; and one that its endpoint gives up is kept, open, for another endpoint that wants the same address.
 */
export class ListenerStock {
  readonly #open: Open;
  readonly #stocked = new Map<string, Stocked>();
  #keeps = false;

  constructor(open: Open) {
    this.#open = open;
  }

  /** Opens the address of each endpoint, and keeps what is given up, until `release`. Throws `ListenFailed`; nothing is open then. */
  async reserve(endpoints: readonly Endpoint[]): Promise<void> {
    this.#keeps = true;
    try {
      for (const endpoint of endpoints) {
        if (this.#stocked.has(formatAddress(endpoint.listen))) continue;
        const changing = new ChangingServer();
        const listener = await this.#open(endpoint, changing.onClient);
        this.#put(endpoint.listen, changing.stocked(listener));
      }
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** Closes what nobody took. */
  release(): void {
    this.#keeps = false;
    for (const { close } of this.#stocked.values()) close();
    this.#stocked.clear();
  }

  /** A listener for `endpoint`: the one in stock, or a new one. */
  async open(endpoint: Endpoint, onClient: OnClient): Promise<Listener> {
    const stocked = this.#stocked.get(formatAddress(endpoint.listen));
    if (stocked !== undefined) {
      this.#stocked.delete(formatAddress(endpoint.listen));
      stocked.listener.limit(endpoint.maxSessions);
      stocked.serve(onClient);
      return this.#returning(endpoint.listen, stocked);
    }
    const changing = new ChangingServer();
    const listener = await this.#open(endpoint, changing.onClient);
    changing.serve(onClient);
    return this.#returning(endpoint.listen, changing.stocked(listener));
  }

  #put(address: Address, stocked: Stocked): void {
    this.#stocked.set(formatAddress(address), stocked);
  }

  #returning(address: Address, stocked: Stocked): Listener {
    const { listener } = stocked;
    let closed = false;
    return {
      address: listener.address,
      outlives: listener.outlives,
      limit: (maxSessions) => listener.limit(maxSessions),
      close: () => {
        if (closed) return;
        closed = true;
        stocked.pause();
        if (this.#keeps) this.#put(address, stocked);
        else stocked.close();
      },
    };
  }
}

/** Hands each client to whoever serves at the time, and keeps those that come while nobody does. */
class ChangingServer {
  #waiting: Socket[] = [];
  #serving: OnClient | null = null;

  readonly onClient = (socket: Socket): void => {
    if (this.#serving === null) this.#waiting.push(socket);
    else this.#serving(socket);
  };

  serve(onClient: OnClient): void {
    this.#serving = onClient;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const socket of waiting) onClient(socket);
  }

  stocked(listener: Listener): Stocked {
    return {
      listener,
      serve: (onClient) => this.serve(onClient),
      pause: () => {
        this.#serving = null;
      },
      close: () => {
        listener.close();
        for (const socket of this.#waiting) socket.destroy();
        this.#waiting = [];
      },
    };
  }
}
