import { headerLength, readHeader } from './packets.ts';

/** No KILL that anybody acts on is longer. */
const maxKillBytes = 128;

export const comQuery = 0x03;
export const comProcessKill = 0x0c;

/**
 * Of the capabilities that a client's first packet begins with: what follows it is compressed, or in TLS
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html).
 */
const unreadable = 0x20 | 0x800 | 0x400_0000;

/**
 * Follows the packets that a client sends, and finds commands that begin with KILL. Only the lengths of packets are read,
 * so that nothing inside of one is taken for a command, and the first bytes of short ones. A KILL that does not come in
 * one piece is not found: it goes to the server, which does not know the number. native/relay/watch.c is the same in C.
 */
export class KillWatch {
  #state: 'start' | 'commands' | 'nothing';
  /** Bytes that the packet under way still has. */
  #left = 0;
  /** Of the next header, what has come. */
  #header: number[] = [];

  constructor(from: 'start' | 'command') {
    this.#state = from === 'start' ? 'start' : 'commands';
  }

  /** Takes the next bytes. True where they are one whole packet, a command that begins with KILL. */
  sees(chunk: Uint8Array): boolean {
    if (this.#state === 'start') this.#state = goesOnInPlain(chunk) ? 'commands' : 'nothing';
    if (this.#state === 'nothing') return false;
    const atPacket = this.#left === 0 && this.#header.length === 0;
    if (atPacket && isWholeCommand(chunk) && isKill(chunk)) return true;
    this.#follow(chunk);
    return false;
  }

  #follow(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, chunk.length - at);
        this.#left -= step;
        at += step;
        continue;
      }
      this.#header.push(chunk[at] ?? 0);
      at += 1;
      if (this.#header.length < headerLength) continue;
      this.#left = readHeader(Uint8Array.from(this.#header))?.payloadLength ?? 0;
      this.#header = [];
    }
  }
}

function goesOnInPlain(chunk: Uint8Array): boolean {
  if (chunk.length < headerLength + 4) return false;
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  return (view.getUint32(headerLength, true) & unreadable) === 0;
}

/** A command is the first packet of its conversation: number 0. */
function isWholeCommand(chunk: Uint8Array): boolean {
  if (chunk.length <= headerLength || chunk.length > maxKillBytes) return false;
  const header = readHeader(chunk);
  return header !== null && header.sequence === 0 && header.payloadLength === chunk.length - headerLength;
}

function isKill(packet: Uint8Array): boolean {
  const payload = packet.subarray(headerLength);
  if (payload[0] === comProcessKill) return payload.length === 5;
  if (payload[0] !== comQuery) return false;
  const text = payload.subarray(statementStart(payload));
  return text.length >= 4 && /^kill/i.test(new TextDecoder('latin1').decode(text.subarray(0, 4)));
}

/**
 * Where the text of a COM_QUERY begins. With CLIENT_QUERY_ATTRIBUTES the number of attributes, 0, and of sets of them, 1,
 * come before it; a statement never begins with a zero.
 */
export const statementStart = (payload: Uint8Array): number =>
  payload.length > 3 && payload[1] === 0 && payload[2] === 1 ? 3 : 1;
