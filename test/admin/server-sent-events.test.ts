import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ServerSentEvents } from '../../src/admin/server-sent-events.ts';

const text = [
  'retry: 2000\n\n',
  ':\n\n',
  'id: 1\nevent: writer.lost\ndata: {"a":1}\n\n',
  ': comment\ndata:no space\n\n',
  'id: 2\r\nevent: two.lines\r\ndata: one\r\ndata: two\r\n\r\n',
].join('');
const events = [
  { id: '1', name: 'writer.lost', data: '{"a":1}' },
  { id: '', name: 'message', data: 'no space' },
  { id: '2', name: 'two.lines', data: 'one\ntwo' },
];

test('events are the same in whatever pieces they arrive', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(text.length), { maxLength: 20 }), (cuts) => {
      const parser = new ServerSentEvents();
      const edges = [0, ...cuts.sort((a, b) => a - b), text.length];
      const pieces = edges.slice(1).map((end, at) => text.slice(edges[at], end));
      assert.deepEqual(
        pieces.flatMap((piece) => parser.push(piece)),
        events,
      );
    }),
  );
});

test('an event without an end is not kept for ever', () => {
  const parser = new ServerSentEvents();
  const line = `data: ${'x'.repeat(1000)}\n`;
  assert.throws(() => {
    for (let at = 0; at < 2000; at++) parser.push(line);
  }, SyntaxError);
});
