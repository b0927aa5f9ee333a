import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ascii } from './bytes.ts';
import { cutsOf, waitsForEver } from './cuts.ts';
import { type FuzzOutcome, fuzz } from './fuzzer.ts';
import { runAll } from './guarded-run.ts';
import { type FuzzTarget, promise } from './target.ts';

/** A fuzzer that finds nothing may be one that cannot: each kind of fault, planted. */
const hasPlanted = (input: Uint8Array): boolean => Buffer.from(input).includes('ab7');
const patience = { batchMs: 150, aloneMs: 100, slowMs: 40 };

function look(
  run: (input: Uint8Array) => void,
  { aloneMs = patience.aloneMs, ...more }: Partial<FuzzTarget> & { readonly aloneMs?: number } = {},
): FuzzOutcome {
  const target = {
    ...{
      name: 'planted',
      seeds: [ascii('hello')],
      dictionary: [ascii('ab'), ascii('7')],
      maxBytes: 64,
      batch: 50,
    },
    ...{ run, ...more },
  };
  return fuzz(target, {
    seed: 7,
    corpus: [],
    forMs: 20_000,
    mostInputs: 50_000,
    patience: { ...patience, aloneMs },
  });
}

test('what is thrown is found, and its input minimised', () => {
  const { finding } = look((input) => promise(!hasPlanted(input), `planted in ${input.length} bytes`));
  assert.equal(finding?.fault.kind, 'threw');
  assert.equal(Buffer.from(finding?.input ?? []).toString(), 'ab7');
});

test('an endless loop is found', () => {
  const { finding } = look((input) => {
    while (hasPlanted(input));
  });
  assert.equal(finding?.fault.kind, 'hung');
  assert.ok(hasPlanted(finding.input));
});

test('what takes too long is found', () => {
  const { finding } = look(
    (input) => {
      const end = performance.now() + 60;
      while (hasPlanted(input) && performance.now() < end);
    },
    { aloneMs: 5_000 },
  );
  assert.equal(finding?.fault.kind, 'slow');
});

test('what holds on to what it has read is found', () => {
  const held: Uint8Array[] = [];
  const { finding } = look(() => {
    if (held.length < 4_000) held.push(new Uint8Array(16_384));
  });
  assert.equal(finding?.fault.kind, 'grew');
});

test('what waits for more, whatever comes, is found', () => {
  let buffered = 0;
  const bounded = (chunk: Uint8Array): boolean => {
    buffered += chunk.length;
    return buffered < 10_000;
  };
  assert.equal(waitsForEver(bounded, 0, 16_384), false);
  assert.equal(
    waitsForEver(() => true, 0, 16_384),
    true,
  );
});

test('a busy machine is not taken for an endless loop', () => {
  let first = true;
  const slowOnce = () => {
    const end = performance.now() + (first ? 200 : 0);
    first = false;
    while (performance.now() < end);
  };
  assert.deepEqual(runAll([ascii('x'), ascii('y')], slowOnce, patience), { kind: 'done' });
});

test('the same seed draws the same inputs', () => {
  const drawn = () => {
    const seen: string[] = [];
    look((input) => void seen.push(Buffer.from(input).toString('hex')), { maxBytes: 32 });
    return seen.slice(0, 500).join();
  };
  assert.equal(drawn(), drawn());
});

test('every way to cut an input holds all of it', () => {
  for (const input of [ascii(''), ascii('a'), ascii('hello, world'), new Uint8Array(5_000).fill(3)]) {
    for (const chunks of cutsOf(input)) assert.deepEqual(Buffer.concat(chunks), Buffer.from(input));
  }
});
