import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Channel, ServerStatus } from '../../../src/engines/mysql/dialects/dialect.ts';
import { SignsOfLife } from '../../../src/engines/mysql/signs-of-life.ts';

const status = (...signs: readonly string[]): ServerStatus =>
  ({ channels: signs.map((signsOfLife): Partial<Channel> => ({ signsOfLife })) }) as unknown as ServerStatus;
const beats = (received: string) => [{ name: '', received }];

test('a source is heard when what is shown of it changes, and not before', () => {
  const signs = new SignsOfLife();
  assert.equal(signs.heardSecondsAgo(status('a'), null, 1_000), null);
  assert.equal(signs.heardSecondsAgo(status('a'), null, 2_000), null);
  assert.equal(signs.heardSecondsAgo(status('b'), null, 3_000), 0);
  assert.equal(signs.heardSecondsAgo(status('b'), null, 4_500), 1.5);
});

test('a heartbeat is word of an idle source', () => {
  const signs = new SignsOfLife();
  signs.heardSecondsAgo(status('a'), beats('7'), 1_000);
  assert.equal(signs.heardSecondsAgo(status('a'), beats('7'), 2_000), null);
  assert.equal(signs.heardSecondsAgo(status('a'), beats('8'), 3_000), 0);
  assert.equal(signs.heardSecondsAgo(status('a'), beats('8'), 5_000), 2);
});

test('that heartbeats are shown, or no longer, is no word of the source', () => {
  const signs = new SignsOfLife();
  signs.heardSecondsAgo(status('a'), null, 1_000);
  assert.equal(signs.heardSecondsAgo(status('a'), beats('7'), 2_000), null);
  assert.equal(signs.heardSecondsAgo(status('a'), beats('8'), 3_000), 0);
  assert.equal(signs.heardSecondsAgo(status('a'), null, 4_000), 1);
  assert.equal(signs.heardSecondsAgo(status('a'), beats('9'), 5_000), 2);
});
