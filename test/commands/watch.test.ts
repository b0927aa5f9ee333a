import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminFailure } from '../../src/admin/client.ts';
import { Screen } from '../../src/commands/screen.ts';
import { watch } from '../../src/commands/watch.ts';

const gone = () => new AdminFailure('unreachable', 'nothing answers');

test('a watch shows what it last had, and why it is old, until it is told to end', async () => {
  const end = new AbortController();
  const shown: [string, string | null][] = [];
  const answers = [async () => 'one', async () => Promise.reject(gone()), async () => 'three'];
  await watch({
    fetch: () => (answers.shift() as () => Promise<string>)(),
    show: (...picture) => {
      shown.push(picture);
      if (answers.length === 0) end.abort();
    },
    everyMs: 1,
    signal: end.signal,
  });
  assert.deepEqual(shown, [
    ['one', null],
    ['one', 'nothing answers'],
    ['three', null],
  ]);
});

test('a watch that cannot begin fails', async () => {
  const show = () => assert.fail('nothing to show');
  const { signal } = new AbortController();
  await assert.rejects(
    watch({ fetch: () => Promise.reject(gone()), show, everyMs: 1, signal }),
    AdminFailure,
  );
});

test('an end during the wait does not wait', { timeout: 10_000 }, async () => {
  const end = new AbortController();
  let fetched = 0;
  const fetch = async () => {
    fetched += 1;
    return '';
  };
  await watch({ fetch, show: () => setImmediate(() => end.abort()), everyMs: 3_600_000, signal: end.signal });
  assert.equal(fetched, 1);
});

test('a screen is entered once, drawn over, and left as it was', () => {
  let written = '';
  const take = () => {
    const text = written.replaceAll('\u001b', '^');
    written = '';
    return text;
  };
  const screen = new Screen({ write: (text) => (written += text) });
  screen.leave();
  assert.equal(take(), '');
  screen.show('one\ntwo\n', 2);
  assert.equal(take(), '^[?1049h^[?25l^[?7l^[Hone^[K\r\ntwo^[K^[J');
  screen.show('one\ntwo\nthree\nfour\n', 3);
  assert.equal(
    take(),
    '^[Hone^[K\r\ntwo^[K\r\n… 2 more lines: `aurelay status CLUSTER` shows one cluster alone^[K^[J',
  );
  screen.leave();
  screen.leave();
  assert.equal(take(), '^[?7h^[?25h^[?1049l');
});
