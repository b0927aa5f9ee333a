import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Peer } from '../proxy/support/peer.ts';
import { startup } from '../proxy/support/postgres-wire.ts';
import { eventually, pause } from '../proxy/support/real-clock.ts';
import { scopeOf } from '../support/scope.ts';
import type { Cleanup } from '../support/servers.ts';
import { Innocent } from './support/innocent.ts';

/** How many at a time: `AURELAY_TEST_FLOOD=10000 npm test -- abuse/flood` for a real one. */
const size = Number(process.env.AURELAY_TEST_FLOOD ?? 500);
/** Long enough for all of them to be there at a time. */
const handshakeMs = Math.max(1_000, 2 * size);
const deadlineMs = 60_000 + 10 * handshakeMs;
/** Connects under way at a time: the accept queue is not what is tested. */
const batch = 250;
/** How much longer the innocent session may wait while the others are there, in the median. */
const mostTimes = 40;
/** What a process gains by doing a thing for the first time. */
const warmUpBytes = 1_000_000;

interface Census {
  readonly descriptors: number;
  readonly heapBytes: number;
  readonly sessions: number;
  readonly admitted: number;
}

interface Abused {
  readonly ports: { readonly attacked: number; readonly calm: number };
  census(): Promise<Census>;
}

async function startProxy(t: Cleanup, engine: 'postgres' | 'mysql'): Promise<Abused> {
  const script = fileURLToPath(new URL('support/abused-proxy.ts', import.meta.url));
  const child: ChildProcessByStdio<null, Readable, null> = spawn(
    process.execPath,
    ['--expose-gc', '--import', 'tsx', script, engine, String(handshakeMs)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.after(async () => {
    const exited = child.exitCode === null ? once(child, 'exit') : null;
    child.kill('SIGKILL');
    await exited;
  });
  const lines = createInterface({ input: child.stdout });
  const ports = (await nextLine(lines)) as Abused['ports'];
  return {
    ports,
    census: async () => {
      const line = nextLine(lines);
      child.kill('SIGUSR2');
      return (await line) as Census;
    },
  };
}

const nextLine = async (lines: Interface): Promise<unknown> =>
  JSON.parse(String((await once(lines, 'line'))[0]));

/** What each of the flood does once it is connected. */
const floods: Readonly<Record<string, (client: Peer) => void>> = {
  'say nothing': () => {},
  'close their half and say nothing': ({ socket }) => socket.end(),
  'stop in the middle of their first message': (client) => client.send(startup().subarray(0, 6)),
  'say nonsense, and do not read the answer': (client) => {
    client.stopReading();
    client.send(Buffer.alloc(100, 'x'));
  },
};

for (const engine of ['postgres', 'mysql'] as const) {
  describe(`${size} connections at a time: ${engine}`, { timeout: 4 * deadlineMs }, () => {
    const scope = scopeOf({ after });
    let abused: Abused;
    let innocent: Innocent;
    const open = (port: number): Peer => new Peer(connect({ host: '127.0.0.1', port, allowHalfOpen: true }));

    before(async () => {
      abused = await startProxy(scope, engine);
      const calm = open(abused.ports.calm);
      scope.after(async () => void calm.socket.destroy());
      if (engine === 'postgres') calm.send(startup());
      await calm.hears(engine === 'mysql' ? '\x0ab\0' : 'server\0b');
      innocent = new Innocent(calm);
      scope.after(() => innocent.stop());
      await innocent.fare(100);
    });

    for (const [what, act] of Object.entries(floods)) {
      it(`that ${what}`, async (t) => {
        await innocent.fare(1);
        const calm = await innocent.fare(100);
        const begin = await abused.census();
        const flood: Peer[] = [];
        t.after(() => {
          for (const { socket } of flood) socket.destroy();
        });
        while (flood.length < size) {
          const length = Math.min(batch, size - flood.length);
          const some = Array.from({ length }, () => open(abused.ports.attacked));
          flood.push(...some);
          await eventually(
            () => some.every(({ socket }) => !socket.connecting),
            'they are connected',
            30_000,
          );
          for (const client of some) act(client);
        }
        const during = await innocent.fare(50);
        const peak = await abused.census();
        // Whoever waits for the other side gets it in the end; then it is ours to close.
        for (const { socket } of flood) socket.on('end', () => socket.end());
        for (const client of flood) client.startReading();
        await eventually(() => flood.every(({ isOver }) => isOver), 'each is let go', 10 * handshakeMs);
        for (const { socket } of flood) socket.destroy();
        const later = await innocent.fare(50);

        for (const { medianMs } of [during, later]) {
          assert.ok(
            medianMs <= mostTimes * calm.medianMs,
            `${medianMs} ms, and ${calm.medianMs} ms in the calm`,
          );
        }
        const mostBytes = begin.heapBytes + warmUpBytes + size * 300;
        const end = await settled(abused, begin.descriptors, mostBytes);
        assert.ok(
          end.descriptors <= begin.descriptors,
          `descriptors: ${begin.descriptors} -> ${end.descriptors}`,
        );
        assert.deepEqual([end.sessions, end.admitted], [1, 1]);
        assert.ok(end.heapBytes <= mostBytes, `heap: ${begin.heapBytes} -> ${end.heapBytes} bytes`);
        t.diagnostic(
          `median ${calm.medianMs.toFixed(2)} ms before, ${during.medianMs.toFixed(2)} during (slowest ` +
            `${during.slowestMs.toFixed(0)}), ${later.medianMs.toFixed(2)} later; descriptors ${begin.descriptors}, ` +
            `${peak.descriptors} during, ${end.descriptors} later; heap ${Math.round((end.heapBytes - begin.heapBytes) / 1024)} KB more`,
        );
      });
    }
  });
}

/** Once it has no more than that, or has not come down to it in a while: one collection does not find everything. */
async function settled(abused: Abused, descriptors: number, heapBytes: number): Promise<Census> {
  for (let look = 0; ; look++) {
    const census = await abused.census();
    if ((census.descriptors <= descriptors && census.heapBytes <= heapBytes) || look === 50) return census;
    await pause(100);
  }
}
