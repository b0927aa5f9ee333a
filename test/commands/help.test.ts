import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { CommanderError } from 'commander';
import { capturedProgram } from './captured-program.ts';

const program = await capturedProgram();
const visible = program
  .createHelp()
  .visibleCommands(program)
  .filter((command) => command.name() !== 'help');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The command that would have run. */
  readonly ran: string | null;
}

/** What becomes of a command line; no command runs. */
async function outcomeOf(words: readonly string[]): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  let ran: string | null = null;
  for (const command of [program, ...program.commands]) {
    command.configureOutput({
      writeOut: (text) => {
        stdout += text;
      },
      writeErr: (text) => {
        stderr += text;
      },
    });
    if (command !== program) {
      command.action(() => {
        ran = command.name();
      });
    }
  }
  try {
    await program.parseAsync(words, { from: 'user' });
    return { code: 0, stdout, stderr, ran };
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return { code: error.exitCode, stdout, stderr, ran };
  }
}

/** The command lines that a help shows, without what a shell would do with them. */
function examplesIn(help: string): readonly string[] {
  const [, examples = ''] = /\nExamples?:\n((?: {2}.*\n?)+)/.exec(help) ?? [];
  return examples
    .split('\n')
    .map((line) =>
      line
        .trim()
        .replace(/^source <\((.*)\)$/, '$1')
        .replace(/ (\||\|\||&&|>) .*$/, ''),
    )
    .filter((line) => line !== '');
}

describe('the help', () => {
  for (const command of visible) {
    const name = command.name();
    test(`${name}: what it does, what it takes, and examples that it takes`, async () => {
      assert.match(command.description(), /^[a-z]/, 'in the tone of the others');
      const { code, stdout } = await outcomeOf([name, '--help']);
      assert.equal(code, 0);
      const examples = examplesIn(stdout);
      assert.ok(examples.length > 0, 'no example');
      for (const example of examples) {
        const [first, ...words] = example.split(/ +/);
        assert.equal(first, 'aurelay', example);
        const outcome = await outcomeOf(words);
        assert.deepEqual({ ...outcome, stdout: '' }, { code: 0, stdout: '', stderr: '', ran: name }, example);
      }
      assert.equal((await outcomeOf(['help', name])).stdout, stdout, `aurelay help ${name} is the same`);
    });
  }

  test('options have descriptions, and none is longer than two lines of a terminal', () => {
    for (const command of visible) {
      for (const { long, description } of command.options) {
        assert.match(description, /^\S.{0,140}$/, `${command.name()} ${long}`);
      }
    }
  });

  test('no command: the help', async () => {
    const { code, stderr } = await outcomeOf([]);
    assert.notEqual(code, 0);
    for (const command of visible) assert.match(stderr, new RegExp(`^ {2}${command.name()} `, 'm'));
  });

  test('a wrong command line is answered with what to do', async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['statsu', /unknown command 'statsu'\n\(Did you mean status\?\)\n\(`aurelay --help`/],
      ['status --wacth', /unknown option '--wacth'\n\(Did you mean --watch\?\)\n\(`aurelay status --help`/],
      ['switchover orders', /required option '--to <instance>' not specified\n\(`aurelay switchover --help`/],
      ['failover', /missing required argument 'cluster'\n\(`aurelay failover --help`/],
      ['failover orders users', /too many arguments for 'failover'.*\n\(`aurelay failover --help`/],
      [
        'demo --engine oracle',
        /'oracle' is invalid\. Allowed choices are postgres, mysql, both\.\n\(`aurelay demo/,
      ],
      ['demo --replicas many', /'many' is invalid\. It has to be a whole number from 1 to 15\./],
      ['completion tcsh', /Allowed choices are bash, zsh, fish\./],
    ];
    for (const [line, answer] of wrong) {
      const { code, stdout, stderr, ran } = await outcomeOf(line.split(' '));
      assert.match(stderr, answer, line);
      assert.deepEqual({ stdout, ran, failed: code !== 0 }, { stdout: '', ran: null, failed: true }, line);
    }
  });
});

test('a wrong command line ends with 2, on standard error; a reader that had enough is no failure', () => {
  const run = (line: string) =>
    spawnSync('bash', ['-c', `node --import tsx src/cli.ts ${line}`], {
      cwd: new URL('../..', import.meta.url),
      encoding: 'utf8',
    });
  const wrong = run('statsu');
  assert.deepEqual({ status: wrong.status, stdout: wrong.stdout }, { status: 2, stdout: '' });
  const cut = run('--help | true; exit $PIPESTATUS');
  assert.deepEqual({ status: cut.status, stderr: cut.stderr }, { status: 0, stderr: '' });
});
