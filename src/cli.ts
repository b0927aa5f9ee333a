#!/usr/bin/env node
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { completionScripts, type Shell, shells } from './commands/completion/scripts.ts';
import { endWithReader } from './commands/end-with-reader.ts';
import { exitCode } from './commands/exit-codes.ts';
import { tlsModes } from './config/tls.ts';
import { relayToUse } from './proxy/relay/create-relay.ts';
import { release, releaseLine } from './release.ts';

const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`It has to be a whole number from ${least} to ${most}.`);
    }
    return value;
  };

const seconds =
  (hint = '') =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= 0.1 && value <= 3600)) {
      throw new InvalidArgumentError(`It has to be seconds, from 0.1 to 3600${hint}.`);
    }
    return value;
  };

/** The code of a command is read when it is run: the help, the version and completion answer at once. */
const entering =
  <Given extends unknown[]>(load: () => Promise<(...given: Given) => void | Promise<void>>) =>
  async (...given: Given): Promise<void> =>
    (await load())(...given);

const configOption = () => new Option('-c, --config <file>', 'the configuration').makeOptionMandatory();
const jsonOption = () => new Option('--json', 'print JSON for programs');
/** How the commands find a running Aurelay, and show that they may. */
const reaching = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--admin <address>',
        'where a running Aurelay’s admin API listens, or https://… (default: "127.0.0.1:8080", or what -c says)',
      ).env('AURELAY_ADMIN'),
    )
    .addOption(new Option('-c, --config <file>', 'its configuration: gives address, token and certificate'))
    .addOption(
      new Option('--token-file <file>', 'a file with its token; AURELAY_TOKEN has the token itself').env(
        'AURELAY_TOKEN_FILE',
      ),
    )
    .addOption(
      new Option('--ca <file>', 'the authority of its certificate, or that itself, as PEM').env('AURELAY_CA'),
    )
    .addOption(jsonOption());

function printVersion(): never {
  const line = releaseLine(release, process.version, relayToUse(process.env));
  program.configureOutput().writeOut?.(`aurelay ${line}\n`);
  throw new CommanderError(exitCode.done, 'commander.version', line);
}

const program = new Command('aurelay')
  .description('Cluster endpoints with automatic failover for PostgreSQL and MySQL.')
  .option('-v, --version', 'print version and build')
  .on('option:version', printVersion)
  .showHelpAfterError('(`aurelay --help` lists the commands)')
  .showSuggestionAfterError()
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 it failed or was refused, 2 the command line is wrong, 3 `status --check` or `doctor` found something.',
  )
  // Before the commands, which inherit it.
  .exitOverride();

program
  .command('start')
  .description('answer on the endpoints of a configuration until SIGTERM')
  .addOption(configOption())
  .addOption(
    new Option('--log-level <level>', 'the least important lines that are logged, whatever the file says')
      .choices(['debug', 'info', 'warn', 'error'])
      .env('AURELAY_LOG_LEVEL'),
  )
  .addOption(
    new Option('--log-format <format>', 'how; auto: pretty on a terminal, else json')
      .choices(['auto', 'json', 'pretty'])
      .env('AURELAY_LOG_FORMAT'),
  )
  .addHelpText(
    'after',
    '\nExamples:\n  aurelay start -c /etc/aurelay/aurelay.yaml\n  aurelay start -c aurelay.yaml --log-level debug',
  )
  .action(entering(async () => (await import('./commands/start.ts')).start));

program
  .command('check')
  .description('read a configuration and print every error in it; exits with 1 if there is one')
  .addOption(configOption())
  .addOption(jsonOption())
  .addHelpText(
    'after',
    '\nExamples:\n  aurelay check -c aurelay.yaml\n  aurelay check -c aurelay.yaml --json | jq .',
  )
  .action(entering(async () => (await import('./commands/check.ts')).check));

program
  .command('init')
  .description('find a cluster from one of its servers, and write a first configuration for it')
  .option('--address <host:port>', 'one of its servers, whichever')
  .addOption(
    new Option('--engine <engine>', 'what answers there (default: as it says)').choices([
      'postgres',
      'mysql',
    ]),
  )
  .option('--user <user>', 'whom Aurelay logs in as (docs/servers.md has the grants)')
  .option(
    '--password-file <file>',
    'its password, alone in a file; else AURELAY_MONITOR_PASSWORD, else it is asked for',
  )
  .option('--database <name>', 'PostgreSQL: the database to log in to (default: "postgres")')
  .option(
    '--instance <[name=]host:port>',
    'one more server, which the others cannot name; repeatable',
    (text: string, before: readonly string[] = []) => [...before, text],
  )
  .option('--cluster <name>', 'what to call the cluster')
  .addOption(
    new Option(
      '--mode <mode>',
      'who promotes: Aurelay, or somebody else (default: asked, else observe)',
    ).choices(['automatic', 'observe']),
  )
  .addOption(
    new Option('--server-tls <mode>', 'TLS to the servers, as libpq’s sslmode (default: prefer)').choices(
      tlsModes,
    ),
  )
  .option('--server-ca <file>', 'the authority of their certificates (PEM); implies verify-full')
  .option('--listen-host <host>', 'where the endpoints listen', '127.0.0.1')
  .option(
    '--listen-port <port>',
    'the first port for them, where it is free (default: 6432, MySQL 6306)',
    wholeNumber(1, 65_535),
  )
  .option('--admin-port <port>', 'the same for the admin API', wholeNumber(1, 65_535), 8080)
  .option('--state-dir <dir>', 'where Aurelay keeps what outlives a restart')
  .option('-o, --output <file>', 'the configuration; - is standard output (default: aurelay.yaml)')
  .option('--force', 'replace an existing file')
  .addOption(new Option('--json', 'print what was found as JSON; writes a file only with --output'))
  .addHelpText(
    'after',
    '\nOn a terminal it asks for what is not given.\n\nExamples:\n  aurelay init\n' +
      '  aurelay init --address db1:5432 --user aurelay --password-file /run/secrets/aurelay --mode automatic\n' +
      '  aurelay init --address 127.0.0.1:5433 --instance orders-2=127.0.0.1:5434 --user aurelay --json',
  )
  .action(entering(async () => (await import('./commands/init.ts')).init));

program
  .command('doctor')
  .description(
    'connect to every server of a configuration and say what would go wrong, with the fix; changes nothing',
  )
  .addOption(configOption())
  .option('--cluster <cluster>', 'only this cluster')
  .addOption(
    new Option('--timeout <seconds>', 'how long one server may take to answer everything')
      .argParser(seconds())
      .default(10),
  )
  .option('--verbose', 'list what passed, and what could not be checked, too')
  .addOption(jsonOption())
  .addHelpText(
    'after',
    '\nExits with 3 where an error was found: a failover would break, commits be lost, or sessions be refused.' +
      '\n\nExamples:\n  aurelay doctor -c /etc/aurelay/aurelay.yaml\n  aurelay doctor -c aurelay.yaml --cluster orders --json | jq .findings',
  )
  .action(entering(async () => (await import('./commands/doctor.ts')).doctor));

reaching(program.command('status'))
  .description('show every cluster, or one: phase, epoch, writer, instances, endpoints')
  .argument('[cluster]')
  .addOption(
    new Option('-w, --watch [seconds]', 'show it again and again, in place on a terminal, until Ctrl-C')
      .argParser(seconds('; a cluster is named before it'))
      .preset('2'),
  )
  .addOption(
    new Option('--check', 'print only what is not well; exits with 3 where something is not').conflicts(
      'watch',
    ),
  )
  .addHelpText(
    'after',
    '\nExamples:\n  aurelay status orders --watch\n  aurelay status --check || mail -s "database" ops@example.com',
  )
  .action(entering(async () => (await import('./commands/status.ts')).status));

reaching(program.command('failover'))
  .description('put another instance in the place of the writer; in order where the writer still answers')
  .argument('<cluster>')
  .option('--force', 'promote the best that answers, though commits that clients were told of may be lost')
  .addHelpText('after', '\nExample:\n  aurelay failover orders')
  .action(entering(async () => (await import('./commands/operate.ts')).failover));

reaching(program.command('switchover'))
  .description('hand the office of a living writer to an instance, losing nothing')
  .argument('<cluster>')
  .requiredOption('--to <instance>', 'the next writer')
  .option('--dry-run', 'only say whether it could be done now')
  .addHelpText(
    'after',
    '\nExamples:\n  aurelay switchover orders --to orders-2 --dry-run\n  aurelay switchover orders --to orders-2',
  )
  .action(entering(async () => (await import('./commands/operate.ts')).switchover));

reaching(program.command('failovers'))
  .description('print what became of each change of the writer: phases, positions, losses, refusals')
  .argument('<cluster>')
  .addHelpText(
    'after',
    '\nExamples:\n  aurelay failovers orders\n  aurelay failovers orders --json | jq .[0].lost',
  )
  .action(entering(async () => (await import('./commands/operate.ts')).failovers));

for (const drained of [true, false]) {
  reaching(program.command(drained ? 'drain' : 'undrain'))
    .description(
      drained
        ? 'give an instance no new connections, and do not promote it'
        : 'give a drained instance connections again',
    )
    .argument('<instance>')
    .option('--cluster <cluster>', 'where several clusters have an instance of this name')
    .addHelpText('after', `\nExample:\n  aurelay ${drained ? 'drain' : 'undrain'} orders-2`)
    .action(async (instance: string, options) => {
      const { drain } = await import('./commands/operate.ts');
      await drain(instance, drained, options);
    });
}

reaching(program.command('reload'))
  .description('have a running Aurelay read its configuration again; nothing changes where it cannot be used')
  .addHelpText('after', '\nExample:\n  aurelay reload -c /etc/aurelay/aurelay.yaml')
  .action(entering(async () => (await import('./commands/operate.ts')).reload));

reaching(program.command('events'))
  .description('print what happened to the clusters, oldest first')
  .option('-f, --follow', 'go on with what happens from now on, over restarts of Aurelay too, until Ctrl-C')
  .option('--since <seq>', 'only events after this number', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
  .addHelpText(
    'after',
    '\nExamples:\n  aurelay events --since 120\n  aurelay events --follow --json | jq .message',
  )
  .action(entering(async () => (await import('./commands/events.ts')).events));

program
  .command('demo')
  .description('start a real replicated cluster on this machine, with Aurelay in front of it')
  .addOption(
    new Option('--engine <engine>', 'which servers')
      .choices(['postgres', 'mysql', 'both'])
      .default('postgres'),
  )
  .option('--replicas <n>', 'replicas beside the writer', wholeNumber(1, 15), 2)
  .option(
    '--write-quorum <n>',
    'copies, the writer among them, that have a commit before its client is told',
    wholeNumber(2, 16),
  )
  .option('--data <dir>', 'keep the data here, one folder an instance (otherwise it is removed at the end)')
  .addHelpText(
    'after',
    '\nExamples:\n  aurelay demo\n  aurelay demo --engine both --replicas 3 --data ./demo-data',
  )
  .action(entering(async () => (await import('./commands/demo.ts')).demo));

program
  .command('completion')
  .description(
    'print the script with which a shell completes commands, options, and names of clusters and instances',
  )
  .addArgument(new Argument('<shell>', 'which one').choices(shells))
  .addHelpText(
    'after',
    '\nExamples:\n  source <(aurelay completion bash)\n  aurelay completion fish > ~/.config/fish/completions/aurelay.fish',
  )
  .action((shell: Shell) => void process.stdout.write(completionScripts[shell]));

for (const command of program.commands) {
  command.showHelpAfterError(`(\`aurelay ${command.name()} --help\` says what it takes)`);
}

// What those scripts ask.
program
  .command('__complete', { hidden: true })
  .argument('[words...]')
  .action(async (words: string[]) => {
    const { complete } = await import('./commands/completion/complete.ts');
    await complete(program, words);
  });

endWithReader();
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Help and the version come this way too.
  process.exitCode = error.exitCode === 0 ? exitCode.done : exitCode.usage;
}
