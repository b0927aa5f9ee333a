import { encodePacket, headerLength } from './packets.ts';

/** An ERR packet, whoever sends it. */
export interface ErrorPacket {
  readonly errno: number;
  readonly message: string;
}

/** The first byte of an ERR packet's payload. */
export const errorMarker = 0xff;

/** libmysqlclient keeps 511 bytes of a message (MYSQL_ERRMSG_SIZE) and cuts the rest wherever it falls. */
const maxMessageBytes = 511;
const hash = 0x23;
const sqlStateLength = 6;

/**
 * Reads a whole ERR packet, header included, with or without an SQLSTATE; null where it is none.
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html
 */
export function readError(packet: Uint8Array): ErrorPacket | null {
  const [marker, low, high] = packet.subarray(headerLength);
  if (marker !== errorMarker || low === undefined || high === undefined) return null;
  const rest = packet.subarray(headerLength + 3);
  const text = rest[0] === hash && rest.length >= sqlStateLength ? rest.subarray(sqlStateLength) : rest;
  return { errno: low | (high << 8), message: new TextDecoder().decode(text) };
}

/**
 * The ERR packet that a server sends instead of its greeting. It carries no SQLSTATE, as MySQL's and MariaDB's own
 * "Too many connections" does not: capabilities are not agreed yet, and MySQL's client would show `#08S01` as a part
 * of the message.
 */
export function encodeErrorBeforeGreeting(error: ErrorPacket): Uint8Array {
  const text = cutToBytes(error.message, maxMessageBytes);
  const payload = new Uint8Array(3 + text.length);
  payload[0] = errorMarker;
  payload[1] = error.errno & 0xff;
  payload[2] = (error.errno >> 8) & 0xff;
  payload.set(text, 3);
  return encodePacket(0, payload);
}

/** The ERR packet of a server to a client that has answered its greeting; `sequence` is the packet's number. */
export function encodeErrorWithState(error: ErrorPacket, sqlState: string, sequence: number): Uint8Array {
  const text = cutToBytes(error.message, maxMessageBytes);
  const payload = new Uint8Array(3 + sqlStateLength + text.length);
  payload.set([errorMarker, error.errno & 0xff, (error.errno >> 8) & 0xff]);
  payload.set(new TextEncoder().encode(`#${sqlState}`.padEnd(sqlStateLength)), 3);
  payload.set(text, 3 + sqlStateLength);
  return encodePacket(sequence, payload);
}

/** UTF-8 of `text`, at most `maxBytes` long, cut between characters. */
function cutToBytes(text: string, maxBytes: number): Uint8Array {
  const whole = new Uint8Array(maxBytes);
  const { written } = new TextEncoder().encodeInto(text, whole);
  return whole.subarray(0, written);
}
