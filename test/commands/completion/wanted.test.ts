import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Argument, Command, Option } from 'commander';
import { commandTree } from '../../../src/commands/completion/command-tree.ts';
import { clusterNames, instanceNames } from '../../../src/commands/completion/names.ts';
import { type Said, wanted } from '../../../src/commands/completion/wanted.ts';
import { clusterJson, instanceJson } from '../../admin/status-json.ts';

const program = new Command('aurelay').option('-v, --version', 'the version');
program
  .command('start')
  .requiredOption('-c, --config <file>', 'the configuration')
  .option('--json', 'as JSON');
program.command('status').argument('[cluster]').option('-w, --watch [seconds]', 'again and again');
program.command('switchover').argument('<cluster>').requiredOption('--to <instance>', 'the next writer');
program
  .command('demo')
  .addOption(new Option('--engine <engine>', 'which').choices(['postgres', 'mysql', 'both']))
  .option('--data <dir>', 'where')
  .option('--replicas <n>', 'how many');
program.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']));
program.command('__complete', { hidden: true }).argument('[words...]');
const tree = commandTree(program);

/** The candidates' values, or what else is wanted. */
function after(...words: string[]): readonly string[] | string {
  const what = wanted(tree, words);
  if (what.kind === 'these') return what.candidates.map(({ value }) => value);
  return 'before' in what ? `${what.kind} ${what.before}${what.begin}` : what.kind;
}

describe('what a word can become', () => {
  test('a command, but none that is hidden', () => {
    const commands = ['start', 'status', 'switchover', 'demo', 'completion', 'help'];
    assert.deepEqual(after(''), commands);
    assert.deepEqual(after('st'), ['start', 'status']);
    assert.deepEqual(after('help', 'sw'), ['switchover']);
    assert.deepEqual(after('_'), []);
    assert.deepEqual(after('--v'), ['--version']);
  });

  test('an option that is not there yet', () => {
    assert.deepEqual(after('start', '-'), ['--config', '--json', '--help']);
    assert.deepEqual(after('start', '--json', '--'), ['--config', '--help']);
    assert.deepEqual(after('start', '-c', 'FILE', '--c'), []);
    assert.deepEqual(after('start', '-cFILE', '--c'), []);
    assert.deepEqual(after('start', '--config=FILE', '--c'), []);
  });

  test('the value of an option', () => {
    assert.equal(after('start', '-c', ''), 'files');
    assert.equal(after('start', '--config=a'), 'files');
    assert.equal(after('demo', '--data', 'x'), 'folders');
    assert.deepEqual(after('demo', '--engine', 'p'), ['postgres']);
    assert.deepEqual(after('demo', '--engine=m'), ['--engine=mysql']);
    assert.deepEqual(after('demo', '--replicas', ''), []);
    assert.equal(after('switchover', 'orders', '--to', 'o'), 'instances o');
    assert.equal(after('switchover', 'orders', '--to=o'), 'instances --to=o');
    assert.deepEqual(after('start', '--json='), []);
    assert.deepEqual(after('start', '--no-such=x'), []);
  });

  test('an optional value, unless an option comes', () => {
    assert.deepEqual(after('status', '--watch', ''), []);
    assert.deepEqual(after('status', '--watch', '--h'), ['--help']);
    assert.equal(after('status', '--watch', '2', ''), 'clusters ');
  });

  test('an argument, and behind the last what is still required', () => {
    assert.equal(after('status', 'or'), 'clusters or');
    assert.deepEqual(after('status', 'orders', ''), []);
    assert.deepEqual(after('completion', ''), ['bash', 'zsh']);
    assert.deepEqual(after('switchover', 'orders', ''), ['--to']);
    assert.deepEqual(after('switchover', 'orders', '--to', 'orders-2', ''), []);
    assert.equal(after('switchover', '--to', 'orders-2', 'o'), 'clusters o');
    assert.equal(after('status', '--', ''), 'clusters ');
    assert.deepEqual(after('status', '--', '--w'), 'clusters --w');
  });

  test('nothing behind a command that there is not', () => {
    assert.deepEqual(after('no-such', ''), []);
    assert.deepEqual(after('no-such', '--'), []);
  });
});

describe('the names that a running Aurelay knows', () => {
  const cluster = (name: string) =>
    clusterJson({
      ...{ name, writer: `${name}-1`, phase: 'stable' },
      instances: [
        instanceJson({ id: `${name}-1`, role: 'writer' }),
        instanceJson({ id: `${name}-2`, drained: true }),
        instanceJson({ id: `${name}-3` }),
      ],
    });
  const clusters = [cluster('orders'), cluster('users')];
  const said = (command: string, given: readonly string[] = [], options = {}): Said => ({
    ...{ command, arguments: given, options: new Map<string, string>(Object.entries(options)) },
  });
  const instances = (...what: Parameters<typeof said>) =>
    instanceNames(clusters, said(...what)).map(({ value }) => value);

  test('clusters, with how they are', () => {
    assert.deepEqual(clusterNames(clusters, said('status')), [
      { value: 'orders', description: 'stable, writer orders-1' },
      { value: 'users', description: 'stable, writer users-1' },
    ]);
    const owners = clusterNames(clusters, said('drain', ['users-3']));
    assert.deepEqual(
      owners.map(({ value }) => value),
      ['users'],
    );
  });

  test('the instances for which a command has something to do', () => {
    assert.deepEqual(instances('switchover', ['orders']), ['orders-2', 'orders-3']);
    assert.deepEqual(instances('drain'), ['orders-1', 'orders-3', 'users-1', 'users-3']);
    assert.deepEqual(instances('drain', [], { '--cluster': 'users' }), ['users-1', 'users-3']);
    assert.deepEqual(instances('undrain'), ['orders-2', 'users-2']);
    assert.deepEqual(instances('switchover', ['no-such']), []);
  });
});
