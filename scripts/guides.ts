import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { unreachable } from '../src/base/assert.ts';
import { makeTempFolder } from '../src/demo/temp-folder.ts';
import { allGuides, walkOf } from '../test/guides/all-guides.ts';
import { type AurelayPackage, packAurelay, withNpmCache } from '../test/guides/aurelay-package.ts';
import { baseSystem, startFreshMachine, whyNoMachine } from '../test/guides/fresh-machine.ts';
import type { Guide, Step } from '../test/guides/guide.ts';
import { runGuide, type StepReport } from '../test/guides/run-guide.ts';
import { openScope } from '../test/support/scope.ts';

/**
 * `npm run guides -- [NAME…] [--package FILE] [--list] [--verbose]`: does what the guides say, as they are written, each on a fresh Debian
 * of its own, with the Aurelay of this checkout. Exit code 1 where something does not come out as a page says, or no such
 * machine can be had here. Base systems and packages are kept in `AURELAY_GUIDES_CACHE` (default: ~/.cache/aurelay-guides)
 * and come from `AURELAY_GUIDES_MIRROR` (default: http://deb.debian.org/debian).
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** A tarball of Aurelay, in place of the one that this checkout makes. */
    package: { type: 'string' },
    list: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const cache = process.env.AURELAY_GUIDES_CACHE ?? join(homedir(), '.cache/aurelay-guides');
const mirror = process.env.AURELAY_GUIDES_MIRROR ?? 'http://deb.debian.org/debian';

interface Row {
  readonly guide: string;
  run: number;
  files: number;
  skipped: number;
  readonly begun: number;
  outcome: string;
  seconds: number;
}

async function main(): Promise<number> {
  const guides = allGuides();
  const wished = positionals.map((name) => name.replace(/^.*\/|\.md$/g, ''));
  const unknown = wished.filter((name) => !guides.some((guide) => guide.name === name));
  if (unknown.length > 0 || values.list) {
    if (unknown.length > 0) console.error(`there is no guide ${unknown.join(', ')}`);
    console.log(guides.map(({ name }) => name).join('\n'));
    return unknown.length > 0 ? 2 : 0;
  }
  const chosen = wished.length === 0 ? guides : guides.filter(({ name }) => wished.includes(name));
  const problems = guides.flatMap((guide) => guide.problems);
  const reasons = whyNoMachine();
  if (problems.length > 0 || reasons.length > 0) {
    console.error(problems.join('\n'));
    if (reasons.length > 0) console.error(`guides cannot be tried here:\n  ${reasons.join('\n  ')}`);
    return 1;
  }
  return tryAll(chosen, guides);
}

async function tryAll(chosen: readonly Guide[], guides: readonly Guide[]): Promise<number> {
  const folder = await makeTempFolder();
  const rows: Row[] = [];
  try {
    const tarball = values.package ?? (await packAurelay(join(folder.path, 'package')));
    const aurelay = await withNpmCache(tarball, join(cache, 'npm'), join(folder.path, 'prefix'));
    for (const guide of chosen) rows.push(await tryOne(guide, guides, aurelay));
  } finally {
    await folder.remove();
  }
  console.log(`\n${table(rows)}`);
  return rows.every(({ outcome }) => outcome === 'as written') ? 0 : 1;
}

async function tryOne(guide: Guide, guides: readonly Guide[], aurelay: AurelayPackage): Promise<Row> {
  const row: Row = {
    guide: guide.name,
    run: 0,
    files: 0,
    skipped: 0,
    begun: Date.now(),
    outcome: '',
    seconds: 0,
  };
  const { system, stages } = walkOf(guide, guides);
  if (!stages.some(({ steps }) => steps.some(({ kind }) => kind === 'run'))) {
    row.skipped = stages.flatMap(({ steps }) => steps).filter(({ kind }) => kind === 'skipped').length;
    return { ...row, outcome: 'as written' };
  }
  console.log(`\n${guide.name}: on a fresh ${system}`);
  const { scope, end } = openScope();
  const stop = () => void end().finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const machine = await startFreshMachine({
      ...aurelay,
      base: await baseSystem(system, cache, mirror),
      debCache: join(cache, `${system}-debs`),
      homeFiles: [aurelay.tarball],
    });
    scope.after(() => machine.close());
    const failure = await runGuide(machine, stages, (report) => {
      show(report);
      if (report.guide === guide.name) count(row, report.step);
    });
    row.outcome = failure === null ? 'as written' : `line ${failure.step.line}: ${failure.words}`;
  } catch (error) {
    row.outcome = (error as Error).message;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await end();
  }
  row.seconds = (Date.now() - row.begun) / 1_000;
  return row;
}

function count(row: Row, { kind }: Step): void {
  if (kind === 'run') row.run += 1;
  else if (kind === 'file') row.files += 1;
  else if (kind === 'skipped') row.skipped += 1;
}

function show({ guide, step, seconds, output, failure }: StepReport): void {
  const mark = failure === null ? '✓' : '✗';
  if (step.kind === 'place') return;
  console.log(
    `${mark} ${guide}:${step.line}`.padEnd(28),
    `${seconds.toFixed(1)} s`.padStart(8),
    ` ${title(step)}`,
  );
  if (failure !== null) console.log(`\n${failure.words}\n`);
  if (failure !== null && step.kind === 'run') console.log(indented(step.script));
  if (failure !== null || (values.verbose && output !== '')) console.log(indented(output));
}

function title(step: Step): string {
  switch (step.kind) {
    case 'run':
      return firstLine(step.script);
    case 'file':
      return `writes ${step.path}`;
    case 'skipped':
      return `not run here (${step.reason}): ${firstLine(step.script)}`;
    case 'interrupt':
      return `Ctrl-C in \`${step.terminal}\``;
    case 'look':
      return `looks at \`${step.terminal}\` for ${step.expectation.text}`;
    case 'place':
      return step.name;
    default:
      return unreachable(step);
  }
}

const firstLine = (script: string): string => {
  const lines = script.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return `${(lines[0] ?? '').slice(0, 70)}${lines.length > 1 ? ' …' : ''}`;
};

const indented = (text: string): string => text.trimEnd().replaceAll(/^/gm, '    ');

function table(rows: readonly Row[]): string {
  const head = ['guide', 'blocks run', 'files', 'not run', 'seconds', 'came out'];
  const body = rows.map(({ guide, run, files, skipped, seconds, outcome }) => [
    guide,
    ...[run, files, skipped].map(String),
    seconds.toFixed(0),
    outcome,
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => row[column]?.length ?? 0)));
  return [head, ...body]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

process.exitCode = await main();
