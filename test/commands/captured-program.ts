import { Command } from 'commander';

/** The program of src/cli.ts as it stands there, without running it. */
export async function capturedProgram(): Promise<Command> {
  const { parseAsync } = Command.prototype;
  let captured: Command | null = null;
  Command.prototype.parseAsync = async function (this: Command) {
    captured = this;
    return this;
  };
  try {
    await import('../../src/cli.ts');
  } finally {
    Command.prototype.parseAsync = parseAsync;
  }
  if (captured === null) throw new Error('src/cli.ts parses nothing');
  return captured;
}
