import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort } from '../support/servers.ts';

/** A dozen processes, one after the other, beside whatever else this machine does. */
const deadline = 120_000;

interface Run {
  readonly child: ChildProcess;
  output(): string;
  readonly code: Promise<number | null>;
}

function aurelay(t: TestContext, ...args: string[]): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', ...args]);
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  return { child, output: () => output, code: once(child, 'close').then(([code]) => code as number | null) };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`never: ${what}`);
}

/** A cluster of which nobody answers. */
async function deadCluster(t: TestContext, listen?: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-start-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [admin, writer, a, b] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const file = join(folder, 'aurelay.yaml');
  writeFileSync(
    file,
    `admin: { listen: 127.0.0.1:${admin} }
state_dir: ${join(folder, 'state')}
clusters:
  orders:
    engine: postgres
    monitor: { user: aurelay, password: not-to-be-seen }
    failover: { mode: automatic }
    instances: { a: { address: 127.0.0.1:${a} }, b: { address: 127.0.0.1:${b} } }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:${listen ?? writer} } }
`,
  );
  return file;
}

test('a SIGTERM before there is a writer ends it in order', { timeout: deadline }, async (t) => {
  const run = aurelay(t, 'start', '-c', await deadCluster(t));
  await until('a probe failed', () => run.output().includes('instance.down'));
  run.child.kill('SIGTERM');
  assert.equal(await run.code, 0);
  assert.match(run.output(), /shutdown\.drained/);
  assert.doesNotMatch(run.output(), /fatal|not-to-be-seen/);
});

test('a second one on the same state_dir is refused, and told which has it', {
  timeout: deadline,
}, async (t) => {
  const file = await deadCluster(t);
  const first = aurelay(t, 'start', '-c', file);
  await until('it has started', () => first.output().includes('admin.listening'));
  const second = aurelay(t, 'start', '-c', file);
  assert.equal(await second.code, 1);
  assert.match(
    second.output(),
    new RegExp(`state_dir .* in use by another Aurelay .process ${first.child.pid},`),
  );
  assert.equal(first.child.exitCode, null);
});

test('a port that is taken stops the start, with its name and what to do', {
  timeout: deadline,
}, async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as { port: number };
  const run = aurelay(t, 'start', '-c', await deadCluster(t, port));
  assert.equal(await run.code, 1);
  assert.match(run.output(), new RegExp(`writer.*127\\.0\\.0\\.1:${port}`));
});

test('mistakes at the command line are told, and exit with 2; what cannot be done with 1', {
  timeout: deadline,
}, async (t) => {
  const cases: [number, string[], RegExp][] = [
    [1, ['start', '-c', 'nowhere.yaml'], /cannot be read.*nowhere\.yaml/],
    [1, ['check', '-c', 'nowhere.yaml'], /cannot be read.*nowhere\.yaml/],
    [2, ['statsu'], /unknown command.*\n.*status/],
    [2, ['switchover', 'orders'], /--to/],
    [2, ['demo', '--replicas', '99'], /from 1 to 15/],
    [2, ['status', '--watch', 'orders'], /from 0\.1 to 3600; a cluster is named before it/],
    [2, ['status', '--watch', '--check'], /cannot be used with/],
    [0, ['status', '--help'], /Examples:\n {2}aurelay status/],
    [1, ['status', '--admin', '127.0.0.1:1'], /nothing answers at http:\/\/127\.0\.0\.1:1/],
    [1, ['status', '--watch', '--admin', '127.0.0.1:1'], /nothing answers at http:\/\/127\.0\.0\.1:1/],
  ];
  for (const [code, args, words] of cases) {
    const run = aurelay(t, ...args);
    assert.equal(await run.code, code, args.join(' '));
    assert.match(run.output(), words, args.join(' '));
  }
});
