import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { ClusterJson, EventJson } from '../../src/admin/api.ts';
import { AdminClient } from '../../src/admin/client.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { startBackground } from '../bench/background.ts';
import { eventually } from '../support/eventually.ts';
import type { Cleanup } from '../support/servers.ts';
import type { Node } from './patroni-cluster.ts';

export interface Observer {
  readonly port: number;
  readonly readerPort: number;
  status(): Promise<ClusterJson>;
  events(): Promise<readonly EventJson[]>;
}

/**
 * `aurelay start` in `mode: observe`, with the configuration of docs/guides/patroni.md, as a process of its own.
 * `asksPatroni`: with `patroni` for each instance. `fall`: of `health`; null: the default.
 */
export async function startObserver(
  t: Cleanup,
  nodes: readonly Node[],
  { asksPatroni, fall }: { readonly asksPatroni: boolean; readonly fall: number | null },
): Promise<Observer> {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  const [admin, writer, reader] = [await freePort(), await freePort(), await freePort()];
  const file = join(folder.path, 'aurelay.yaml');
  await mkdir(join(folder.path, 'state'));
  const config = {
    admin: { listen: `127.0.0.1:${admin}` },
    state_dir: join(folder.path, 'state'),
    clusters: {
      orders: {
        engine: 'postgres',
        monitor: { user: 'aurelay', database: 'postgres' },
        failover: { mode: 'observe', hold: '60s' },
        ...(fall === null ? {} : { health: { fall } }),
        instances: Object.fromEntries(
          nodes.map(({ name, port, restPort }) => {
            const address = `127.0.0.1:${port}`;
            return [name, asksPatroni ? { address, patroni: `127.0.0.1:${restPort}` } : { address }];
          }),
        ),
        endpoints: {
          writer: { type: 'writer', listen: `127.0.0.1:${writer}` },
          reader: { type: 'reader', listen: `127.0.0.1:${reader}` },
        },
      },
    },
  };
  await writeFile(file, stringify(config));
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const command = [process.execPath, '--import', 'tsx', 'src/cli.ts', 'start', '-c', file];
  await startBackground(t, command, admin, { cwd: root });
  const client = new AdminClient({ address: `127.0.0.1:${admin}` });
  const status = async (): Promise<ClusterJson> => {
    const [cluster] = await client.status('orders');
    if (cluster === undefined) throw new Error('Aurelay knows no cluster `orders`');
    return cluster;
  };
  await eventually('Aurelay has found the writer', async () => (await status()).writer !== null);
  return { port: writer, readerPort: reader, status, events: () => client.recentEvents() };
}
