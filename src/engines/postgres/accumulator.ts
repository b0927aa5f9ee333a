/**
 * Bytes that arrive in pieces, as one view. Grows by doubling, so that a client that sends a message byte by byte
 * costs no more than one that sends it whole. It sets no limit: the decoder that owns it does.
 */
export class Accumulator {
  #store = new Uint8Array(0);
  #length = 0;

  append(chunk: Uint8Array): void {
    const needed = this.#length + chunk.length;
    if (needed > this.#store.length) {
      const grown = new Uint8Array(Math.max(needed, this.#store.length * 2));
      grown.set(this.#store.subarray(0, this.#length));
      this.#store = grown;
    }
    this.#store.set(chunk, this.#length);
    this.#length = needed;
  }

  /** All that is held, valid until the next call of any other method. */
  view(): Uint8Array {
    return this.#store.subarray(0, this.#length);
  }

  /** Takes the first `count` bytes out, as a copy of their own. */
  take(count: number): Uint8Array {
    const taken = this.#store.slice(0, Math.min(count, this.#length));
    this.#store.copyWithin(0, taken.length, this.#length);
    this.#length -= taken.length;
    return taken;
  }

  takeAll(): Uint8Array {
    return this.take(this.#length);
  }
}
