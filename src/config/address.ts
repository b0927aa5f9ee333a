import { z } from 'zod';

/** An address as written; the port may be left to a default. IPv6 addresses are without brackets here. */
export interface HostPort {
  readonly host: string;
  readonly port: number | null;
}

export type AddressReading =
  | { readonly ok: true; readonly address: HostPort }
  | { readonly ok: false; readonly why: 'form' | 'limit'; readonly text?: string; readonly hint?: string };

const hostName = /^[a-z0-9_]([a-z0-9._-]{0,252})$/i;
const allDigitsAndDots = /^[\d.]+$/;

/** Reads `db1:5432`, `10.0.0.1:5432`, `[::1]:5432`; without a port where `needsPort` is false. */
export function readAddress(text: string, needsPort: boolean): AddressReading {
  if (/^:?\d+$/.test(text)) {
    return form('write the host too: `127.0.0.1:PORT` for this machine, `0.0.0.0:PORT` for every interface');
  }
  if (text.includes('/')) return form('a host and a port only: no URL, no path, no network mask');
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
  if (bracketed === null && text.split(':').length > 2) {
    return form('an IPv6 address goes into brackets, as in `[::1]:5432`');
  }
  const [host, port] = bracketed === null ? text.split(':') : [bracketed[1], bracketed[2]];
  if (host === undefined || !(bracketed === null ? isHost(host) : isIpv6(host))) return form();
  if (port === undefined) {
    return needsPort ? form('add a port') : { ok: true, address: { host, port: null } };
  }
  if (!/^\d{1,9}$/.test(port)) return form();
  if (Number(port) < 1 || Number(port) > 65_535) {
    return { ok: false, why: 'limit', text: 'must have a port from 1 to 65535' };
  }
  return { ok: true, address: { host, port: Number(port) } };
}

const form = (hint?: string): AddressReading =>
  hint === undefined ? { ok: false, why: 'form' } : { ok: false, why: 'form', hint };

/** A name of digits and dots alone can only be meant as an IPv4 address. */
const isHost = (text: string): boolean =>
  allDigitsAndDots.test(text) ? z.ipv4().safeParse(text).success : hostName.test(text);

const isIpv6 = (text: string): boolean => z.ipv6().safeParse(text.replace(/%[a-z0-9._-]+$/i, '')).success;

/** One spelling for each host, so that two can be compared. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  if (!lower.includes(':')) return lower.replace(/\.$/, '');
  const [address, zone] = lower.split('%');
  const compressed = URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1) ?? lower;
  return zone === undefined ? compressed : `${compressed}%${zone}`;
}

export const isWildcard = (host: string): boolean => ['0.0.0.0', '::'].includes(canonicalHost(host));

export function isLoopback(host: string): boolean {
  const canonical = canonicalHost(host);
  return canonical === 'localhost' || canonical === '::1' || /^127\.\d+\.\d+\.\d+$/.test(canonical);
}

/**
 * Whether two listeners with these hosts and one port could not both open it. `::` takes IPv4 as well, which is how
 * Node listens on it.
 */
export function listenersCollide(one: string, other: string): boolean {
  const [a, b] = [canonicalHost(one), canonicalHost(other)];
  if (a === b || a === '::' || b === '::') return true;
  if (a === '0.0.0.0') return !b.includes(':');
  if (b === '0.0.0.0') return !a.includes(':');
  return isLocalhostAndLoopback(a, b) || isLocalhostAndLoopback(b, a);
}

const isLocalhostAndLoopback = (a: string, b: string): boolean =>
  a === 'localhost' && (b === '127.0.0.1' || b === '::1');

/** Whether a connection to `target` would arrive at a listener on `listen` (same port), as far as names tell. */
export const reaches = (target: string, listen: string): boolean =>
  isWildcard(listen)
    ? isLoopback(target) || isWildcard(target)
    : canonicalHost(target) === canonicalHost(listen) ||
      (isLoopback(target) && listenersCollide(target, listen));
