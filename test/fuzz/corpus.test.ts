import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { corpusFolder, nameOf, readCorpus } from './corpus.ts';
import { fuzz } from './fuzzer.ts';
import { runAll } from './guarded-run.ts';
import { targets } from './targets.ts';

/** Blind ones: what `npm run fuzz` has found before is what they start from. */
const freshInputs = 400;
const freshMs = 1_000;
const seed = 1 + (Date.now() % 2 ** 31);

for (const [name, open] of Object.entries(targets)) {
  test(`${name}: what the fuzzer kept is read as it should be, and so is what resembles it`, async () => {
    const target = await open();
    const corpus = readCorpus(name);
    assert.ok(corpus.length > 0, 'there is a corpus');
    const replayed = runAll(corpus, target.run);
    assert.ok(replayed.kind === 'done', `an input of the corpus: ${JSON.stringify(replayed)}`);
    const { finding } = fuzz(target, {
      seed,
      corpus,
      forMs: freshMs,
      mostInputs: corpus.length + freshInputs,
    });
    const hex = finding === null ? '' : Buffer.from(finding.input).toString('hex');
    assert.equal(finding, null, `--seed ${seed}: ${finding?.fault.message}, input ${hex}`);
  });
}

test('the corpus is small, and its files are named after what is in them', () => {
  let bytes = 0;
  for (const name of readdirSync(corpusFolder)) {
    assert.ok(name in targets, `corpus of no target: ${name}`);
    const files = readdirSync(join(corpusFolder, name)).sort();
    for (const file of files) bytes += statSync(join(corpusFolder, name, file)).size;
    assert.deepEqual(files, [...readCorpus(name)].map(nameOf).sort());
  }
  assert.ok(bytes < 300_000, `${bytes} bytes`);
});
