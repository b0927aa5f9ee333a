import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { instanceId } from '../../src/base/brand.ts';
import { clusterConfig, clusterView, FakeControls, instanceView } from '../admin/fake-controls.ts';
import { runAdmin, until } from '../admin/running-admin.ts';
import { programMissing } from '../support/programs.ts';

/** A handful of processes, beside whatever else this machine does. */
const timeout = 120_000;
const inAlternateScreen = '\u001b[?1049h';
const outOfAlternateScreen = '\u001b[?1049l';

interface Run {
  readonly child: ChildProcess;
  output(): string;
  readonly code: Promise<number | null>;
}

function run(t: TestContext, program: string, args: readonly string[], env = {}): Run {
  const child = spawn(program, args, { env: { ...process.env, NO_COLOR: '', FORCE_COLOR: '', ...env } });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  return { child, output: () => output, code: once(child, 'close').then(([code]) => code as number | null) };
}

const aurelay = ['--import', 'tsx', 'src/cli.ts'];
const status = (t: TestContext, url: string, ...args: string[]): Run =>
  run(t, process.execPath, [...aurelay, 'status', '--admin', url, ...args]);

const sixteen = (): FakeControls =>
  new FakeControls().add(clusterConfig('inventory', 16), clusterView('inventory', 16));

/** Columns that the usual terminal has, and rows, of which the prompt needs one. */
function assertFits(text: string): void {
  const lines = text.trimEnd().split('\n');
  assert.ok(lines.length <= 23, `${lines.length} lines`);
  for (const line of lines) assert.ok(line.length <= 80, line);
}

test('sixteen instances are a plain picture of 80 × 24 where there is no terminal', {
  timeout,
}, async (t) => {
  const { url } = await runAdmin(t, sixteen());
  const { code, output } = status(t, url);
  assert.equal(await code, 0, output());
  assertFits(output());
  assert.ok(!output().includes('\u001b'), output());
  for (let at = 1; at <= 16; at += 1) assert.match(output(), new RegExp(`^ {2}inventory-${at} `, 'm'));
});

test('--check says what is not well, and exits with 3', { timeout }, async (t) => {
  const controls = sixteen();
  const { url } = await runAdmin(t, controls);
  const well = status(t, url, '--check');
  assert.equal(await well.code, 0, well.output());
  assert.equal(well.output(), 'all is well\n');
  const views = [...clusterView('inventory', 16).instances.values()];
  const third = instanceView(instanceId('inventory-3'), 2, { health: 'down', role: null });
  const changed = views.map((view, at) => (at === 2 ? third : view));
  controls.change('inventory', { instances: new Map(changed.map((view) => [view.instance.id, view])) });
  const unwell = status(t, url, '--check', '--json');
  assert.equal(await unwell.code, 3, unwell.output());
  assert.deepEqual(JSON.parse(unwell.output()), [
    { cluster: 'inventory', subject: 'inventory-3', problem: 'down' },
  ]);
});

test('--watch prints one picture after the other where there is no terminal, until a signal', {
  timeout,
}, async (t) => {
  const controls = sixteen();
  const { url } = await runAdmin(t, controls);
  const { child, code, output } = status(t, url, '--watch', '0.1');
  await until(() => output().includes('epoch 7'));
  controls.change('inventory', { phase: 'promoting', reason: 'inventory-2 is asked', writer: null });
  await until(() => output().includes('inventory-2 is asked'));
  child.kill('SIGINT');
  assert.equal(await code, 0, output());
  assert.ok(!output().includes('\u001b'), output());
});

/** util-linux: runs a command on a terminal of its own. */
test('--watch on a terminal draws in place, and Ctrl-C gives the terminal back', {
  timeout,
  skip: process.platform === 'linux' ? programMissing('script') : 'its `script` takes other options',
}, async (t) => {
  const controls = sixteen();
  const { url } = await runAdmin(t, controls);
  const words = [process.execPath, ...aurelay, 'status', '--admin', url, '--watch', '0.1'];
  const command = `stty rows 24 cols 80; exec ${words.map((word) => `'${word}'`).join(' ')}`;
  const { child, code, output } = run(t, 'script', ['-qefc', command, '/dev/null'], { TERM: 'xterm' });
  await until(() => output().includes('epoch 7'));
  controls.change('inventory', { phase: 'promoting', reason: 'inventory-2 is asked', writer: null });
  await until(() => output().includes('inventory-2 is asked'));
  child.stdin?.write('\u0003');
  assert.equal(await code, 0, output());
  const pictures = output().split(inAlternateScreen);
  assert.equal(pictures.length, 2, 'it is entered once');
  assert.ok(output().includes('\u001b[32mhealthy\u001b[0m'), 'a terminal has colours');
  assert.ok(output().trimEnd().endsWith(outOfAlternateScreen), JSON.stringify(output().slice(-80)));
});
