import { createServer } from 'node:net';
import type { ClusterId } from '../../base/brand.ts';
import { type Address, formatAddress } from '../../cluster/instance.ts';
import type { Config } from '../../config/config.ts';
import type { ListenerFacts } from '../../diagnosis/subject.ts';
import { withDeadline } from '../../engines/deadline.ts';
import { inParallel } from './in-parallel.ts';

type Listener = Omit<ListenerFacts, 'state'>;

const lookMs = 5_000;

/** Where this configuration would listen: endpoints that share an address once. */
function listenersOf({ admin, clusters }: Config, wanted: readonly ClusterId[]): readonly Listener[] {
  const own: Listener = { what: 'the admin API', cluster: null, address: admin.listen };
  const endpoints = [...clusters.values()]
    .filter(({ id }) => wanted.includes(id))
    .flatMap(({ id, endpoints }) =>
      [...endpoints.values()].map(
        (endpoint): Listener => ({ what: `endpoint ${endpoint.id}`, cluster: id, address: endpoint.listen }),
      ),
    );
  const seen = new Set<string>();
  return [own, ...endpoints].filter(({ address }) => {
    const key = formatAddress(address);
    return seen.has(key) ? false : seen.add(key);
  });
}

/** Whether each could listen now. `isOurs`: a running Aurelay has it already. */
export function lookAtListeners(
  config: Config,
  wanted: readonly ClusterId[],
  isOurs: (listener: Listener) => boolean,
): Promise<readonly ListenerFacts[]> {
  return inParallel(listenersOf(config, wanted), 8, async (listener) => ({
    ...listener,
    state: isOurs(listener) ? 'ours' : await stateOf(listener.address),
  }));
}

const stateByCode: Readonly<Record<string, ListenerFacts['state']>> = {
  EADDRINUSE: 'taken',
  EADDRNOTAVAIL: 'not-here',
  EACCES: 'not-allowed',
  EPERM: 'not-allowed',
};

/** Listens for a moment and accepts nobody: nothing else tells for certain. */
async function stateOf({ host, port }: Address): Promise<ListenerFacts['state']> {
  const server = createServer((socket) => socket.destroy());
  const listening = new Promise<ListenerFacts['state']>((resolve) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(stateByCode[code ?? ''] ?? 'unknown-host'),
    );
    server.listen({ host, port, exclusive: true }, () => resolve('free'));
  });
  const outcome = await withDeadline(listening, lookMs);
  if (server.listening) await new Promise((resolve) => server.close(resolve));
  return outcome.kind === 'done' ? outcome.value : 'unknown-host';
}
