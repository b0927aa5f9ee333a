import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminClient, AdminFailure } from '../../src/admin/client.ts';
import { followEvents } from '../../src/commands/follow-events.ts';
import { fakeControls } from '../admin/fake-controls.ts';
import { runAdmin } from '../admin/running-admin.ts';

const timeout = 30_000;

test('events are followed over a restart, each once, though the numbers begin again', {
  timeout,
}, async (t) => {
  const before = fakeControls();
  before.emit({ message: 'a' });
  before.emit({ message: 'b' });
  const { admin, url } = await runAdmin(t, before);
  const after = fakeControls();
  for (const message of ['c', 'd', 'e']) after.emit({ message, at: '2025-01-02T03:05:00.000Z' });
  const end = new AbortController();
  const printed: string[] = [];
  const lost: string[] = [];
  let again: Promise<unknown> | null = null;
  await followEvents({
    client: new AdminClient({ address: url }),
    since: 1,
    print: ({ message }) => {
      printed.push(message);
      if (message === 'b') {
        const listen = { host: '127.0.0.1', port: admin.address.port };
        again = admin.close().then(() => runAdmin(t, after, { listen }));
      }
      if (message === 'e') end.abort();
    },
    onLost: (why) => lost.push(why),
    retryMs: 50,
    signal: end.signal,
  });
  await again;
  assert.deepEqual(printed, ['b', 'c', 'd', 'e']);
  assert.equal(lost.length, 1);
});

test('a stream that breaks goes on where it was', { timeout }, async (t) => {
  const controls = fakeControls();
  controls.emit({ message: 'a' });
  const { admin, url } = await runAdmin(t, controls);
  const end = new AbortController();
  const printed: string[] = [];
  await followEvents({
    client: new AdminClient({ address: url }),
    since: 0,
    print: ({ message }) => {
      printed.push(message);
      if (message === 'a') {
        const listen = { host: '127.0.0.1', port: admin.address.port };
        void admin.close().then(() => runAdmin(t, controls, { listen }));
      }
      if (message === 'b') end.abort();
    },
    onLost: () => controls.emit({ message: 'b' }),
    retryMs: 50,
    signal: end.signal,
  });
  assert.deepEqual(printed, ['a', 'b']);
});

test('where nobody answers at the beginning it fails', { timeout }, async () => {
  const following = followEvents({
    client: new AdminClient({ address: '127.0.0.1:1' }),
    since: 0,
    print: () => assert.fail('no event'),
    onLost: () => assert.fail('it was never there'),
    retryMs: 50,
    signal: new AbortController().signal,
  });
  await assert.rejects(following, AdminFailure);
});
