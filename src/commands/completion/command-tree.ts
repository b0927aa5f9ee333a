import type { Argument, Command, Option } from 'commander';

/** What may stand somewhere on a command line. */
export type Values =
  | { readonly kind: 'choices'; readonly choices: readonly string[] }
  | { readonly kind: 'files' | 'folders' | 'clusters' | 'instances' | 'commands' | 'text' };

export interface OptionShape {
  /** `-c`, `--config`. */
  readonly flags: readonly string[];
  readonly description: string;
  readonly takes: 'nothing' | 'optional' | 'value';
  readonly values: Values;
  readonly required: boolean;
}

export interface CommandShape {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionShape[];
  readonly arguments: readonly Values[];
}

/** The commands as completion sees them. `program`: the options that stand before any command. */
export interface CommandTree {
  readonly program: CommandShape;
  readonly commands: readonly CommandShape[];
}

/** Read from the program itself, so that a new command or option is completed without another word. */
export function commandTree(program: Command): CommandTree {
  const visible = program.createHelp().visibleCommands(program);
  return { program: shapeOf(program), commands: visible.map(shapeOf) };
}

function shapeOf(command: Command): CommandShape {
  const isHelp = command.parent === null && command.name() === 'help';
  return {
    name: command.name(),
    description: command.description(),
    options: command.createHelp().visibleOptions(command).map(optionShape),
    arguments: isHelp ? [{ kind: 'commands' }] : command.registeredArguments.map(argumentValues),
  };
}

const optionShape = (option: Option): OptionShape => ({
  flags: [option.short, option.long].filter((flag) => flag !== undefined),
  description: option.description,
  takes: option.required ? 'value' : option.optional ? 'optional' : 'nothing',
  values: valuesOf(/[<[]([\w-]+)[>\]]/.exec(option.flags)?.[1] ?? '', option.argChoices),
  required: option.mandatory,
});

const argumentValues = (argument: Argument): Values => valuesOf(argument.name(), argument.argChoices);

/** A placeholder says what it stands for: `<file>`, `<cluster>`. */
function valuesOf(placeholder: string, choices: readonly string[] | undefined): Values {
  if (choices !== undefined) return { kind: 'choices', choices };
  switch (placeholder) {
    case 'file':
      return { kind: 'files' };
    case 'dir':
      return { kind: 'folders' };
    case 'cluster':
      return { kind: 'clusters' };
    case 'instance':
      return { kind: 'instances' };
    case 'command':
      return { kind: 'commands' };
    default:
      return { kind: 'text' };
  }
}
