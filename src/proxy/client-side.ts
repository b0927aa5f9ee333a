import type { Socket } from 'node:net';

/** What a client may say before a server has taken its session; more is left in the kernel. */
const maxStashBytes = 64 * 1024;

/**
 * A client's connection until its session is routed: gives what the client says to a reader, or keeps it for later,
 * and notices at once when the client leaves.
 */
export class ClientSide {
  readonly socket: Socket;
  readonly #onGone: () => void;
  #reader: ((chunk: Uint8Array) => void) | null = null;
  #stash: Uint8Array[] = [];
  #stashedBytes = 0;

  constructor(socket: Socket, onGone: () => void) {
    this.socket = socket;
    this.#onGone = onGone;
    socket.on('data', this.#onData).on('end', onGone).on('close', onGone);
    socket.resume();
  }

  /** Gives `reader` what was kept and what comes, until `keep()`. */
  read(reader: (chunk: Uint8Array) => void): void {
    this.#reader = reader;
    const kept = this.takeStash();
    this.socket.resume();
    if (kept !== null) reader(kept);
  }

  /** Keeps what comes, `first` before it. */
  keep(first: Uint8Array): void {
    this.#reader = null;
    if (first.length > 0) this.#put(first);
  }

  /** Removes what was kept; null where that is nothing. */
  takeStash(): Uint8Array | null {
    const kept = this.#stash;
    this.#stash = [];
    this.#stashedBytes = 0;
    return kept.length > 1 ? Buffer.concat(kept) : (kept[0] ?? null);
  }

  /** Lets go of the socket, which is paused then. */
  release(): Socket {
    this.#reader = null;
    this.socket.off('data', this.#onData).off('end', this.#onGone).off('close', this.#onGone);
    return this.socket.pause();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#reader !== null) this.#reader(chunk);
    else this.#put(chunk);
  };

  #put(chunk: Uint8Array): void {
    this.#stash.push(chunk);
    this.#stashedBytes += chunk.length;
    if (this.#stashedBytes > maxStashBytes) this.socket.pause();
  }
}
