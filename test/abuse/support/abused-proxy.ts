/**
 * A proxy in front of scripted servers, in a process of its own, for tests that flood it: what they do takes no time of
 * its. Says its ports, and then, on SIGUSR2, how much it has.
 */
import { readdirSync } from 'node:fs';
import { createRelay } from '../../../src/proxy/relay/create-relay.ts';
import { single, writer } from '../../endpoints/support/view.ts';
import { realClock } from '../../proxy/support/real-clock.ts';
import { RunningProxy } from '../../proxy/support/running-proxy.ts';

const engine = process.argv[2] === 'mysql' ? 'mysql' : 'postgres';
const patienceMs = Number(process.argv[3]);
const endpoints = {
  attacked: writer({ maxSessions: 20_000, handshakeTimeoutMs: patienceMs, connectTimeoutMs: patienceMs }),
  calm: single('b'),
};
const { relay } = createRelay(realClock, {});
const running = await RunningProxy.start({ engine, relay, endpoints: Object.values(endpoints), holdMs: 500 });
// A server that greets nobody: with MySQL a silent client waits for it.
if (engine === 'mysql') running.server('w').manner = { kind: 'freeze' };

const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
process.on('SIGUSR2', () => {
  for (const notes of [running.events, running.details, running.dialReports]) notes.length = 0;
  globalThis.gc?.();
  const { sessions, endpoints: counts } = running.load();
  say({
    descriptors: readdirSync('/proc/self/fd').length,
    heapBytes: process.memoryUsage().heapUsed,
    sessions: Object.values(sessions).reduce((sum, count) => sum + count, 0),
    admitted: Object.values(counts).reduce((sum, count) => sum + count, 0),
  });
});
say({ attacked: running.port(endpoints.attacked), calm: running.port(endpoints.calm) });
