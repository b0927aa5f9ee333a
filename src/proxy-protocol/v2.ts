import { asIpv6, fromIpv6 } from '../base/ip.ts';
import { crc32c } from './crc32c.ts';
import { type HeaderEvent, malformed, needMore, type ProxyHeader } from './header.ts';

export const v2Signature: Uint8Array = Uint8Array.of(
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a],
);

/** Up to and including the length. */
const fixedBytes = 16;
/** Of what follows: addresses take 216 at most, and the TLVs of a TLS client's certificate have room beside them. */
const maxFollowingBytes = 4096;

const versionAndLocal = 0x20;
const versionAndProxy = 0x21;
const tcp4 = 0x11;
const tcp6 = 0x21;
/** What the addresses take, by family and transport; only those of TCP are of use here. */
const addressBytes: ReadonlyMap<number, number> = new Map([
  [tcp4, 12],
  [0x12, 12],
  [tcp6, 36],
  [0x22, 36],
  [0x31, 216],
  [0x32, 216],
]);
const maxFamily = 3;
const maxTransport = 2;
const checksumType = 0x03;

/** Reads the header in `bytes`, which begin with the signature (proxy-protocol.txt, 2.2). */
export function readV2(bytes: Uint8Array): HeaderEvent {
  const [command, family] = bytes.subarray(v2Signature.length);
  if (command === undefined) return needMore;
  if (command !== versionAndLocal && command !== versionAndProxy) {
    return malformed(`its version and command, 0x${hex(command)}, are unknown`);
  }
  if (family === undefined) return needMore;
  if (command === versionAndProxy && (family >> 4 > maxFamily || (family & 0xf) > maxTransport)) {
    return malformed(`its address family, 0x${hex(family)}, is unknown`);
  }
  if (bytes.length < fixedBytes) return needMore;
  const following = new DataView(bytes.buffer, bytes.byteOffset).getUint16(14);
  if (following > maxFollowingBytes) {
    return malformed(`it announces ${following} bytes, and ${maxFollowingBytes} are the most`);
  }
  const length = fixedBytes + following;
  if (bytes.length < length) return needMore;
  if (command === versionAndLocal) return { kind: 'header', header: { kind: 'local' }, length };
  return readProxied(bytes.subarray(0, length), family);
}

function readProxied(header: Uint8Array, family: number): HeaderEvent {
  const { length } = header;
  const size = addressBytes.get(family);
  if (size === undefined) return { kind: 'header', header: { kind: 'local' }, length };
  if (length < fixedBytes + size) return malformed('its addresses are cut short');
  const fault = checkExtensions(header, fixedBytes + size);
  if (fault !== null) return malformed(fault);
  return { kind: 'header', header: readAddresses(header, family), length };
}

function readAddresses(header: Uint8Array, family: number): ProxyHeader {
  if (family !== tcp4 && family !== tcp6) return { kind: 'local' };
  const size = family === tcp4 ? 4 : 16;
  const ipAt = (at: number) => {
    const bytes = header.slice(at, at + size);
    return size === 4 ? bytes : fromIpv6(bytes);
  };
  const portsAt = fixedBytes + 2 * size;
  const view = new DataView(header.buffer, header.byteOffset);
  return {
    kind: 'proxied',
    source: { ip: ipAt(fixedBytes), port: view.getUint16(portsAt) },
    destination: { ip: ipAt(fixedBytes + size), port: view.getUint16(portsAt + 2) },
  };
}

/** Says what is wrong with the TLVs behind the addresses; their values are not looked at, but for the checksum. */
function checkExtensions(header: Uint8Array, from: number): string | null {
  const view = new DataView(header.buffer, header.byteOffset, header.length);
  for (let at = from; at < header.length; ) {
    const valueAt = at + 3;
    if (valueAt > header.length) return 'its last extension is cut short';
    const size = view.getUint16(at + 1);
    if (valueAt + size > header.length) return 'its last extension is cut short';
    if (header[at] === checksumType) {
      if (size !== 4) return 'its checksum has not four bytes';
      const blank = header.slice();
      blank.fill(0, valueAt, valueAt + 4);
      if (crc32c(blank) !== view.getUint32(valueAt)) return 'its checksum is wrong';
    }
    at = valueAt + size;
  }
  return null;
}

/** The header without TLVs. Ends of two families are both written as IPv6. */
export function encodeV2(header: ProxyHeader): Uint8Array {
  if (header.kind === 'local') return Uint8Array.of(...v2Signature, versionAndLocal, 0, 0, 0);
  const { source, destination } = header;
  const isIpv4 = source.ip.length === 4 && destination.ip.length === 4;
  const addresses = isIpv4
    ? [...source.ip, ...destination.ip]
    : [...asIpv6(source.ip), ...asIpv6(destination.ip)];
  const following = addresses.length + 4;
  return Uint8Array.of(
    ...v2Signature,
    versionAndProxy,
    isIpv4 ? tcp4 : tcp6,
    ...uint16(following),
    ...addresses,
    ...uint16(source.port),
    ...uint16(destination.port),
  );
}

const uint16 = (value: number): readonly [number, number] => [value >> 8, value & 0xff];
const hex = (byte: number): string => byte.toString(16).padStart(2, '0');
