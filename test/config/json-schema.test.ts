// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference of the configuration
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { renderJsonSchema } from '../../src/config/json-schema.ts';

const schema = z.fromJSONSchema(JSON.parse(renderJsonSchema()));
const accepts = (text: string): boolean => schema.safeParse(parse(text)).success;
const example = readFileSync(new URL('../../config/aurelay.example.yaml', import.meta.url), 'utf8');
const docker = readFileSync(new URL('../../config/docker/aurelay.yaml', import.meta.url), 'utf8');

test('an editor finds no fault with configurations that are right', () => {
  for (const text of [example, docker]) {
    const { error } = schema.safeParse(parse(text));
    assert.equal(error, undefined);
  }
  assert.ok(accepts(example.replace('fall: 3', 'fall: "${FALL:-3}"')));
});

test('and marks keys and values that cannot be', () => {
  const wrong = [
    [/^admin:/m, 'admn:'],
    [/engine: postgres/, 'engine: oracle'],
    [/engine: postgres/, ''],
    [/fall: 3/, 'fall: 0'],
    [/fall: 3/, 'fall: three'],
    [/promotion_tier:/, 'tier:'],
  ] as const;
  for (const [pattern, replacement] of wrong) {
    const text = example.replace(pattern, replacement);
    assert.notEqual(text, example, `${pattern} is in the example`);
    assert.ok(!accepts(text), `${pattern} -> ${replacement}`);
  }
});
