import assert from 'node:assert/strict';
import { test } from 'node:test';
import { terminalOf } from '../../src/commands/terminal.ts';

const terminal = { isTTY: true, columns: 132, rows: 50 };
const file = {};

test('colours are for terminals, unless the environment says otherwise', () => {
  const colours = (stream: object, env: Record<string, string>) => terminalOf(stream, env).colours;
  assert.equal(colours(terminal, {}), true);
  assert.equal(colours(file, {}), false);
  assert.equal(colours(terminal, { TERM: 'dumb' }), false);
  assert.equal(colours(terminal, { NO_COLOR: '1' }), false);
  assert.equal(colours(terminal, { NO_COLOR: '' }), true);
  assert.equal(colours(file, { FORCE_COLOR: '1' }), true);
  assert.equal(colours(file, { FORCE_COLOR: '' }), false);
  assert.equal(colours(terminal, { FORCE_COLOR: '0' }), false);
  assert.equal(colours(terminal, { FORCE_COLOR: '1', NO_COLOR: '1' }), false);
});

test('a terminal says its size, and what is none has no height', () => {
  assert.deepEqual(terminalOf(terminal, {}), { colours: true, columns: 132, rows: 50 });
  assert.deepEqual(terminalOf({ isTTY: true, columns: 0, rows: 0 }, {}), {
    colours: true,
    columns: 80,
    rows: 24,
  });
  assert.deepEqual(terminalOf({ columns: 132, rows: 50 }, {}), { colours: false, columns: 80, rows: null });
});
