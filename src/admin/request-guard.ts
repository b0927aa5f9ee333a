import { ApiError } from './api-error.ts';

/** The headers of a request that say where it comes from, as received. */
export interface Provenance {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly contentType: string | undefined;
  readonly hasBody: boolean;
}

/**
 * Keeps web pages out, since reading needs no token, and on loopback nothing may: any page in an operator's browser can
 * send requests to addresses that the browser reaches. Throws an `ApiError`.
 *
 * - DNS rebinding: a page's own host name is made to resolve to 127.0.0.1, so that it may read the answers too. Its
 *   `Host` header still names that host: where the API listens on loopback only, no other host than a loopback one
 *   is answered. On another listener names cannot be told apart: such a page could read there, and change nothing
 *   without the token.
 * - Forged requests: browsers add `Origin` to every POST of a foreign page, and ask first (a preflight, which gets a
 *   404 here) before they send JSON.
 */
export function guardRequest(request: Provenance, listensOnLoopback: boolean): void {
  if (listensOnLoopback && !isLoopbackHost(request.host)) {
    throw new ApiError(
      'forbidden_host',
      `the admin API listens on loopback and answers only to a loopback Host, not "${request.host ?? ''}": ` +
        'call it as 127.0.0.1 or localhost, or set that Host in the proxy before it',
    );
  }
  if (request.method === 'GET' || request.method === 'HEAD') return;
  if (request.origin !== undefined && !isSameOrigin(request.origin, request.host)) {
    throw new ApiError(
      'forbidden_origin',
      `requests that change something are refused from ${request.origin}`,
    );
  }
  if (request.hasBody && mediaType(request.contentType) !== 'application/json') {
    throw new ApiError(
      'unsupported_media_type',
      "a body has to be JSON: send it with the header 'content-type: application/json'",
    );
  }
}

/** Whether a `Host` header (RFC 9110, 7.2: name or address, and optionally a port) can only mean this machine. */
export function isLoopbackHost(host: string | undefined): boolean {
  const name = hostName(host);
  return name === 'localhost' || (name?.endsWith('.localhost') ?? false) || isLoopbackAddress(name);
}

/** 127.0.0.0/8, ::1, and IPv4 loopback in an IPv6 socket's notation. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === '::1' || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(address);
}

function hostName(host: string | undefined): string | undefined {
  const found = /^(?:\[([0-9a-f:.]+)\]|([^:[\]@/]+))(?::\d+)?$/i.exec(host ?? '');
  return (found?.[1] ?? found?.[2])?.toLowerCase().replace(/\.$/, '');
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host.toLowerCase();
}

const mediaType = (contentType: string | undefined): string =>
  (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
