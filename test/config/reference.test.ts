import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configOutline, type Outline } from '../../src/config/outline.ts';
import { renderReference } from '../../src/config/reference.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

function* keyNames(node: Outline): Iterable<string> {
  if (node.kind === 'named') yield* keyNames(node.of);
  if (node.kind !== 'section') return;
  for (const key of node.keys.values()) {
    yield key.name;
    yield* keyNames(key.node);
  }
}

/** The formatter aligns the columns of a table. */
const unaligned = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');

test('docs/config.md has the reference as the schema gives it', () => {
  assert.ok(
    unaligned(read('docs/config.md')).includes(unaligned(renderReference())),
    'stale: run `npm run docs`',
  );
});

test('every key is in the reference, and in the example', () => {
  const [reference, example] = [renderReference(), read('config/aurelay.example.yaml')];
  for (const name of keyNames(configOutline)) {
    assert.ok(reference.includes(`| \`${name}\` |`), name);
    if (name !== 'static')
      assert.match(example, new RegExp(`\\b${name}:`), `${name} is missing from the example`);
  }
});
