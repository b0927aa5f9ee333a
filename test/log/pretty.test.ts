import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { prettyLine } from '../../src/log/pretty.ts';

const line = {
  level: 'warn',
  time: '2026-11-23T03:14:15.926Z',
  'service.name': 'aurelay',
  'service.version': '1.2.3',
  'service.instance.id': 'x',
  event: 'writer.suspected',
  cluster: 'orders',
  instance: 'orders-1',
  rule: null,
  message: 'orders-1 does not answer',
};
const plain = { colours: false };

describe('a line for a person', () => {
  it('has the time of day, the level, the event, the message and then the fields that say something', () => {
    assert.equal(
      prettyLine(JSON.stringify(line), plain),
      '03:14:15.926 WARN  writer.suspected  orders-1 does not answer  cluster=orders instance=orders-1\n',
    );
  });

  it('puts a stack trace on lines of its own, and what is no single word in quotes', () => {
    const trace = 'Error: no\n    at f (a.ts:1:2)';
    const text = prettyLine(JSON.stringify({ ...line, rule: 'a b', 'exception.stacktrace': trace }), plain);
    assert.match(text, /rule="a b"\n {4}Error: no\n {8}at f \(a\.ts:1:2\)\n$/);
  });

  it('leaves what is no JSON as it is', () => {
    for (const text of ['no json\n', '12\n', 'null\n']) assert.equal(prettyLine(text, plain), text);
  });

  it('lets nobody write to the terminal, whatever a client or a server said', () => {
    const evil = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(evil, evil, (message, endpoint) => {
        const text = prettyLine(JSON.stringify({ ...line, message, endpoint }), plain);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
        assert.doesNotMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u202e]/);
        assert.ok(text.endsWith('\n'));
      }),
    );
  });

  it('is coloured by its level where that is wished', () => {
    assert.ok(prettyLine(JSON.stringify(line), { colours: true }).includes('\u001b[33mWARN \u001b[0m'));
  });
});
