import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Shown } from '../tls/accept-tls.ts';
import { encryptClient } from './carrier.ts';

/** What a client may say before a server has taken its session; more is left in the kernel. */
const maxStashBytes = 64 * 1024;

/**
 * A client's connection until its session is routed: gives what the client says to a reader, or keeps it for later,
 * and notices at once when the client leaves.
 */
export class ClientSide {
  /** Another one once the client is encrypted. */
  socket: Socket;
  /** TLS has begun and does not stand yet. */
  isEncrypting = false;
  readonly #onGone: () => void;
  #reader: ((chunk: Uint8Array) => void) | null = null;
  #stash: Uint8Array[] = [];
  #stashedBytes = 0;

  constructor(socket: Socket, onGone: () => void) {
    this.socket = socket;
    this.#onGone = onGone;
    this.#attach();
  }

  get isEncrypted(): boolean {
    return this.socket instanceof TLSSocket;
  }

  /** Begins TLS, of which `received` is the beginning, and calls `onSecure` when it stands; else the client is gone. */
  encrypt(shown: Shown, received: Uint8Array, onSecure: (socket: TLSSocket) => void): void {
    const encrypted = encryptClient(this.release(), shown, received);
    this.socket = encrypted;
    this.isEncrypting = true;
    this.#attach();
    encrypted.once('secure', () => {
      this.isEncrypting = false;
      onSecure(encrypted);
    });
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

  #attach(): void {
    this.socket.on('data', this.#onData).on('end', this.#onGone).on('close', this.#onGone).resume();
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
