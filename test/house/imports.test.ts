import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/**
 * The house rules of ARCHITECTURE.md: imports run downward only, the rooms of the shell do not know each other, and the
 * pure layers do no I/O.
 */
const source = new URL('../../src/', import.meta.url).pathname;

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);
const text = (file: string): string => readFileSync(join(source, file), 'utf8');

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const pattern =
    /(?:^|\n)\s*(import|export)\s+(type\s+)?([^'";]*?from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g;
  for (const [, , type, , specifier, dynamic] of text(file).matchAll(pattern)) {
    const to = specifier ?? dynamic ?? '';
    found.push({
      from: file,
      to: to.startsWith('.') ? normalize(join(dirname(file), to)) : to,
      typeOnly: type !== undefined,
    });
  }
  return found;
}

const room = (file: string): string => file.split('/')[0] as string;
/** Lowest first; a room imports from those before it and from itself. */
const floors = [
  ['base'],
  ['log'],
  ['proxy-protocol'],
  ['cluster'],
  ['endpoints'],
  ['config'],
  ['tls'],
  ['engines'],
  ['diagnosis'],
  ['proxy', 'control', 'admin', 'demo', 'discovery'],
];
const floorOf = (name: string): number => floors.findIndex((rooms) => rooms.includes(name));
/** What wires the rooms together, and the command line: on top of everything, and imported by no room. */
const isOnTop = (file: string): boolean => !file.includes('/') || room(file) === 'commands';

const isPure = (file: string): boolean =>
  ['base', 'log', 'proxy-protocol', 'cluster', 'endpoints', 'config', 'diagnosis'].includes(room(file)) ||
  // What decides in these rooms is pure, file by file; what asks servers is not.
  (['engines', 'discovery'].includes(room(file)) &&
    !text(file).includes('node:') &&
    !driverPackages.some((name) => text(file).includes(`from '${name}'`)));
const driverPackages = ['pg', 'mysql2', 'mysql2/promise'];

test('imports run downward only', () => {
  const wrong: string[] = [];
  for (const { from, to, typeOnly } of files.flatMap(importsOf)) {
    if (!to.endsWith('.ts') || isOnTop(from)) continue;
    const up = floorOf(room(to)) > floorOf(room(from)) || isOnTop(to);
    // The configuration names the engines' types (credentials, engine names) and runs none of their code.
    const allowed = room(from) === 'config' && to === 'engines/engine.ts' && typeOnly;
    if (up && !allowed) wrong.push(`${from} imports ${to}`);
  }
  assert.deepEqual(wrong, []);
});

test('the rooms of the shell meet through interfaces only', () => {
  const shell = floors.at(-1) as string[];
  const wrong: string[] = [];
  for (const { from, to, typeOnly } of files.flatMap(importsOf)) {
    if (!shell.includes(room(from)) || !shell.includes(room(to)) || room(from) === room(to)) continue;
    if (!typeOnly) wrong.push(`${from} imports ${to} at run time`);
  }
  assert.deepEqual(wrong, []);
});

test('the engines do not know each other', () => {
  const wrong = files
    .flatMap(importsOf)
    .filter(
      ({ from, to }) => from.split('/').length > 2 && room(from) === 'engines' && room(to) === 'engines',
    )
    .filter(({ from, to }) => to.split('/').length > 2 && from.split('/')[1] !== to.split('/')[1])
    .map(({ from, to }) => `${from} imports ${to}`);
  assert.deepEqual(wrong, []);
});

test('nothing imports in a circle', () => {
  const runTime = (file: string) =>
    importsOf(file)
      .filter(({ typeOnly }) => !typeOnly)
      .map(({ to }) => to);
  const graph = new Map(files.map((file) => [file, runTime(file)]));
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assert.ok(
      !path.includes(file),
      `a circle of imports: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`,
    );
    if (done.has(file)) return;
    for (const to of graph.get(file) ?? []) if (graph.has(to)) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
});

test('the pure layers do no I/O and ask nobody for time or chance', () => {
  const banned = [
    /\bDate\b/,
    /\bMath\.random\b/,
    /\bprocess\./,
    /\bset(?:Timeout|Interval|Immediate)\b/,
    /\bconsole\./,
    /\bperformance\./,
    /\bfetch\(/,
    /from 'node:/,
    /from 'pino'/,
    /from 'prom-client'/,
  ];
  const wrong: string[] = [];
  for (const file of files.filter(isPure)) {
    const code = text(file)
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/^\s*\/\/.*$/gm, '')
      .replace(/^import type .*$/gm, '');
    for (const pattern of banned) if (pattern.test(code)) wrong.push(`${file}: ${pattern}`);
  }
  assert.deepEqual(wrong, []);
});

test('the codecs of the engines are pure', () => {
  const codecs = [
    'postgres/startup',
    'postgres/messages',
    'postgres/position',
    'mysql/handshake',
    'mysql/packets',
    'mysql/position',
  ];
  for (const codec of codecs) assert.ok(isPure(`engines/${codec}.ts`), `${codec} does I/O`);
});

test('files say what they are', () => {
  const vague = files.filter((file) => /(^|\/)(utils?|helpers?|managers?|common|misc|index)\.ts$/.test(file));
  assert.deepEqual(vague, []);
});
