import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { readyz } from '../support/running-aurelay.ts';
import { freePort } from '../support/servers.ts';

/** Where the log goes, as a real process writes it; the servers of its cluster answer nobody. */
interface Running {
  readonly child: ChildProcess;
  readonly file: string;
  readonly url: string;
  output(): string;
}

/** Beside a dozen compilers. */
const startingMs = 90_000;

interface Options {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A file in place of the pipe that the test reads. */
  readonly stdout?: string;
}

async function running(t: TestContext, { args = [], env = {}, stdout }: Options): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'aurelay-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [admin, writer, server] = await Promise.all([freePort(), freePort(), freePort()]);
  const file = join(folder, 'aurelay.yaml');
  writeFileSync(
    file,
    `admin: { listen: 127.0.0.1:${admin} }
log: { level: info }
clusters:
  orders:
    engine: postgres
    monitor: { user: aurelay, password: x }
    failover: { mode: observe }
    instances: { a: { address: 127.0.0.1:${server} } }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:${writer} } }
`,
  );
  const fd = stdout === undefined ? null : openSync(stdout, 'w');
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'start', '-c', file, ...args], {
    stdio: ['ignore', fd ?? 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  if (fd !== null) closeSync(fd);
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const url = `http://127.0.0.1:${admin}`;
  await eventually(
    'it answers',
    async () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${output}`);
      return (await readyz(url)) !== null;
    },
    startingMs,
  );
  return { child, file, url, output: () => output };
}

/** Has lines written, and sees that the process goes on. */
async function goesOnWriting({ child, url }: Running): Promise<void> {
  for (let round = 0; round < 5; round += 1) {
    const answer = await fetch(`${url}/api/v1/reload`, { method: 'POST' });
    assert.equal(answer.status, 200, await answer.text());
  }
  assert.equal(child.exitCode, null, 'it lives');
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null], 'it ends in order');
}

test('a log on a full disk loses lines, and stops nothing', async (t) => {
  await goesOnWriting(await running(t, { stdout: '/dev/full' }));
});

test('a reload changes the format, and a reader of the log that leaves stops nothing', async (t) => {
  const aurelay = await running(t, {});
  assert.match(aurelay.output(), /"event":"start"/);
  const text = readFileSync(aurelay.file, 'utf8');
  writeFileSync(aurelay.file, text.replace('level: info', 'level: info, format: pretty'));
  await fetch(`${aurelay.url}/api/v1/reload`, { method: 'POST' });
  await eventually('a line for people', () => /^[\d:.]+ INFO {2}config\.reloaded/m.test(aurelay.output()));
  aurelay.child.stdout?.destroy();
  await goesOnWriting(aurelay);
});

test('the format and the level of the command line hold, after a reload too', async (t) => {
  const args = ['--log-format', 'pretty'];
  const aurelay = await running(t, { args, env: { AURELAY_LOG_LEVEL: 'warn' } });
  await eventually('a warning', () => aurelay.output().includes('WARN  '));
  assert.match(aurelay.output(), /^[\d:.]+ (WARN |ERROR) [\w.-]+ {2}.+ cluster=orders/m);
  const text = readFileSync(aurelay.file, 'utf8');
  writeFileSync(aurelay.file, text.replace('level: info', 'level: debug, format: json'));
  const answer = await fetch(`${aurelay.url}/api/v1/reload`, { method: 'POST' });
  assert.match(await answer.text(), /log\.format|log\.level/);
  assert.doesNotMatch(aurelay.output(), /INFO|DEBUG|"event"/);
});

test('a level that is none is told of, with those that are', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli.ts', 'start', '-c', 'none.yaml'], {
    env: { ...process.env, AURELAY_LOG_LEVEL: 'loud' },
  });
  let output = '';
  child.stderr.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  assert.equal(code, 2);
  assert.match(output, /AURELAY_LOG_LEVEL.*debug, info, warn, error/s);
});
