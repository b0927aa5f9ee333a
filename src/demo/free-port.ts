import { createServer } from 'node:net';

const lowest = 20_000;
/** Below the ports that Linux (32768) and macOS (49152) give to outgoing connections. */
const span = 12_000;

/** Whether a server could listen on `port` of 127.0.0.1 right now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Processes that look at the same time, as tests do, look in different places first. */
const places = 24;
const place = { lowest: lowest + (process.pid % places) * (span / places), span: span / places };
const attemptsThere = 200;

const given = new Set<number>();

/**
 * A port on 127.0.0.1 that nothing listens on, never the same one twice in a process. Not an ephemeral port: an
 * outgoing connection could take that one while its server is down, and the server could not come back to it.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const where = attempt < attemptsThere ? place : { lowest, span };
    const port = where.lowest + Math.floor(Math.random() * where.span);
    if (given.has(port)) continue;
    if (await isPortFree(port)) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port on 127.0.0.1 between ${lowest} and ${lowest + span}`);
}
