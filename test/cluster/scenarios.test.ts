import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { requestRules, rules } from '../../src/cluster/rules/table.ts';
import { Scenario } from './scenario.ts';

/**
 * Golden scenarios: each line of a file is a command, and the indented lines below it are what the core did.
 * `UPDATE_GOLDEN=1` rewrites the traces; read the difference before it is committed.
 */
const folder = new URL('./scenarios/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.txt'));
const fired = new Set<string>();

for (const file of files) {
  test(`scenario ${file}`, () => {
    const path = new URL(file, folder);
    const expected = readFileSync(path, 'utf8');
    const actual = replay(expected);
    if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(path, actual);
    else assert.equal(actual, expected);
    for (const [, rule] of actual.matchAll(/^ {4}rule (.+)$/gm)) fired.add(rule as string);
  });
}

test('every rule of the table fires in some scenario', () => {
  const silent = [...requestRules, ...rules].map((rule) => rule.id).filter((id) => !fired.has(id));
  assert.deepEqual(silent, []);
});

function replay(text: string): string {
  const scenario = new Scenario();
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('    ')) continue;
    lines.push(line);
    if (line === '' || line.startsWith('#')) continue;
    lines.push(...scenario.run(line).map((trace) => `    ${trace}`));
  }
  return lines.join('\n');
}
