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
/** Behind the version: 4 bytes of connection id, 8 of authentication data, a zero. */
const bytesBeforeCapabilities = 4 + 8 + 1;

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
