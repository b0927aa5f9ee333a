/**
 * Golden diagnostics: each golden/NAME.yaml.in is checked (a name that formatters leave alone), and what `aurelay check` prints has to be golden/NAME.txt.
 * After a wanted change: `UPDATE_GOLDEN=1 node --import tsx --test test/config/golden.test.ts`, then read the diff.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import { environment, readSecretFile } from './fixtures.ts';

const folder = fileURLToPath(new URL('golden/', import.meta.url));
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml.in'))
  .map((file) => file.slice(0, -'.yaml.in'.length));

for (const name of names) {
  test(`golden: ${name}`, () => {
    const file = `${name}.yaml`;
    const text = readFileSync(`${folder}${file}.in`, 'utf8');
    const report = checkReport(loadConfig({ text, file, env: environment, readFile: readSecretFile }));
    const expected = `${folder}${name}.txt`;
    if (process.env.UPDATE_GOLDEN === '1' || !existsSync(expected)) {
      assert.notEqual(process.env.CI, 'true', `${name}.txt is missing`);
      writeFileSync(expected, report);
    }
    assert.equal(report, readFileSync(expected, 'utf8'));
    assert.doesNotMatch(report, /hunter2|the-(first|second)-secret|s3cret/, 'a secret is shown');
  });
}
