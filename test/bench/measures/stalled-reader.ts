import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { withPostgres } from '../../../src/demo/postgres-query.ts';
import type { Contestant } from '../contestant.ts';
import { residentBytes } from '../cpu-time.ts';
import type { Load, Measure } from '../measure.ts';

const waitMs = 4_000;
const marker = '/* stalled */';
const query = `SELECT repeat('x', 1000) ${marker} FROM generate_series(1, 1000000)`;

/** A client that asks for 1 GB and reads nothing of it. */
function stalledClient(port: number): Promise<Socket> {
  const startup = Buffer.concat([Buffer.alloc(8), Buffer.from('user\0postgres\0database\0postgres\0\0')]);
  startup.writeInt32BE(startup.length, 0);
  startup.writeInt32BE(196_608, 4);
  const body = Buffer.from(`${query}\0`);
  const head = Buffer.alloc(5);
  head.write('Q');
  head.writeInt32BE(body.length + 4, 1);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('error', reject);
    socket.write(startup);
    socket.on('data', (chunk: Buffer) => {
      if (chunk.at(-6) !== 'Z'.charCodeAt(0)) return;
      socket.removeAllListeners('data').pause();
      socket.write(Buffer.concat([head, body]), () => resolve(socket));
    });
  });
}

/** What the kernel holds in the queues of a process's connections on these ports, in bytes; proc(5), `/proc/net/tcp`. */
function queuedBytes(ports: readonly number[]): number {
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  let sum = 0;
  for (const row of rows) {
    const [, local = '', remote = '', state, queues = ''] = row.trim().split(/\s+/);
    if (state !== '01') continue;
    const port = (address: string): number => Number.parseInt(address.split(':')[1] ?? '', 16);
    if (!ports.includes(port(local)) && !ports.includes(port(remote))) continue;
    const [sending = '0', receiving = '0'] = queues.split(':');
    sum += Number.parseInt(sending, 16) + Number.parseInt(receiving, 16);
  }
  return sum;
}

const waitsForClient = async (port: number): Promise<boolean> =>
  withPostgres(port, async (client) => {
    const { rows } = await client.query<{ wait: string }>(
      "SELECT wait_event AS wait FROM pg_stat_activity WHERE query LIKE '%' || $1 || '%' AND pid <> pg_backend_pid()",
      [marker],
    );
    return rows.length > 0 && rows.every(({ wait }) => wait === 'ClientWrite');
  });

const load: Load = {
  name: 'a client that does not read 1 GB',
  engine: 'postgres',
  suits: ({ ports, pid }) => ports.postgres !== undefined && pid !== null,
  async run({ ports, pid }: Contestant, { servers }) {
    if (pid === null || servers.postgres === null) return [];
    const before = residentBytes(pid);
    const queuedBefore = queuedBytes([ports.postgres ?? 0, servers.postgres]);
    const socket = await stalledClient(ports.postgres ?? 0);
    try {
      await sleep(waitMs);
      // It may have handed back memory of an earlier load meanwhile.
      const held = Math.max(0, residentBytes(pid) - before);
      const queued = queuedBytes([ports.postgres ?? 0, servers.postgres]) - queuedBefore;
      const throttled = await waitsForClient(servers.postgres);
      return [
        { figure: 'held by the process', unit: 'KB', better: 'lower', value: held / 1024 },
        { figure: 'held by the kernel', unit: 'KB', better: 'lower', value: queued / 1024 },
        { figure: 'server throttled', unit: '1 = yes', better: 'higher', value: throttled ? 1 : 0 },
      ];
    } finally {
      socket.destroy();
      await sleep(500);
    }
  },
};

/** A result that nobody reads must stop at its server. */
export const stalledReader: Measure = { name: 'stalled-reader', loads: [load] };
