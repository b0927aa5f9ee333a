import { headerLength, joinBytes, readHeader } from './packets.ts';

/** Cuts a stream of bytes into packets, headers included. */
export class PacketSplitter {
  readonly #pieces: Uint8Array[] = [];
  readonly #maxPayload: number;

  constructor(maxPayload: number) {
    this.#maxPayload = maxPayload;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#pieces.push(chunk);
  }

  /** The next whole packet; null while there is none; `too-long` as soon as it announces more than is allowed. */
  next(): Uint8Array | 'too-long' | null {
    const bytes = this.#joined();
    const header = readHeader(bytes);
    if (header === null) return null;
    if (header.payloadLength > this.#maxPayload) return 'too-long';
    const length = headerLength + header.payloadLength;
    if (bytes.length < length) return null;
    this.#pieces.splice(0, 1, bytes.subarray(length));
    return bytes.subarray(0, length);
  }

  /** Whatever stands behind the last packet. Empties the buffer. */
  rest(): Uint8Array {
    const bytes = this.#joined();
    this.#pieces.length = 0;
    return bytes;
  }

  #joined(): Uint8Array {
    const bytes = joinBytes(this.#pieces);
    this.#pieces.splice(0, this.#pieces.length, bytes);
    return bytes;
  }
}
