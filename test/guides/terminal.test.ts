import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeTempFolder } from '../../src/demo/temp-folder.ts';
import { type ShellHost, Terminal } from './terminal.ts';

const hasShell = spawnSync('setsid', ['bash', '-c', 'true']).status === 0;
const skip = hasShell ? false : 'needs bash and setsid';

/** A terminal on this machine, and a way to run blocks in it. */
async function openTerminal(t: TestContext) {
  const folder = await makeTempFolder();
  t.after(() => folder.remove());
  const host: ShellHost = {
    openShell() {
      const shell = spawn('setsid', ['bash', '--noprofile', '--norc', '--noediting', '-i'], {
        env: { PATH: process.env.PATH, PS1: '', PS2: '' },
        stdio: 'pipe',
      });
      t.after(() => shell.pid !== undefined && end(shell.pid));
      return shell;
    },
    interrupt: async (group) => void process.kill(-group, 'SIGINT'),
  };
  const terminal = await Terminal.open(host);
  let blocks = 0;
  const run = async (
    script: string,
    options: { runsUntil?: string; goesOn?: boolean; deadlineMs?: number } = {},
  ) => {
    const file = join(folder.path, `${blocks++}.sh`);
    await writeFile(file, `${script}\n`);
    const { runsUntil = null, goesOn = false, deadlineMs = 20_000 } = options;
    return terminal.run(file, { runsUntil, stopsAtFailure: !goesOn, deadlineMs });
  };
  return { terminal, run };
}

function end(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

test('variables and the folder outlive a block, and the streams are in order', { skip }, async (t) => {
  const { run } = await openTerminal(t);
  assert.deepEqual(await run('cd / && name=value'), { kind: 'ended', status: 0, output: '' });
  const { output } = await run('echo "$PWD $name"; echo oops >&2; echo end');
  assert.equal(output, '/ value\noops\nend\n');
});

test('a command that fails ends its block, or only says so', { skip }, async (t) => {
  const { run, terminal } = await openTerminal(t);
  const told = await run('false; echo on; (exit 3)', { goesOn: true });
  assert.deepEqual(told, { kind: 'ended', status: 3, output: 'on\n' });
  const stopped = await run('echo before; (exit 4); echo after');
  assert.deepEqual(
    [stopped.kind === 'ended' && stopped.status, stopped.output.includes('after')],
    [4, false],
  );
  assert.ok(terminal.hasEnded);
});

test('a block that goes on is looked at, and ended by Ctrl-C', { skip }, async (t) => {
  const { run, terminal } = await openTerminal(t);
  const outcome = await run('for i in 1 2 3; do echo "line $i"; done; sleep 60; echo never', {
    runsUntil: 'line 2',
  });
  assert.equal(outcome.kind, 'running');
  assert.ok(terminal.isBusy);
  assert.ok(await terminal.interrupt());
  assert.ok(!terminal.isBusy);
  const { output } = await run('echo again');
  assert.equal(output, 'again\n');
});

test('what a running block prints is looked at once', { skip }, async (t) => {
  const { run, terminal } = await openTerminal(t);
  await run('echo begun; sleep 0.2; echo more; sleep 60', { runsUntil: 'begun' });
  assert.ok((await terminal.look((output) => output.includes('more'), 20_000)).isMet);
  assert.ok(!(await terminal.look((output) => output.includes('more'), 50)).isMet);
});

test('a block that takes too long is late', { skip }, async (t) => {
  const { run } = await openTerminal(t);
  assert.equal((await run('echo slow; sleep 60', { deadlineMs: 300 })).kind, 'late');
});

test('a block that ends before it was said to is told of with its status', { skip }, async (t) => {
  const { run } = await openTerminal(t);
  const outcome = await run('echo broken; (exit 1)', { runsUntil: 'ready', goesOn: true });
  assert.deepEqual(outcome, { kind: 'ended', status: 1, output: 'broken\n' });
});
