import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { type DialOutcome, dial } from '../../src/proxy/dial.ts';
import { listenAnywhere } from './support/peer.ts';
import { eventually, pause, realClock } from './support/real-clock.ts';
import { SimulatedClock } from './support/simulated-clock.ts';

const dialled = (host: string, port: number, timeoutMs: number): Promise<DialOutcome> =>
  new Promise((resolve) => dial({ host, port }, timeoutMs, realClock, resolve));

it('a dial to nobody is refused, with the words of the system', async () => {
  const server = createServer();
  const port = await listenAnywhere(server);
  await new Promise((resolve) => server.close(resolve));
  const outcome = await dialled('127.0.0.1', port, 10_000);
  assert.equal(outcome.kind === 'failed' && outcome.reason, 'refused');
  assert.match(outcome.kind === 'failed' ? outcome.detail : '', /ECONNREFUSED/);
  const byName = await dialled('localhost', port, 10_000);
  assert.equal(byName.kind === 'failed' && byName.reason, 'refused');
});

it('a dial to a name that does not exist fails', async () => {
  const outcome = await dialled('no-such-host.invalid', 1, 10_000);
  assert.equal(
    outcome.kind === 'failed' && (outcome.reason === 'error' || outcome.reason === 'timeout'),
    true,
  );
});

it('a dial ends at its deadline, whatever comes of the connection later', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  const port = await listenAnywhere(server);
  const clock = new SimulatedClock();
  const outcomes: DialOutcome[] = [];
  dial({ host: '127.0.0.1', port }, 1000, clock, (outcome) => outcomes.push(outcome));
  clock.advance(999);
  assert.deepEqual(outcomes, []);
  clock.advance(1);
  assert.deepEqual(outcomes, [{ kind: 'failed', reason: 'timeout', detail: 'no connection within 1000 ms' }]);
  await pause(100);
  assert.equal(outcomes.length, 1);
  await new Promise((resolve) => server.close(resolve));
});

it('a dial that was given up reports nothing and leaves nothing open', async () => {
  let open = 0;
  const server = createServer((socket) => {
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
    socket.on('error', () => {});
    socket.resume();
  });
  const port = await listenAnywhere(server);
  let outcomes = 0;
  const attempt = dial({ host: '127.0.0.1', port }, 10_000, realClock, () => {
    outcomes += 1;
  });
  attempt.abort();
  attempt.abort();
  await pause(100);
  await eventually(() => open === 0, 'nothing is open');
  assert.equal(outcomes, 0);
  await new Promise((resolve) => server.close(resolve));
});
