import { X509Certificate } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';

/** By which the client knows an HTTPS server. */
export type AdminTrust =
  /** The public authorities. */
  | { readonly by: 'system' }
  /** PEM: the authorities, or the server's own certificate where that is self-signed. */
  | { readonly by: 'authorities'; readonly pem: string }
  /** PEM: exactly this certificate, whatever names it has. */
  | { readonly by: 'certificate'; readonly pem: string };

export interface AdminRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly signal: AbortSignal;
  readonly trust: AdminTrust;
}

/**
 * Sends one request, follows nothing, and resolves with the head of the answer. `fetch` cannot be told whom to trust.
 * Rejects with the socket's error, or the reason of `signal`.
 */
export function sendRequest(
  url: URL,
  { method, headers, body, signal, trust }: AdminRequest,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...headers, ...lengthOf(body) }, signal, agent: false as const };
    const request =
      url.protocol === 'https:'
        ? httpsRequest(url, { ...options, ...trustOptions(trust) })
        : httpRequest(url, options);
    request.on('error', (error) => reject(signal.aborted ? signal.reason : error));
    request.on('response', (incoming) => {
      // An answer that breaks off is told to whoever reads its body.
      incoming.on('error', () => {});
      resolve(responseOf(incoming));
    });
    request.end(body ?? undefined);
  });
}

const lengthOf = (body: string | null): Record<string, string> =>
  body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) };

function responseOf(incoming: IncomingMessage): Response {
  const status = incoming.statusCode ?? 0;
  const empty = status === 204 || status === 304;
  const body = Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  return new Response(empty ? null : body, { status: status < 200 ? 502 : status });
}

function trustOptions(trust: AdminTrust): ConnectionOptions {
  switch (trust.by) {
    case 'system':
      return {};
    case 'authorities':
      return { ca: trust.pem };
    case 'certificate': {
      const expected = new X509Certificate(trust.pem).fingerprint256;
      return {
        ca: trust.pem,
        allowPartialTrustChain: true,
        checkServerIdentity: (_, { fingerprint256 }) =>
          fingerprint256 === expected ? undefined : notTheOne(),
      } as ConnectionOptions;
    }
  }
}

const notTheOne = (): Error =>
  Object.assign(new Error('the server shows another certificate than `admin.tls.certificate`'), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
