import { headerLength } from './packets.ts';

/** What a server says of itself in its first packet, as far as Aurelay cares. */
export interface Greeting {
  /** As sent: `8.4.3`, `5.5.5-10.11.19-MariaDB-log`. */
  readonly serverVersion: string;
  readonly connectionId: number;
  /** It can go on in TLS (CLIENT_SSL). */
  readonly offersTls: boolean;
}

/** The first byte of a greeting's payload: protocol version 10, which every server since 3.21.0 speaks. */
export const protocolVersion10 = 0x0a;

const clientSsl = 0x0800;
const nul = 0;
/** The authentication plugin's name stands at the end where the server has CLIENT_PLUGIN_AUTH. */
const pluginAuthInUpper = 0x0008;
/** Behind the lower capabilities: character set, status (2), upper capabilities (2), a length, 10 of zeros. */
const upperCapabilitiesOffset = 2 + 1 + 2;
const secondScrambleOffset = upperCapabilitiesOffset + 2 + 1 + 10;
const minSecondScramble = 13;

/** Behind the version: 4 bytes of connection id, 8 of authentication data, a zero. */
const bytesBeforeCapabilities = 4 + 8 + 1;

/** Where the lower half of the capabilities stands in a whole greeting packet; null where it is none. */
function capabilitiesAt(packet: Uint8Array): number | null {
  if (packet[headerLength] !== protocolVersion10) return null;
  const versionEnd = packet.indexOf(nul, headerLength + 1);
  const at = versionEnd + 1 + bytesBeforeCapabilities;
  return versionEnd === -1 || packet.length < at + 2 ? null : at;
}

/** The greeting of a server that has TLS to offer, whether it has or not. Throws nothing; returns a copy. */
export function withTlsOffered(packet: Uint8Array): Uint8Array {
  const at = capabilitiesAt(packet);
  const changed = packet.slice();
  if (at !== null) changed[at + 1] = (changed[at + 1] ?? 0) | (clientSsl >> 8);
  return changed;
}

/** The login method that the server begins with; null where it names none. */
export function pluginOfGreeting(packet: Uint8Array): string | null {
  const at = capabilitiesAt(packet);
  if (at === null || ((packet[at + upperCapabilitiesOffset] ?? 0) & pluginAuthInUpper) === 0) return null;
  const scrambleLength = Math.max(minSecondScramble, (packet[at + upperCapabilitiesOffset + 2] ?? 0) - 8);
  const name = packet.subarray(at + secondScrambleOffset + scrambleLength);
  const end = name.indexOf(nul);
  const text = new TextDecoder().decode(end === -1 ? name : name.subarray(0, end));
  return text === '' ? null : text;
}

/**
 * Reads a whole greeting packet, header included; null where it is none.
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
 */
export function readGreeting(packet: Uint8Array): Greeting | null {
  if (packet[headerLength] !== protocolVersion10) return null;
  const versionStart = headerLength + 1;
  const versionEnd = packet.indexOf(nul, versionStart);
  if (versionEnd <= versionStart) return null;
  const idStart = versionEnd + 1;
  const capabilitiesStart = idStart + bytesBeforeCapabilities;
  if (packet.length < capabilitiesStart + 2) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  return {
    serverVersion: new TextDecoder().decode(packet.subarray(versionStart, versionEnd)),
    connectionId: view.getUint32(idStart, true),
    offersTls: (view.getUint16(capabilitiesStart, true) & clientSsl) !== 0,
  };
}

/** A copy of `bytes`, which begin with a whole greeting, with another connection id in it. */
export function withConnectionId(bytes: Uint8Array, connectionId: number): Uint8Array {
  const renumbered = new Uint8Array(bytes);
  const idStart = renumbered.indexOf(nul, headerLength + 1) + 1;
  new DataView(renumbered.buffer).setUint32(idStart, connectionId, true);
  return renumbered;
}
