import { headerLength } from './packets.ts';

/** Capabilities of a client (include/my_command.h and mysql_com.h of the server). */
const clientConnectWithDb = 0x8;
const clientProtocol41 = 0x200;
const clientSsl = 0x800;
const clientSecureConnection = 0x8000;
const clientPluginAuth = 0x80000;
const clientLengthEncodedAuth = 0x200000;

/** Capabilities, the longest packet, a character set, 23 zeros; an SSLRequest has nothing behind them. */
const fixedLength = 32;

/** What a client answers to the greeting with: a request for TLS, or its login. */
export type ClientAnswer =
  | { readonly kind: 'tls-request' }
  | { readonly kind: 'login' }
  | { readonly kind: 'malformed'; readonly why: string };

/**
 * Reads a whole packet, header included
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_ssl_request.html).
 */
export function readClientAnswer(packet: Uint8Array): ClientAnswer {
  const length = packet.length - headerLength;
  const capabilities = capabilitiesOf(packet);
  if (length < fixedLength || (capabilities & clientProtocol41) === 0) {
    return { kind: 'malformed', why: 'the client does not answer the greeting as MySQL 4.1 and newer do' };
  }
  if ((capabilities & clientSsl) === 0) return { kind: 'login' };
  if (length === fixedLength) return { kind: 'tls-request' };
  return { kind: 'malformed', why: 'the client announced TLS and logged in without it' };
}

/** A login (or request for TLS) of a client without TLS: a copy without CLIENT_SSL. */
export function withoutTls(packet: Uint8Array): Uint8Array {
  const changed = packet.slice();
  changed[headerLength + 1] = (changed[headerLength + 1] ?? 0) & ~(clientSsl >> 8);
  return changed;
}

/**
 * The login method that the client's answer is made for; null where it names none
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_response.html).
 */
export function pluginOfLogin(packet: Uint8Array): string | null {
  const capabilities = capabilitiesOf(packet);
  if ((capabilities & clientPluginAuth) === 0) return null;
  let at: number | null = skipText(packet, headerLength + fixedLength);
  if (at !== null) at = skipAuthResponse(packet, at, capabilities);
  if (at !== null && (capabilities & clientConnectWithDb) !== 0) at = skipText(packet, at);
  return at === null ? null : textAt(packet, at);
}

/** The text that begins at `at` and ends with a zero or with the packet; null for an empty one. */
export function textAt(packet: Uint8Array, at: number): string | null {
  const end = packet.indexOf(0, at);
  const text = new TextDecoder('latin1').decode(packet.subarray(at, end === -1 ? packet.length : end));
  return text === '' ? null : text;
}

function capabilitiesOf(packet: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = packet.subarray(headerLength);
  return a + b * 0x100 + c * 0x10000 + d * 0x1000000;
}

function skipText(packet: Uint8Array, at: number): number | null {
  const end = packet.indexOf(0, at);
  return end === -1 ? null : end + 1;
}

function skipAuthResponse(packet: Uint8Array, at: number, capabilities: number): number | null {
  const lengthEncoded = (capabilities & clientLengthEncodedAuth) !== 0;
  if (!lengthEncoded && (capabilities & clientSecureConnection) === 0) return skipText(packet, at);
  const first = packet[at] ?? 0;
  if (lengthEncoded && first === 0xfc) {
    return at + 3 + (packet[at + 1] ?? 0) + (packet[at + 2] ?? 0) * 0x100;
  }
  // Three and eight bytes of length would be a login of more than 64 KB, which no server takes.
  return lengthEncoded && first > 0xfa ? null : at + 1 + first;
}
