import { formatIp, type Ip, parseIp } from './ip.ts';

/** All addresses whose first `prefix` bits are those of `ip`; the other bits of `ip` are 0. */
export interface Network {
  readonly ip: Ip;
  readonly prefix: number;
}

/** Reads `10.0.0.0/8`, `fd00::/8`, or one address; bits behind the prefix are dropped. Null where it is none. */
export function parseNetwork(text: string): Network | null {
  const [address = '', length, ...more] = text.split('/');
  const ip = parseIp(address);
  if (ip === null || more.length > 0) return null;
  if (length === undefined) return { ip, prefix: 8 * ip.length };
  if (!/^(0|[1-9]\d{0,2})$/.test(length)) return null;
  const isMapped = ip.length === 4 && address.includes(':');
  const prefix = Number(length) - (isMapped ? 96 : 0);
  // Half of the mapped addresses and more is not a network of IPv4.
  return prefix < 0 || prefix > 8 * ip.length ? null : { ip: firstBits(ip, prefix), prefix };
}

export const formatNetwork = ({ ip, prefix }: Network): string =>
  prefix === 8 * ip.length ? formatIp(ip) : `${formatIp(ip)}/${prefix}`;

export function isWithin(ip: Ip, network: Network): boolean {
  if (ip.length !== network.ip.length) return false;
  const whole = network.prefix >> 3;
  for (let i = 0; i < whole; i++) if (ip[i] !== network.ip[i]) return false;
  const bits = network.prefix & 7;
  return bits === 0 || maskedByte(ip[whole] ?? 0, bits) === network.ip[whole];
}

export const isWithinAny = (ip: Ip, networks: readonly Network[]): boolean =>
  networks.some((network) => isWithin(ip, network));

/** The first `prefix` bits of `ip`, and 0 for the rest. */
export function firstBits(ip: Ip, prefix: number): Ip {
  const whole = prefix >> 3;
  const bits = prefix & 7;
  return ip.map((byte, i) => {
    if (i < whole) return byte;
    return i === whole && bits > 0 ? maskedByte(byte, bits) : 0;
  });
}

const maskedByte = (byte: number, bits: number): number => byte & (0xff << (8 - bits)) & 0xff;
