import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';

/** The files that a guide has its reader write: those that no machine at hand could run are at least looked at. */
const folder = join(import.meta.dirname, '../../docs/guides');

const written = readdirSync(folder)
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) =>
    [...readFileSync(join(folder, page), 'utf8').matchAll(/<!-- file: (\S+) -->\n```(\w+)\n(.*?)```/gs)].map(
      ([, file = '', language = '', text = '']) => ({ page, file, language, text }),
    ),
  );

test('every configuration in a guide is one that Aurelay takes', () => {
  const configs = written.filter(({ file }) => file.endsWith('aurelay.yaml'));
  assert.ok(configs.length >= 3);
  for (const { page, file, text } of configs) {
    const result = loadConfig({ text, file, env: {}, readFile: () => '0123456789abcdef0123456789abcdef' });
    assert.ok(result.ok, `${page}: ${JSON.stringify(result)}`);
  }
});

test('every other YAML in a guide can be read', () => {
  for (const { page, file, language, text } of written) {
    if (language === 'yaml') assert.doesNotThrow(() => parse(text), `${page}: ${file}`);
  }
});
