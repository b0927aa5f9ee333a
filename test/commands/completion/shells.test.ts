import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Shell } from '../../../src/commands/completion/scripts.ts';
import { fakeControls } from '../../admin/fake-controls.ts';
import { runAdmin } from '../../admin/running-admin.ts';
import { eventually } from '../../support/eventually.ts';
import { programMissing, runProgram } from '../../support/programs.ts';
import { scopeOf } from '../../support/scope.ts';

/** Completion as the person at the keyboard gets it: real shells, a terminal, the Tab key, a running admin API. */
const timeout = 120_000;
const cli = fileURLToPath(new URL('../../../src/cli.ts', import.meta.url));

/** A folder with `aurelay` in it and a file to complete, and the environment that finds both and the API. */
async function desk(t: TestContext): Promise<{ folder: string; env: Record<string, string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'aurelay-completion-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const aurelay = join(folder, 'aurelay');
  const loader = import.meta.resolve('tsx');
  await writeFile(aurelay, `#!/bin/sh\nexec '${process.execPath}' --import '${loader}' '${cli}' "$@"\n`);
  await chmod(aurelay, 0o755);
  await writeFile(join(folder, 'my config.yaml'), '');
  const { admin } = await runAdmin(t, fakeControls());
  const PATH = `${folder}:${process.env.PATH}`;
  return {
    folder,
    env: { PATH, AURELAY_ADMIN: `127.0.0.1:${admin.address.port}`, TERM: 'dumb', HOME: folder },
  };
}

/** Presses keys in an interactive shell that has read the script, each time waiting until the terminal shows what it should. */
async function typed(
  t: TestContext,
  shell: string,
  setup: string,
  linesOf: (admin: string) => readonly (readonly [keys: string, shown: string])[],
): Promise<void> {
  const { folder, env } = await desk(t);
  const terminal = spawn('script', ['-qec', shell, '/dev/null'], {
    ...{ cwd: folder, env, stdio: ['pipe', 'pipe', 'ignore'] },
  });
  const over = new Promise((resolve) => terminal.once('close', resolve));
  t.after(async () => {
    terminal.kill('SIGKILL');
    await over;
  });
  terminal.stdin.on('error', () => {});
  let screen = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text.replaceAll(bell, '');
  });
  const press = async (keys: string, shown: string): Promise<void> => {
    screen = '';
    terminal.stdin.write(keys);
    await eventually(shown, () => screen.includes(shown), timeout / 2).catch(() =>
      assert.fail(`${JSON.stringify(keys)} gave ${JSON.stringify(screen)}, not ${JSON.stringify(shown)}`),
    );
  };
  // Not as it is typed: the terminal echoes that.
  await press(`${setup}; echo read''y\n`, 'ready');
  // Ctrl-U takes the line back.
  for (const [keys, shown] of linesOf(env.AURELAY_ADMIN ?? '')) await press(`\u0015${keys}`, shown);
}

const bell = '\u0007';
const tab = '\t';
const lines = [
  [`aurelay switchover or${tab}`, 'aurelay switchover orders '],
  [`aurelay switchover orders --to orders-2${tab}`, '--to orders-2 '],
  [`aurelay demo --engine=p${tab}`, '--engine=postgres '],
  [`aurelay check -c my${tab}`, '-c my\\ config.yaml '],
] as const;

const skipOf = (shell: Shell) => programMissing(shell) || programMissing('script');

test('bash', { timeout, skip: skipOf('bash') }, (t) =>
  typed(t, 'bash --norc --noprofile -i', 'source <(aurelay completion bash)', (admin) => [
    ...lines,
    // The colon, at which bash breaks words, does not break the address.
    [`aurelay failovers --admin ${admin} or${tab}`, ' orders '],
    [`aurelay failov${tab}${tab}${tab}`, 'failovers'],
  ]),
);

test('zsh', { timeout, skip: skipOf('zsh') }, (t) =>
  typed(t, 'zsh -f -i', 'autoload -Uz compinit; compinit -u -D; source <(aurelay completion zsh)', () => [
    ...lines,
    [`aurelay check --config=my${tab}`, '--config=my\\ config.yaml '],
    [`aurelay failov${tab}${tab}`, '-- print what became'],
  ]),
);

test('fish', { timeout, skip: programMissing('fish') }, async (t) => {
  const { folder, env } = await desk(t);
  const asked = [
    'aurelay swit',
    'aurelay switchover orders --to ',
    'aurelay demo --engine=p',
    'aurelay check -c my',
  ];
  const script = ['aurelay completion fish | source', ...asked.map((line) => `complete -C '${line}'`)].join(
    '\n',
  );
  const { status, stdout, stderr } = await runProgram(scopeOf(t), 'fish', ['--no-config', '-c', script], {
    ...{ cwd: folder, env },
  });
  assert.equal(status, 0, stderr);
  assert.deepEqual(
    stdout.split('\n').map((line) => line.split('\t')[0]),
    ['switchover', 'orders-2', 'orders-3', '--engine=postgres', 'my config.yaml', ''],
  );
  assert.match(stdout, /orders-2\treplica, healthy/);
});

test('where no Aurelay answers there are no names, and no noise', async (t) => {
  const { folder, env } = await desk(t);
  const deaf = { ...env, AURELAY_ADMIN: '127.0.0.1:1' };
  const ask = ['__complete', '--', 'status', ''];
  const { status, stdout, stderr } = await runProgram(scopeOf(t), join(folder, 'aurelay'), ask, {
    env: deaf,
  });
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: ':these\n', stderr: '' });
});
