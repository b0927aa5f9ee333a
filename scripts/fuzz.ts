import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { keepInput, readCorpus } from '../test/fuzz/corpus.ts';
import { BlockCounter } from '../test/fuzz/coverage.ts';
import { type FuzzOutcome, fuzz } from '../test/fuzz/fuzzer.ts';
import type { EvilOptions } from '../test/fuzz/live/evil-run.ts';
import type { FuzzTarget } from '../test/fuzz/target.ts';
import { targets } from '../test/fuzz/targets.ts';
import { openScope } from '../test/support/scope.ts';
import type { Cleanup } from '../test/support/servers.ts';

/**
 * `npm run fuzz -- [--minutes N] [--target NAME] [--seed S]`: draws what strangers may send, target after target, guided
 * by the blocks of code that it reaches. What reaches new ones is kept in test/fuzz/corpus. Exit code 1 where something
 * broke the contract: its input is minimised, printed and kept there too.
 *
 * The codecs are fed in this process. `live` is a real Aurelay with strangers at all of its ports and an innocent session
 * beside them; `evil-postgres` and `evil-mysql` are servers that mean no good, for probes, operations and sessions.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    target: { type: 'string' },
    seed: { type: 'string' },
  },
});
const live = ['live', 'evil-postgres', 'evil-mysql'];
const all = [...Object.keys(targets), ...live];
const names = all.filter((name) => values.target === undefined || name === values.target);
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? randomInt(1, 2 ** 31) : Number(values.seed);
if (names.length === 0 || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error(`usage: npm run fuzz -- [--minutes N] [--seed S] [--target ${all.join('|')}]`);
  process.exit(2);
}
/** Longer ones teach little more than their shorter relatives, and the corpus lives in the repository. */
const longestKeptBytes = 2_048;
const root = new URL('..', import.meta.url).href;
const counter = new BlockCounter(
  (url) => url.startsWith(`${root}src/`) || /\/node_modules\/(yaml|pg-protocol|mysql2)\//.test(url),
);

function report(name: string, { finding, inputs, milliseconds, blocks }: FuzzOutcome): void {
  const rate = Math.round((inputs / milliseconds) * 1_000);
  console.log(
    `${name}: ${inputs} inputs in ${(milliseconds / 1_000).toFixed(1)} s (${rate}/s), ${blocks.ran} of ${blocks.known} blocks`,
  );
  if (finding === null) return;
  const { fault, input } = finding;
  console.log(`FOUND in ${name} with --seed ${seed}: ${fault.kind}, ${fault.message}`);
  console.log(`  input (hex, ${input.length} bytes): ${Buffer.from(input).toString('hex')}`);
  console.log(`  kept as ${keepInput(name, input)}`);
  process.exitCode = 1;
}

function fuzzCodec(name: string, target: FuzzTarget, forMs: number): void {
  const outcome = fuzz(target, { ...{ seed, forMs, counter, onProgress }, corpus: readCorpus(name) });
  report(name, outcome);
  if (outcome.finding !== null) return;
  const small = outcome.distilled.filter(({ length }) => length <= longestKeptBytes);
  for (const input of small) keepInput(name, input);
}

async function fuzzLive(name: string, forMs: number): Promise<void> {
  const { scope, end } = openScope();
  try {
    const options = { seed, forMs, onProgress };
    const { violations, ...counts } = await runNamed(name, scope, options);
    console.log(`${name}: ${JSON.stringify(counts)} in ${(forMs / 1_000).toFixed(1)} s`);
    for (const violation of violations) console.log(`FOUND in ${name} with --seed ${seed}: ${violation}`);
    if (violations.length > 0) process.exitCode = 1;
  } finally {
    await end();
  }
}

async function runNamed(name: string, scope: Cleanup, options: Omit<EvilOptions, 'engine'>) {
  // Not before: what is compiled before it is counted is counted whole.
  const { runEvil } = await import('../test/fuzz/live/evil-run.ts');
  const { runLive } = await import('../test/fuzz/live/live-run.ts');
  const { enginesUnderTest } = await import('../test/support/engines-under-test.ts');
  if (name === 'evil-postgres') return runEvil(scope, { ...options, engine: 'postgres' });
  if (name === 'evil-mysql') return runEvil(scope, { ...options, engine: 'mysql' });
  const [engine] = await enginesUnderTest();
  if (engine === undefined) throw new Error('there is an engine at least');
  return runLive(scope, { ...options, engine });
}

const onProgress = (line: string): void => console.log(line);
console.log(`--seed ${seed}, ${minutes} min over ${names.length} targets`);
const forMs = (minutes * 60_000) / names.length;
// The codecs first: what counts the blocks slows down all that is compiled while it does.
for (const name of names) {
  const target = await targets[name]?.();
  if (target !== undefined) fuzzCodec(name, target, forMs);
}
counter.close();
for (const name of names.filter((one) => live.includes(one))) await fuzzLive(name, forMs);
// What a violation left open does not keep the process.
process.exit();
