import { type HeaderEvent, malformed, needMore } from './header.ts';
import { readV1, v1Signature } from './v1.ts';
import { readV2, v2Signature } from './v2.ts';

/** Reads the PROXY header, of either version, that a connection begins with. One decoder reads one connection. */
export class HeaderDecoder {
  #bytes: Uint8Array = new Uint8Array(0);

  /** Feed the bytes as they come; the first event that is not `need-more` is the last one. Never throws. */
  push(chunk: Uint8Array): HeaderEvent {
    const joined = new Uint8Array(this.#bytes.length + chunk.length);
    joined.set(this.#bytes);
    joined.set(chunk, this.#bytes.length);
    this.#bytes = joined;
    if (beginsLike(joined, v1Signature))
      return joined.length < v1Signature.length ? needMore : readV1(joined);
    if (beginsLike(joined, v2Signature))
      return joined.length < v2Signature.length ? needMore : readV2(joined);
    return malformed('the connection begins without one');
  }

  /** All that was fed. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }
}

/** As far as both go. */
const beginsLike = (bytes: Uint8Array, signature: Uint8Array): boolean =>
  signature.every((byte, i) => i >= bytes.length || bytes[i] === byte);
