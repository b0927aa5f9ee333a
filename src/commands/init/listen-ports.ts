import { createServer } from 'node:net';

const highest = 65_535;

/** The first port of `host` from `from` on that nobody listens on now, and that is not in `avoided`. */
export async function freeListenPort(
  host: string,
  from: number,
  avoided: ReadonlySet<number>,
): Promise<number> {
  for (let port = from; port <= highest; port += 1) {
    if (!avoided.has(port) && (await isFree(host, port))) return port;
  }
  throw new Error(`no port of ${host} from ${from} on is free`);
}

/** A host that this machine does not have has no port that is taken: the file may be for another machine. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'EADDRINUSE'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
