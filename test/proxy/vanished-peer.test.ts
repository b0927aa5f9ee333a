import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { createNativeRelay } from '../../src/proxy/relay/native-relay.ts';
import { writer } from '../endpoints/support/view.ts';
import { builtAddon, nativeMissing } from './support/built-addon.ts';
import { eachRelay } from './support/each-relay.ts';
import type { Peer } from './support/peer.ts';
import { startup } from './support/postgres-wire.ts';
import { eventually, realClock } from './support/real-clock.ts';
import { RunningProxy } from './support/running-proxy.ts';

let running: RunningProxy | null = null;

afterEach(async () => {
  await running?.stop();
  running = null;
});

const notLinux = process.platform === 'linux' ? false : 'only Linux shows the timers of its connections';

/**
 * Milliseconds until TCP asks for a sign of life on the connection between two local ports, as its end at `here` has
 * it; null where it will not. proc_net_tcp.txt of the kernel: timer 2 is keepalive, and times are in hundredths.
 */
function keepaliveInMs(here: number, there: number): number | null {
  const hex = (port: number) => `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const line = lines.find((one) => one.includes(` ${hex(here)} ${hex(there)} `));
  const timer = / 02:([0-9A-F]{8}) /.exec(line ?? '')?.[1];
  return timer === undefined ? null : Number.parseInt(timer, 16) * 10;
}

/** The local ends that the proxy has of a session: towards its client, and towards its server. */
function endsOf(client: Peer, port: number): readonly (readonly [number, number])[] {
  const server = running?.server('w').startups.at(-1)?.socket;
  return [
    [port, client.socket.localPort ?? 0],
    [server?.remotePort ?? 0, server?.localPort ?? 0],
  ];
}

describe('a peer that vanishes', () => {
  for (const { name, skip, create } of eachRelay) {
    it(`is asked for a sign of life after the configured silence: ${name}`, {
      skip: notLinux || skip,
    }, async () => {
      const endpoint = writer();
      running = await RunningProxy.start({ endpoints: [endpoint], relay: create(), keepaliveMs: 7_000 });
      const client = running.client(endpoint).send(startup());
      await client.hears('server\0');
      for (const [here, there] of endsOf(client, running.port(endpoint))) {
        let waitMs: number | null = null;
        await eventually(() => {
          waitMs = keepaliveInMs(here, there);
          return waitMs !== null;
        }, `keepalive runs on ${here} to ${there}`);
        assert.ok((waitMs ?? 0) <= 7_000, `asked in ${waitMs} ms`);
      }
    });
  }

  it('in the middle of a transfer ends the session after user_timeout', { skip: nativeMissing }, async () => {
    const endpoint = writer();
    const relay = createNativeRelay({
      addon: builtAddon(),
      threads: 1,
      clock: realClock,
      userTimeoutMs: 400,
    });
    running = await RunningProxy.start({ endpoints: [endpoint], relay });
    const client = running.client(endpoint).send(startup());
    await client.hears('server\0');
    // To the kernel, who takes nothing for so long is as good as gone: nothing else on one machine vanishes.
    client.stopReading();
    running.server('w').startups[0]?.send(Buffer.alloc(32 * 1024 * 1024));
    await eventually(
      () => running?.events.some((event) => event.startsWith('closed w client-error ')) ?? false,
      'the session ends',
      30_000,
    );
  });
});
