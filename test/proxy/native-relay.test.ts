import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CloseReason } from '../../src/proxy/observer.ts';
import { createNativeRelay } from '../../src/proxy/relay/native-relay.ts';
import type { ByteCounts, Relay, RelayHandle } from '../../src/proxy/relay/relay.ts';
import { relayConformance } from './relay-conformance.ts';
import { builtAddon, nativeMissing } from './support/built-addon.ts';
import { openPair, type Pair, type Peer } from './support/peer.ts';
import { eventually, pause, realClock } from './support/real-clock.ts';

const afterEndMs = 1_000;
let relay: Relay | null = null;
const native = (): Relay => {
  relay ??= createNativeRelay({ addon: builtAddon(), threads: 2, clock: realClock });
  return relay;
};

if (nativeMissing === false) relayConformance('native', native);

interface Carried {
  readonly client: Peer;
  readonly server: Peer;
  readonly handle: RelayHandle;
  end(): { readonly reason: CloseReason; readonly bytes: ByteCounts } | null;
}

const handles = new Set<RelayHandle>();
const peers: Peer[] = [];

async function pairs(): Promise<readonly [Pair, Pair]> {
  const both = await Promise.all([openPair(), openPair()]);
  peers.push(...both.map(({ far }) => far));
  return both;
}

async function carry(by: Relay): Promise<Carried> {
  const [client, server] = await pairs();
  let end: { reason: CloseReason; bytes: ByteCounts } | null = null;
  const handle = by.start({
    client: client.near,
    server: server.near,
    toServer: null,
    toClient: null,
    onEnd: (reason, bytes) => {
      end = { reason, bytes };
    },
  });
  handles.add(handle);
  assert.ok(client.near.destroyed && server.near.destroyed, 'JavaScript has let go of both sockets');
  return { client: client.far, server: server.far, handle, end: () => end };
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A program that opens a session, and then does something. */
const sessionThen = (ending: string): string => `
  import { createNativeRelay } from './src/proxy/relay/native-relay.ts';
  import { builtAddon } from './test/proxy/support/built-addon.ts';
  import { openPair } from './test/proxy/support/peer.ts';
  import { realClock } from './test/proxy/support/real-clock.ts';
  const relay = createNativeRelay({ addon: builtAddon(), threads: 2, clock: realClock });
  const [client, server] = await Promise.all([openPair(), openPair()]);
  const handle = relay.start({
    client: client.near, server: server.near, toServer: null, toClient: null,
    onEnd: () => { client.far.socket.destroy(); server.far.socket.destroy(); },
  });
  client.far.send('hello');
  await server.far.hears('hello');
  ${ending};
`;

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('the native relay', { skip: nativeMissing }, () => {
  afterEach(() => {
    for (const handle of handles) handle.close('shutdown');
    handles.clear();
    for (const { socket } of peers.splice(0)) socket.destroy();
  });

  it('takes the sockets from JavaScript, and leaves no descriptor behind', async () => {
    // Its first session starts a thread, which keeps two.
    const first = await carry(native());
    first.handle.close('shutdown');
    first.client.socket.destroy();
    first.server.socket.destroy();
    await pause(20);
    const before = openDescriptors();
    const sessions = await Promise.all(Array.from({ length: 50 }, () => carry(native())));
    for (const [at, session] of sessions.entries()) {
      if (at % 3 === 0) session.handle.close('shutdown');
      else if (at % 3 === 1) session.client.socket.end();
      else session.server.socket.resetAndDestroy();
    }
    for (const { client, server } of sessions) {
      client.socket.end();
      server.socket.end();
    }
    await eventually(() => sessions.every(({ end }) => end() !== null), 'all have ended');
    for (const { client, server } of sessions) {
      client.socket.destroy();
      server.socket.destroy();
    }
    await eventually(() => openDescriptors() <= before, 'all descriptors are closed');
  });

  it('takes over what Node has read already, in order', async () => {
    const [client, server] = await pairs();
    client.far.send('read by Node, ');
    client.near.resume().pause();
    await eventually(() => client.near.readableLength > 0, 'Node has read it');
    client.far.send('read by the kernel');
    const handle = native().start({
      client: client.near,
      server: server.near,
      toServer: Buffer.from('read first, '),
      toClient: null,
      onEnd: () => {},
    });
    handles.add(handle);
    assert.ok(client.near.destroyed);
    await server.far.hears('read first, read by Node, read by the kernel');
    assert.equal(handle.bytes().sent, 44);
  });

  it('leaves to streams what cannot be handed over', async () => {
    const [client, server] = await pairs();
    const flood = Buffer.alloc(16 * 1024 * 1024, 'x');
    client.far.stopReading();
    client.near.write(flood);
    assert.ok(client.near.writableLength > 0, 'bytes wait for the client');
    const handle = native().start({
      client: client.near,
      server: server.near,
      toServer: null,
      toClient: Buffer.from('the end'),
      onEnd: () => {},
    });
    handles.add(handle);
    assert.equal(client.near.destroyed, false);
    client.far.startReading();
    await eventually(() => client.far.length === flood.length + 7, 'all of it arrives', 60_000);
  });

  it('lets its process end: by itself once no session is left, and at once when told to, with sessions', () => {
    for (const ending of ['handle.close("shutdown")', 'process.exit(0)']) {
      const { status, signal, stderr } = spawnSync(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '--eval', sessionThen(ending)],
        { encoding: 'utf8', cwd: root, timeout: 60_000, env: process.env },
      );
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr);
    }
  });

  it('cuts off a client that does not react to the end of its server', async () => {
    const impatient = createNativeRelay({ addon: builtAddon(), threads: 1, clock: realClock, afterEndMs });
    const { client, server, end } = await carry(impatient);
    server.socket.end('bye');
    await eventually(() => client.fate === 'ended', 'the client is told');
    assert.equal(end(), null);
    await eventually(() => end() !== null, 'the session ends');
    assert.deepEqual(end(), { reason: 'server-closed', bytes: { sent: 0, received: 3 } });
  });

  it('waits for a client that is slow to take the last words', async () => {
    const impatient = createNativeRelay({ addon: builtAddon(), threads: 1, clock: realClock, afterEndMs });
    const { client, server, end, handle } = await carry(impatient);
    client.stopReading();
    server.socket.end(Buffer.alloc(64 * 1024 * 1024));
    await eventually(() => handle.bytes().received > 0, 'the last words have begun');
    const begin = performance.now();
    while (performance.now() - begin < afterEndMs * 1.5) {
      client.startReading();
      await pause(5);
      client.stopReading();
      await pause(50);
    }
    assert.equal(end(), null, 'a client that shows progress is not cut off');
    client.startReading();
    await eventually(() => client.length === 64 * 1024 * 1024, 'all of it arrives', 60_000);
    client.socket.destroy();
    server.socket.destroy();
    await eventually(() => end() !== null, 'the session ends');
  });
});
