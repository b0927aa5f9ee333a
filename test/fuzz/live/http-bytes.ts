import type { Prng } from '../../../src/base/prng.ts';
import { ascii, joined, listOf, pick } from '../bytes.ts';

/** Pieces and whole requests of the admin API's protocol, right and wrong. */
const methods = [
  'GET',
  'POST',
  'HEAD',
  'OPTIONS',
  'DELETE',
  'PRI',
  'get',
  '',
  'GET\t',
  'CONNECT',
  'X'.repeat(300),
] as const;
const paths = [
  ...[
    '/',
    '/livez',
    '/readyz',
    '/metrics',
    '/api/v1/clusters',
    '/api/v1/clusters/pg',
    '/api/v1/clusters/%00',
    '/api/v1/events',
  ],
  ...[
    '/api/v1/events?since=-1',
    '/api/v1/events?since=99999999999999999999',
    '/api/v1/clusters/%ff',
    '/%',
    '*',
    'http://x:y/',
    '//',
  ],
  ...[
    '/api/v1/clusters/pg/failover',
    '/api/v1/clusters/nobody/switchover',
    '/../../etc/passwd',
    `/${'a'.repeat(20_000)}`,
    '/\u0000',
  ],
  ...[
    '/api/v1/clusters/nobody/instances/x/drain',
    '/api/v1/clusters/__proto__',
    '/api/v1/failovers',
    '/api/v1/reload',
  ],
] as const;
const headers = [
  ...[
    'Host: 127.0.0.1',
    'Host: localhost:1',
    'Host: [::1',
    'Host:',
    'Host: evil.example',
    'Host: a\r\nHost: b',
    'Connection: close',
  ],
  ...[
    'Connection: upgrade\r\nUpgrade: websocket',
    'Content-Length: 5',
    'Content-Length: -1',
    'Content-Length: 99999999999',
  ],
  ...[
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: chunked, identity',
    'Content-Type: application/json',
    'Expect: 100-continue',
  ],
  ...[
    'Origin: http://evil.example',
    'Origin: null',
    ' folded',
    'X',
    ': x',
    'X: \u0001',
    `X: ${'y'.repeat(9_000)}`,
    'Range: bytes=0-',
  ],
  ...[
    'Last-Event-ID: x',
    'Accept-Encoding: gzip',
    'Authorization: Bearer x',
    'Authorization: Basic ::',
    'Cookie: a=b',
  ],
] as const;
const bodies = [
  '',
  '{}',
  '{"to":"pg-9"}',
  '{"to":',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '-1\r\n',
  '[[[[[[[[',
  '{"__proto__":1}',
  '\u0000\u0001',
] as const;
const versions = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', '', 'HTTP/1.1 x'] as const;

export const httpDictionary: readonly Uint8Array[] = [
  ...paths,
  ...headers,
  ...bodies,
  '\r\n',
  '\n',
  '\r\n\r\n',
].map(ascii);

/** One request or several behind each other. None of them is one that would change the writer. */
export function httpBytes(prng: Prng): Uint8Array {
  const one = () => {
    const method = pick(prng, methods);
    const path =
      method === 'POST'
        ? pick(prng, ['/api/v1/clusters/nobody/failover', '/livez', '/api/v1/clusters/nobody/switchover'])
        : pick(prng, paths);
    const host = prng.next() < 0.8 ? ['Host: 127.0.0.1'] : [];
    const lines = [
      `${method} ${path} ${pick(prng, versions)}`,
      ...host,
      ...listOf(prng, 5, () => pick(prng, headers)),
    ];
    return ascii(
      `${lines.join(pick(prng, ['\r\n', '\r\n', '\r\n', '\n', '\r']))}\r\n\r\n${pick(prng, bodies)}`,
    );
  };
  return joined(one(), ...listOf(prng, 2, one));
}
