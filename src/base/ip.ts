/**
 * An IP address in network order: 4 bytes are IPv4, 16 are IPv6. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`, how a
 * socket that takes both shows IPv4) is IPv4 here, so that nobody gets past a rule by the way in which he is written.
 */
export type Ip = Uint8Array;

const ipv4Form = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
const hexGroup = /^[0-9a-f]{1,4}$/i;

/** Reads an address as it is written, without a zone (`%eth0`); null where it is none. No leading zeroes in IPv4. */
export function parseIp(text: string): Ip | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Without leading zeroes, IPv6 in its short form (RFC 5952). */
export function formatIp(ip: Ip): string {
  if (ip.length === 4) return ip.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => (byteAt(ip, 2 * i) << 8) | byteAt(ip, 2 * i + 1));
  const gap = longestZeroes(groups);
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return gap.length < 2 ? hex(0, 8) : `${hex(0, gap.at)}::${hex(gap.at + gap.length, 8)}`;
}

/** 16 bytes for either kind, IPv4 as an IPv4-mapped address. */
export function asIpv6(ip: Ip): Uint8Array {
  if (ip.length === 16) return ip;
  const mapped = new Uint8Array(16);
  mapped.fill(0xff, 10, 12);
  mapped.set(ip, 12);
  return mapped;
}

/** The address that 16 bytes mean. */
export function fromIpv6(bytes: Uint8Array): Ip {
  const isMapped = bytes.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 0xff));
  return isMapped ? bytes.slice(12) : bytes;
}

function parseIpv4(text: string): Ip | null {
  const parts = ipv4Form.exec(text)?.slice(1).map(Number);
  return parts === undefined || parts.some((part) => part > 255) ? null : Uint8Array.from(parts);
}

function parseIpv6(text: string): Ip | null {
  const halves = text.split('::');
  const [head, tail] = [groupsOf(halves[0] ?? '', halves.length === 1), groupsOf(halves[1] ?? '', true)];
  if (halves.length > 2 || head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return fromIpv6(Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]));
}

/** The bytes of `a:b:c`; the last group may be an IPv4 address where `endsAddress`. */
function groupsOf(text: string, endsAddress: boolean): readonly number[] | null {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (hexGroup.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const ipv4 = endsAddress && i === groups.length - 1 ? parseIpv4(group) : null;
    if (ipv4 === null) return null;
    bytes.push(...ipv4);
  }
  return bytes;
}

function longestZeroes(groups: readonly number[]): { readonly at: number; readonly length: number } {
  let best = { at: 0, length: 0 };
  let length = 0;
  for (const [i, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { at: i - length + 1, length };
  }
  return best;
}

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0;
