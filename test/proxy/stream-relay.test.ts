import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createStreamRelay } from '../../src/proxy/relay/stream-relay.ts';
import { relayConformance } from './relay-conformance.ts';
import { openPair } from './support/peer.ts';
import { eventually, realClock } from './support/real-clock.ts';
import { SimulatedClock } from './support/simulated-clock.ts';

relayConformance('Node streams', () => createStreamRelay(realClock));

it('a client that does not react to the end of its server is cut off after a while', async () => {
  const clock = new SimulatedClock();
  const [client, server] = await Promise.all([openPair(), openPair()]);
  let reason: string | null = null;
  createStreamRelay(clock).start({
    client: client.near,
    server: server.near,
    toServer: null,
    toClient: null,
    onEnd: (why) => {
      reason = why;
    },
  });
  server.far.socket.end('bye');
  await eventually(() => client.far.fate === 'ended', 'the client is told');
  clock.advance(59_000);
  assert.equal(client.near.destroyed, false);
  clock.advance(2_000);
  assert.equal(client.near.destroyed, true);
  await eventually(() => reason !== null, 'the session ends');
  assert.equal(reason, 'server-closed');
  client.far.socket.destroy();
  server.far.socket.destroy();
  assert.equal(clock.pending, 0);
});
