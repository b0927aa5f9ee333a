import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterEvents } from '../../src/log/cluster-events.ts';
import { commonFields, logFields } from '../../src/log/fields.ts';
import { processEvents } from '../../src/log/process-events.ts';
import type { EventRow } from '../../src/log/row.ts';

const rows: readonly (readonly [string, EventRow])[] = [
  ...Object.entries(processEvents),
  ...Object.entries(clusterEvents),
];

test('names are words with dashes, a thing and what became of it', () => {
  for (const [name] of rows) assert.match(name, /^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)?$/);
  // One name for the whole and for each cluster of it: what a reload did.
  const both = Object.keys(processEvents).filter((name) => name in clusterEvents);
  assert.deepEqual(both, ['config.reloaded']);
});

test('no field is called as one that every line has', () => {
  assert.deepEqual(
    Object.keys(logFields).filter((field) => field in commonFields),
    [],
  );
});

test('every field belongs to some event', () => {
  const used = new Set(rows.flatMap(([, { fields, sometimes = [] }]) => [...fields, ...sometimes]));
  for (const field of ['cluster', 'epoch', 'instance', 'rule', 'seq'] as const) used.add(field);
  assert.deepEqual(
    Object.keys(logFields).filter((field) => !(used as ReadonlySet<string>).has(field)),
    [],
  );
});

test('what is told loudly says what to do', () => {
  const mute = rows
    .filter(
      ([name, { level, remedy, alert }]) =>
        level === 'error' && !name.startsWith('shutdown') && !(remedy ?? alert),
    )
    .map(([name]) => name);
  assert.deepEqual(mute, []);
});
