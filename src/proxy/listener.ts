import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { type Address, formatAddress } from '../cluster/instance.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import { exceptionFields } from '../log/exception.ts';
import { flood } from '../log/flood.ts';
import { tell } from '../log/tell.ts';
import { defaultKeepaliveMs } from './dial.ts';
import { ignore } from './linger.ts';

/** Connections that the kernel completes for us before they are accepted; its own limit may be lower. */
const backlog = 4096;
/** Between two lines about the same trouble with accepting. */
const quietMs = 10_000;

export interface Listener {
  /** Where it listens, with the port that the system chose if 0 was asked for. */
  readonly address: Address;
  /** The socket goes on listening without this process: nobody who connects is to notice that it ends. */
  readonly outlives: boolean;
  /** How many sessions there may be of all its endpoints. */
  limit(maxSessions: number): void;
  /** Stops accepting. Connections go on. */
  close(): void;
}

/** An endpoint's address cannot be listened on. The message names the endpoint, the address and the remedy. */
export class ListenFailed extends Error {
  override readonly name = 'ListenFailed';
}

/**
 * Accepts the clients of `endpoint`, and of those that share its address, each paused and with an `error` listener for
 * ever. More clients at a time than could ever be sessions, or be told that they cannot, are dropped. `inheritedFd`: a
 * socket that listens there already.
 */
export function openListener(
  endpoint: Endpoint,
  clock: Clock,
  logger: Logger,
  onClient: (socket: Socket) => void,
  keepaliveMs: () => number = () => defaultKeepaliveMs,
  inheritedFd: number | null = null,
): Promise<Listener> {
  const server = createServer(
    {
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
    },
    (socket) => {
      socket.on('error', ignore);
      socket.setKeepAlive(true, keepaliveMs());
      onClient(socket);
    },
  );
  const limit = (maxSessions: number) => {
    server.maxConnections = 2 * maxSessions + 1024;
  };
  limit(endpoint.maxSessions);
  const { host, port } = endpoint.listen;
  return new Promise((resolve, reject) => {
    const onFailure = (error: Error) => reject(new ListenFailed(explain(endpoint, error)));
    server.once('error', onFailure);
    const place = inheritedFd === null ? { host, port } : { fd: inheritedFd };
    server.listen({ ...place, backlog }, () => {
      server.off('error', onFailure);
      const bound = server.address();
      const address = { host, port: typeof bound === 'object' && bound !== null ? bound.port : port };
      const troubles = watchTroubles(server, endpoint, address, clock, logger);
      const close = () => {
        server.close();
        troubles.close();
      };
      resolve({ address, limit, outlives: inheritedFd !== null, close });
    });
  });
}

/** The server goes on accepting as soon as it can. */
function watchTroubles(
  server: Server,
  { cluster, id }: Endpoint,
  { host, port }: Address,
  clock: Clock,
  logger: Logger,
): { close(): void } {
  const place = { cluster, endpoint: id, 'server.address': host, 'server.port': port };
  const failures = flood(quietMs, clock, messageOf, (error: Error, suppressed) => {
    const message = `cannot accept a connection: ${messageOf(error)}; raise the limit of open files (ulimit -n)`;
    tell(logger, 'endpoint.accept-failed', { ...place, ...exceptionFields(error), suppressed }, message);
  });
  const drops = flood(
    quietMs,
    clock,
    () => 'dropped',
    (_, suppressed) => {
      const message = 'too many connections at a time: dropped one; raise max_sessions';
      tell(logger, 'endpoint.dropped', { ...place, suppressed }, message);
    },
  );
  server.on('error', (error) => failures.tell(error));
  server.on('drop', () => drops.tell(null));
  return {
    close() {
      failures.close();
      drops.close();
    },
  };
}

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else listens there: stop it, or change `listen`',
  EADDRNOTAVAIL: 'this machine does not have that address: change `listen`',
  EACCES: 'the system does not allow it: use a port from 1024 up, or grant CAP_NET_BIND_SERVICE',
  ENOTFOUND: 'the host name is unknown: change `listen`',
};

function explain(endpoint: Endpoint, error: NodeJS.ErrnoException): string {
  const remedy = remedies[error.code ?? ''] ?? 'check `listen`';
  return (
    `endpoint "${endpoint.id}" of cluster "${endpoint.cluster}" cannot listen on ` +
    `${formatAddress(endpoint.listen)} (${messageOf(error)}): ${remedy}`
  );
}
