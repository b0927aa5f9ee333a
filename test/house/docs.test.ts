import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { requestRules, rules } from '../../src/cluster/rules/table.ts';
import { exitCode } from '../../src/commands/exit-codes.ts';
import { storyOfRule } from '../../src/control/narrate.ts';
import { clusterEvents } from '../../src/log/cluster-events.ts';

/** The docs are true: checked against the code. */
const root = new URL('../../', import.meta.url).pathname;
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

test('the generated parts of the docs are fresh', () => {
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/docs.ts', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
});

test('every event of a cluster is told of somewhere', () => {
  const code = read('src/control/narrate.ts');
  const untold = Object.keys(clusterEvents).filter((name) => !code.includes(`'${name}'`));
  assert.deepEqual(untold, []);
});

test('every rule that is told of exists', () => {
  const ids = [...rules, ...requestRules].map(({ id }) => id);
  assert.deepEqual(
    Object.keys(storyOfRule).filter((id) => !ids.includes(id)),
    [],
  );
  assert.equal(new Set(ids).size, ids.length, 'an id stands twice');
});

test('README and the command line name the same commands', () => {
  const help = spawnSync(process.execPath, ['--import', 'tsx', 'src/cli.ts', '--help'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(help.status, 0, help.stderr);
  const commands = [...help.stdout.matchAll(/^ {2}([a-z]+) (?:\[|<|\s)/gm)]
    .map(([, name]) => name as string)
    .filter((name) => name !== 'help');
  assert.ok(commands.length >= 9, `too few commands in --help: ${commands.join(' ')}`);
  const readme = read('README.md');
  for (const command of commands) assert.match(readme, new RegExp(`[\`, ](aurelay )?${command}\\b`), command);
});

test('docs/command-line.md lists every exit code, and no other', () => {
  const listed = [...read('docs/command-line.md').matchAll(/^\| (\d+) +\|/gm)].map(([, code]) =>
    Number(code),
  );
  assert.deepEqual(listed, Object.values(exitCode));
});

test('every link to a file in the docs leads somewhere', () => {
  const pages = ['README.md', 'ARCHITECTURE.md', 'METRICS.md', 'CHANGELOG.md', ...markdownBelow('docs')];
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, target] of read(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (target === undefined || /^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(root, dirname(page), target))) broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

const markdownBelow = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));

test('every dependency earns its line', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const lines = read('docs/dependencies.md');
  const all = { ...dependencies, ...devDependencies };
  for (const [name, version] of Object.entries(all)) {
    assert.ok(lines.includes(`\`${name}\``), `${name} is not in docs/dependencies.md`);
    assert.match(version, /^\d/, `${name} is not pinned`);
  }
});
