import { Command } from 'commander';

/**
 * `node --import tsx command-lines.ts`: reads command lines, a JSON array of words each line, and answers each with a line:
 * null, or what the command line of Aurelay says against it. Nothing is run. The first answer describes the commands:
 * `{ NAME: [FLAG, …] }`. Answers begin with `@`: a version prints itself.
 */
async function captured(): Promise<Command> {
  const parse = Command.prototype.parseAsync;
  const program = new Promise<Command>((resolve) => {
    Command.prototype.parseAsync = function (this: Command) {
      resolve(this);
      return Promise.resolve(this);
    };
  });
  await import('../../src/cli.ts');
  const found = await program;
  Command.prototype.parseAsync = parse;
  return found;
}

const answer = (value: unknown): void => console.log(`@${JSON.stringify(value)}`);
const program = await captured();
const quiet = { writeOut: () => {}, writeErr: () => {} };
for (const command of [program, ...program.commands]) {
  command.exitOverride().configureOutput(quiet);
  if (command !== program) command.action(() => {});
}
const flagsOf = (command: Command): string[] =>
  command.options.flatMap(({ long, short }) => [long, short].filter((flag) => typeof flag === 'string'));
const all = program.commands.map((command) => [command.name(), [...flagsOf(command), '--help', '-h']]);
answer({ ...Object.fromEntries(all), help: [], '': [...flagsOf(program), '--help', '-h'] });

let text = '';
for await (const chunk of process.stdin) text += chunk;
for (const line of text.split('\n').filter((row) => row !== '')) {
  try {
    await program.parseAsync(JSON.parse(line) as string[], { from: 'user' });
    answer(null);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    const isAnswer = code === 'commander.helpDisplayed' || code === 'commander.version';
    answer(isAnswer ? null : message);
  }
}
