import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockStateDir, StateDirInUse } from '../../src/control/state-lock.ts';

const since = new Date('2026-01-02T03:04:05Z');

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'aurelay-lock-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A process that holds the folder until it is killed. */
async function holder(t: TestContext, directory: string): Promise<ChildProcess> {
  const code = `import { lockStateDir } from './src/control/state-lock.ts';
    try { lockStateDir(${JSON.stringify(directory)}, new Date()); console.log('held'); setInterval(() => {}, 1000); }
    catch (error) { console.log(error.name); }`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function firstWord({ stdout }: ChildProcess): Promise<string> {
  assert(stdout !== null);
  const [chunk] = (await once(stdout, 'data')) as [Buffer];
  return chunk.toString().trim();
}

test('a folder that another process holds is refused, until that is gone, in whatever way', async (t) => {
  const directory = folder(t);
  const other = await holder(t, directory);
  assert.equal(await firstWord(other), 'held');
  assert.throws(
    () => lockStateDir(directory, since),
    (error) => error instanceof StateDirInUse && error.message.includes(`process ${other.pid},`),
  );
  other.kill('SIGKILL');
  await once(other, 'exit');
  lockStateDir(directory, since).release();
  assert.equal(readdirSync(directory).length, 1, 'the old ones are cleared away');
  const next = await holder(t, directory);
  assert.equal(await firstWord(next), 'held', 'it was released');
});

test('of several that find the lock of a dead process one has it', async (t) => {
  const directory = folder(t);
  writeLock(directory, { pid: 2 ** 22 + 1 });
  const all = await Promise.all([1, 2, 3, 4].map(() => holder(t, directory)));
  const words = await Promise.all(all.map(firstWord));
  assert.deepEqual(words.sort(), ['StateDirInUse', 'StateDirInUse', 'StateDirInUse', 'held']);
});

test('a number that came again, another machine and rubbish hold nothing', (t) => {
  const directory = folder(t);
  // Its number alone would say that it lives.
  const parent = { pid: process.ppid, started: null };
  writeLock(directory, parent);
  assert.throws(() => lockStateDir(directory, since), StateDirInUse);
  rmSync(current(directory));
  for (const changes of [
    { ...parent, started: '1' },
    { ...parent, boot: 'another' },
    { ...parent, pidNamespace: 'pid:[1]' },
  ]) {
    writeLock(directory, changes);
    lockStateDir(directory, since).release();
  }
  writeFileSync(current(directory), '{');
  lockStateDir(directory, since);
  assert.equal(JSON.parse(readFileSync(current(directory), 'utf8')).pid, process.pid);
});

/** The only one there is. */
function current(directory: string): string {
  const [name = '', ...others] = readdirSync(directory);
  assert.deepEqual(others, []);
  return join(directory, name);
}

/** A lock as this process writes it, but for `changes`. */
function writeLock(directory: string, changes: Readonly<Record<string, unknown>>): void {
  lockStateDir(directory, since);
  const path = current(directory);
  const own = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(path, JSON.stringify({ ...own, ...changes }));
}
