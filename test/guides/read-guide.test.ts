import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkOf } from './all-guides.ts';
import type { Guide, RunStep } from './guide.ts';
import { readGuide } from './read-guide.ts';

const page = (...lines: readonly string[]): string => lines.join('\n');
const fenced = (language: string, ...lines: readonly string[]): string =>
  page(`\`\`\`${language}`, ...lines, '```');

function onlyRun(guide: Guide): RunStep {
  const [step, ...more] = guide.steps;
  assert.ok(step?.kind === 'run' && more.length === 0, JSON.stringify(guide.steps));
  return step;
}

test('blocks of sh are steps in their order, with the line in which they begin; samples of output are none', () => {
  const { steps, problems } = readGuide(
    'a',
    page('# Title', '', fenced('sh', 'one', 'two'), fenced('text', 'sample'), fenced('sh', 'three')),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    steps.map((step) => [step.line, step.kind === 'run' && step.script]),
    [
      [3, 'one\ntwo\n'],
      [10, 'three\n'],
    ],
  );
});

test('a block in a list loses the indentation of its fence, and no more', () => {
  const { steps } = readGuide(
    'a',
    page('1. Type', '', '   ```sh', '   if x; then', '     y', '   fi', '   ```'),
  );
  assert.equal(steps[0]?.kind === 'run' && steps[0].script, 'if x; then\n  y\nfi\n');
});

test('marks before a block are about it', () => {
  const marks = ['terminal: proxy', 'runs until: "ready"', 'deadline: 300s', 'exits with: 3', 'within: 10s'];
  const step = onlyRun(readGuide('a', page(...marks.map((mark) => `<!-- ${mark} -->`), fenced('sh', 'go'))));
  assert.deepEqual(
    [step.terminal, step.runsUntil, step.deadlineMs, step.exitStatus, step.withinMs],
    ['proxy', '"ready"', 300_000, 3, 10_000],
  );
});

test('expectations are about the block before them, whatever sample stands between', () => {
  const marks = ['<!-- expect: two words -->', '', '<!-- expect: /^a +b$/ -->'];
  const step = onlyRun(readGuide('a', page(fenced('sh', 'go'), fenced('text', 'sample'), ...marks)));
  const [words, pattern] = step.expectations;
  assert.deepEqual([words?.isMet('a two words b'), words?.isMet('two  words')], [true, false]);
  assert.deepEqual([pattern?.isMet('x\na   b\ny'), pattern?.isMet('xa b')], [true, false]);
});

test('files, blocks that are not run, Ctrl-C, looks, places and preparations', () => {
  const { steps, problems } = readGuide(
    'a',
    page(
      ...['<!-- prepare: apt-get install x -->', '<!-- file: a.yaml -->', fenced('yaml', 'a: 1')],
      ...['<!-- not run here: needs three machines -->', fenced('sh', 'ssh db2'), '<!-- place: here -->'],
      ...['<!-- expect in proxy: gone -->', '<!-- interrupt: proxy -->'],
    ),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    steps.map(({ kind, line }) => `${line} ${kind}`),
    ['1 run', '3 file', '7 skipped', '10 place', '11 look', '12 interrupt'],
  );
  assert.deepEqual(
    steps.map((step) => step.kind === 'run' && step.isPreparation),
    [true, false, false, false, false, false],
  );
});

test('what cannot be meant is a problem with its line', () => {
  const problemsOf = (...lines: readonly string[]): readonly string[] =>
    readGuide('a', page(...lines)).problems;
  const cases: readonly [readonly string[], RegExp][] = [
    [['<!-- exspect: x -->'], /^a\.md:1: there is no mark `exspect`/],
    [['<!-- not run here -->', fenced('sh', 'x')], /1: `not run here` needs a value/],
    [['<!-- terminal: b -->', 'prose', fenced('sh', 'x')], /1: `terminal` has no block/],
    [['<!-- file: b -->'], /1: `file` has no block/],
    [['prose', '<!-- expect: x -->'], /2: `expect` has to follow/],
    [[fenced('sh', 'x'), 'prose', '<!-- expect: x -->'], /5: `expect` has to follow/],
    [['<!-- within: soon -->', fenced('sh', 'x')], /1: `within` has to be seconds/],
    [[fenced('bash', 'x')], /1: ```bash is not run/],
    [[fenced('console', '$ x')], /1: ```console is not run/],
    [['```sh', 'x'], /1: the block has no end/],
    [['<!-- expect: /(/ -->'], /expect/],
    [['<!-- begins at: somewhere -->'], /1: `begins at` has to be GUIDE#PLACE/],
    [['<!-- system: plan9 -->'], /1: `system` is one of debian-12, debian-sid/],
    [['<!-- a comment', 'over lines -->'], /1: a mark has to end in its line/],
  ];
  for (const [lines, expected] of cases) {
    const problems = problemsOf(...lines);
    assert.match(problems[0] ?? `none about ${lines.join(' / ')}`, expected);
  }
});

test('a guide that begins in another one does what comes before that place first', () => {
  const first = readGuide('first', page(fenced('sh', 'one'), '<!-- place: up -->', fenced('sh', 'two')));
  const second = readGuide('second', page('<!-- begins at: first#up -->', fenced('sh', 'three')));
  const walk = walkOf(second, [first, second]);
  assert.deepEqual(
    walk.stages.flatMap(({ guide, steps }) =>
      steps.map((step) => [guide, step.kind === 'run' && step.script]),
    ),
    [
      ['first', 'one\n'],
      ['second', 'three\n'],
    ],
  );
  assert.throws(() => walkOf(second, [second]), /begins at first#up, which is no `place`/);
});
