import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { allGuides, walkOf } from '../guides/all-guides.ts';
import { type AurelayLine, aurelayLines } from './aurelay-lines.ts';

/** Guides can be followed: by `npm run guides` block by block, and by what the command line really takes. */
const root = new URL('../../', import.meta.url).pathname;
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

test('every block of a guide can be run, or says why it is not', () => {
  const guides = allGuides();
  assert.deepEqual(
    guides.flatMap(({ problems }) => problems),
    [],
  );
  for (const guide of guides) {
    const { stages } = walkOf(guide, guides);
    const blocks = stages
      .flatMap(({ steps }) => steps)
      .filter(({ kind }) => kind === 'run' || kind === 'skipped');
    assert.ok(blocks.length > 0, `${guide.name}.md has nothing to type`);
  }
});

test('every guide is in the list of guides', () => {
  const list = read('docs/guides/README.md');
  for (const { name } of allGuides()) assert.match(list, new RegExp(`\\]\\(${name}\\.md\\)`), name);
});

test('every command line of Aurelay in README and docs exists', () => {
  const pages = ['README.md', ...markdownBelow('docs').filter((page) => !page.includes('/adr/'))];
  const { commands } = answers([]);
  const names = Object.keys(commands).filter((name) => name !== '');
  const lines = pages.flatMap((page) => aurelayLines(page, read(page), names));
  const literal = lines.filter(({ isLiteral }) => isLiteral);
  assert.ok(literal.length > 20, `too few command lines were found: ${literal.length}`);
  const wrong = answers(literal).complaints.flatMap((complaint, index) =>
    complaint === null ? [] : [`${literal[index]?.where}: ${literal[index]?.text}: ${complaint}`],
  );
  const unknown = lines
    .filter(({ isLiteral }) => !isLiteral)
    .flatMap((line) => complaintsOf(line, commands).map((words) => `${line.where}: ${line.text}: ${words}`));
  assert.deepEqual([...wrong, ...unknown], []);
});

test('lines of Aurelay are found, and only those', () => {
  const page = [
    ...[
      '```sh',
      'psql <<SQL',
      'aurelay nothing',
      'SQL',
      'X=1 aurelay status --json | jq . # aurelay nothing',
      'journalctl -u aurelay -o cat',
    ],
    ...['docker run aurelay aurelay check -c "a b.yaml" > out', 'npm run demo -- --data \\', '  d', '```'],
    ...['```text', 'aurelay sample', '```', 'See `aurelay drain [INSTANCE]` and `aurelay.yaml`.'],
  ];
  assert.deepEqual(
    aurelayLines('a.md', page.join('\n'), ['status', 'check']).map(({ words }) => words.join(' ')),
    ['status --json', 'check -c a b.yaml', 'demo --data d', 'drain INSTANCE'],
  );
});

const markdownBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));

type Flags = Readonly<Record<string, readonly string[]>>;

/** What the real command line says to each line; null: nothing against it. */
function answers(lines: readonly AurelayLine[]): { commands: Flags; complaints: readonly (string | null)[] } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'command-lines.ts')],
    { cwd: root, encoding: 'utf8', input: lines.map(({ words }) => `${JSON.stringify(words)}\n`).join('') },
  );
  assert.equal(status, 0, stderr);
  const [commands, ...complaints] = [...stdout.matchAll(/^@(.*)$/gm)].map(
    ([, text = '']) => JSON.parse(text) as unknown,
  );
  return { commands: commands as Flags, complaints: complaints as (string | null)[] };
}

/** A line with placeholders: its command and its flags have to exist. */
function complaintsOf({ words }: AurelayLine, commands: Flags): readonly string[] {
  const name = words[0]?.startsWith('-') ? '' : (words[0] ?? '');
  const flags = commands[name];
  if (flags === undefined) return /^[a-z-]+$/.test(name) ? [`there is no command ${name}`] : [];
  return words
    .map((word) => /^--?[a-z][a-z-]*/.exec(word)?.[0])
    .filter((flag) => flag !== undefined && !flags.includes(flag))
    .map((flag) => `${name} has no ${flag}`);
}
