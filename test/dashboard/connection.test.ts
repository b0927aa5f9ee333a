import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Connection,
  type ConnectionEvent,
  connectionNotice,
  nextConnection,
  notConnected,
  retryDelayMs,
  silenceMs,
} from '../../dashboard/src/connection.ts';

const after = (...events: readonly ConnectionEvent[]): Connection =>
  events.reduce(nextConnection, notConnected);
const heard = (at: number) => ({ kind: 'heard', at }) as const;
const failed = (at: number) => ({ kind: 'failed', at }) as const;
const looked = (at: number) => ({ kind: 'looked', at }) as const;

test('what was heard last is the age of the picture, however often it is tried since', () => {
  assert.deepEqual(after(heard(1_000), failed(4_000), failed(5_000)), {
    kind: 'lost',
    since: 1_000,
    attempts: 2,
  });
});

test('silence is a lost connection, where the socket says nothing', () => {
  const live = after(heard(1_000));
  assert.equal(nextConnection(live, looked(1_000 + silenceMs - 1)), live);
  assert.deepEqual(nextConnection(live, looked(1_000 + silenceMs)), {
    kind: 'lost',
    since: 1_000,
    attempts: 0,
  });
});

test('it is live again with the next word', () => {
  assert.deepEqual(after(heard(1), failed(2), heard(9)), { kind: 'live', heardAt: 9 });
});

test('what was never shown is not called the last picture', () => {
  assert.equal(connectionNotice(after()), null);
  assert.match(connectionNotice(after(failed(1))) ?? '', /^Aurelay does not answer/);
  assert.equal(connectionNotice(after(heard(1))), null);
  assert.match(
    connectionNotice(after(heard(1), failed(2))) ?? '',
    /^Not connected since \d\d:\d\d:\d\d; this is the last picture/,
  );
});

test('attempts come soon and never more than 3 s apart', () => {
  let connection = after(heard(1));
  const delays: number[] = [];
  for (let at = 2; at < 12; at += 1) {
    connection = nextConnection(connection, failed(at));
    delays.push(retryDelayMs(connection));
  }
  assert.ok(delays.every((delay, index) => delay >= (delays[index - 1] ?? 500)));
  assert.equal(delays[0], 1_000);
  assert.equal(delays.at(-1), 3_000);
});
