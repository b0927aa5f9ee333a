import { asIpv6, formatIp, type Ip, parseIp } from '../base/ip.ts';
import { type HeaderEvent, malformed, needMore, type ProxyHeader, type SocketEnd } from './header.ts';

/** The longest line, with its CRLF (proxy-protocol.txt, 2.1). */
const maxLineBytes = 107;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const portForm = /^(0|[1-9]\d{0,4})$/;

export const v1Signature: Uint8Array = new TextEncoder().encode('PROXY ');

/** Reads the header in `bytes`, which begin with the signature. */
export function readV1(bytes: Uint8Array): HeaderEvent {
  const end = bytes.findIndex((byte) => byte === carriageReturn || byte === lineFeed);
  // The line feed has to fit too.
  if (end === -1) return bytes.length < maxLineBytes - 1 ? needMore : tooLong;
  if (end > maxLineBytes - 2) return tooLong;
  if (bytes[end] === lineFeed) return malformed('its line does not end with CR and LF');
  const next = bytes[end + 1];
  if (next === undefined) return needMore;
  if (next !== lineFeed) return malformed('its line does not end with CR and LF');
  const header = readLine(new TextDecoder('latin1').decode(bytes.subarray(0, end)));
  return header === null
    ? malformed('its addresses cannot be read')
    : { kind: 'header', header, length: end + 2 };
}

const tooLong = malformed(`its line is longer than ${maxLineBytes} bytes`);

function readLine(line: string): ProxyHeader | null {
  const [, family, ...fields] = line.split(' ');
  // Whatever else stands on such a line is to be ignored.
  if (family === 'UNKNOWN') return { kind: 'local' };
  if ((family !== 'TCP4' && family !== 'TCP6') || fields.length !== 4) return null;
  const [from = '', to = '', fromPort = '', toPort = ''] = fields;
  const source = readEnd(from, fromPort, family);
  const destination = readEnd(to, toPort, family);
  return source === null || destination === null ? null : { kind: 'proxied', source, destination };
}

function readEnd(address: string, port: string, family: 'TCP4' | 'TCP6'): SocketEnd | null {
  if (address.includes(':') !== (family === 'TCP6')) return null;
  const ip = parseIp(address);
  if (ip === null || !portForm.test(port) || Number(port) > 65_535) return null;
  return { ip, port: Number(port) };
}

/** The line, CRLF included. Ends of two families are both written as IPv6. */
export function encodeV1(header: ProxyHeader): Uint8Array {
  return new TextEncoder().encode(`PROXY ${wordsOf(header)}\r\n`);
}

function wordsOf(header: ProxyHeader): string {
  if (header.kind === 'local') return 'UNKNOWN';
  const { source, destination } = header;
  const isIpv4 = source.ip.length === 4 && destination.ip.length === 4;
  const written = isIpv4 ? formatIp : formatAsIpv6;
  const ends = `${written(source.ip)} ${written(destination.ip)} ${source.port} ${destination.port}`;
  return `${isIpv4 ? 'TCP4' : 'TCP6'} ${ends}`;
}

const formatAsIpv6 = (ip: Ip): string => formatIp(asIpv6(ip));
