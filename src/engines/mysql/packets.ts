/**
 * MySQL's packet framing: a 3-byte little-endian payload length, a sequence number, the payload
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html).
 */

export const headerLength = 4;
const maxPayloadLength = 0xffffff;

/** The header of a packet, which says how much follows. */
export interface PacketHeader {
  /** Bytes of payload behind the header. */
  readonly payloadLength: number;
  /** 0-255; 0 in the first packet of a conversation. */
  readonly sequence: number;
}

/** Reads the header at the start of `bytes`; null while there are fewer than 4 of them. */
export function readHeader(bytes: Uint8Array): PacketHeader | null {
  const [low, middle, high, sequence] = bytes;
  if (low === undefined || middle === undefined || high === undefined || sequence === undefined) return null;
  return { payloadLength: low | (middle << 8) | (high << 16), sequence };
}

/** One packet on the wire. Throws a RangeError for a payload that would have to be split (16 MB - 1 and more). */
export function encodePacket(sequence: number, payload: Uint8Array): Uint8Array {
  if (payload.length >= maxPayloadLength)
    throw new RangeError(`a payload of ${payload.length} bytes is too long`);
  const packet = new Uint8Array(headerLength + payload.length);
  packet[0] = payload.length & 0xff;
  packet[1] = (payload.length >> 8) & 0xff;
  packet[2] = (payload.length >> 16) & 0xff;
  packet[3] = sequence & 0xff;
  packet.set(payload, headerLength);
  return packet;
}

/** Bytes that came in pieces, joined; a piece that stands alone is not copied. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.length;
  }
  return joined;
}
