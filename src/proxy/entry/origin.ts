import type { Socket } from 'node:net';
import { formatIp, parseIp } from '../../base/ip.ts';
import { encodeHeader } from '../../proxy-protocol/encode.ts';
import type { ProxyProtocolVersion, SocketEnd } from '../../proxy-protocol/header.ts';

/** Where a client's connection comes from, and where it went: what its socket shows, or what a PROXY header says. */
export interface Origin {
  readonly source: SocketEnd;
  readonly destination: SocketEnd;
}

/** What the socket shows; null where it is closed. */
export function originOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): Origin | null {
  const source = endOf(remoteAddress, remotePort);
  const destination = endOf(localAddress, localPort);
  return source === null || destination === null ? null : { source, destination };
}

function endOf(address: string | undefined, port: number | undefined): SocketEnd | null {
  // Behind the sign is the interface of a link-local address: it says which way, and not who.
  const ip = parseIp(address?.split('%')[0] ?? '');
  return ip === null || port === undefined ? null : { ip, port };
}

/** A client in the log; nothing where it is unknown. */
export const clientFields = (
  client: SocketEnd | null,
): { readonly 'client.address'?: string; readonly 'client.port'?: number } =>
  client === null ? {} : { 'client.address': formatIp(client.ip), 'client.port': client.port };

/** `10.0.0.1:40000`, `[fd00::1]:40000`, for logs. */
export const formatEnd = ({ ip, port }: SocketEnd): string =>
  ip.length === 4 ? `${formatIp(ip)}:${port}` : `[${formatIp(ip)}]:${port}`;

/** The PROXY header that tells a server of a client from there; the header of nobody, where it has left already. */
export const headerFor = (origin: Origin | null, version: ProxyProtocolVersion): Uint8Array =>
  encodeHeader(version, origin === null ? { kind: 'local' } : { kind: 'proxied', ...origin });
