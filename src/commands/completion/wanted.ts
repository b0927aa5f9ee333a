import type { CommandShape, CommandTree, OptionShape, Values } from './command-tree.ts';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** What the word under the cursor can become. */
export type Wanted = KnownWanted | NamesWanted;

export type KnownWanted =
  | { readonly kind: 'these'; readonly candidates: readonly Candidate[] }
  | { readonly kind: 'files' | 'folders' };

/** Names that a running Aurelay knows. */
export interface NamesWanted {
  readonly kind: 'clusters' | 'instances';
  /** Comes before each name, and what the name begins with: `--to=` and `orders-`. */
  readonly before: string;
  readonly begin: string;
  readonly said: Said;
}

/** What stands on the command line already. */
export interface Said {
  readonly command: string;
  readonly arguments: readonly string[];
  /** By their long flag: `--admin`. */
  readonly options: ReadonlyMap<string, string>;
}

const nothing: Wanted = { kind: 'these', candidates: [] };

/**
 * `words`: what stands behind the program's name up to the cursor; the last is the word to complete, perhaps empty. Words
 * that are wrong are not complained of: nothing is wanted then.
 */
export function wanted(tree: CommandTree, words: readonly string[]): Wanted {
  const reader = new LineReader(tree);
  for (const word of words.slice(0, -1)) reader.read(word);
  return reader.wanted(words.at(-1) ?? '');
}

/** Goes over the words as commander does. */
class LineReader {
  readonly #tree: CommandTree;
  readonly #arguments: string[] = [];
  readonly #options = new Map<OptionShape, string>();
  #command: CommandShape | null = null;
  #isLost = false;
  #onlyArguments = false;
  /** The next word is its value. */
  #pending: OptionShape | null = null;

  constructor(tree: CommandTree) {
    this.#tree = tree;
  }

  read(word: string): void {
    const pending = this.#pending;
    this.#pending = null;
    if (pending !== null && (pending.takes === 'value' || !word.startsWith('-'))) {
      this.#options.set(pending, word);
    } else if (this.#isOption(word)) this.#readOption(word);
    else if (this.#command === null) this.#readCommand(word);
    else this.#arguments.push(word);
  }

  #isOption(word: string): boolean {
    return !this.#onlyArguments && word.startsWith('-') && word !== '-';
  }

  #readOption(word: string): void {
    if (word === '--') {
      this.#onlyArguments = true;
      return;
    }
    const { flag, value } = splitOption(word);
    const option = this.#option(flag);
    if (option === undefined) return;
    this.#options.set(option, value ?? '');
    if (option.takes !== 'nothing' && value === null) this.#pending = option;
  }

  #readCommand(word: string): void {
    this.#command = this.#tree.commands.find(({ name }) => name === word) ?? null;
    this.#isLost ||= this.#command === null;
  }

  #option(flag: string): OptionShape | undefined {
    return this.#shape().options.find(({ flags }) => flags.includes(flag));
  }

  #shape(): CommandShape {
    return this.#command ?? this.#tree.program;
  }

  wanted(word: string): Wanted {
    if (this.#isLost) return nothing;
    const pending = this.#pending;
    if (pending !== null && (pending.takes === 'value' || !word.startsWith('-'))) {
      return this.#valueWanted(pending.values, '', word);
    }
    if (this.#isOption(word) || (word === '-' && !this.#onlyArguments)) return this.#optionWanted(word);
    if (this.#command === null) return this.#valueWanted({ kind: 'commands' }, '', word);
    const values = this.#command.arguments[this.#arguments.length];
    if (values !== undefined) return this.#valueWanted(values, '', word);
    return word === '' && !this.#onlyArguments ? these(this.#unused().filter(isRequired)) : nothing;
  }

  #optionWanted(word: string): Wanted {
    const { flag, value } = splitOption(word);
    if (value !== null && flag.startsWith('--')) {
      const option = this.#option(flag);
      if (option === undefined || option.takes === 'nothing') return nothing;
      return this.#valueWanted(option.values, `${flag}=`, value);
    }
    return these(this.#unused().filter(({ value: long }) => long.startsWith(word)));
  }

  #unused(): (Candidate & Pick<OptionShape, 'required'>)[] {
    return this.#shape()
      .options.filter((option) => !this.#options.has(option))
      .map(({ flags, description, required }) => ({ value: flags.at(-1) ?? '', description, required }));
  }

  #valueWanted(values: Values, before: string, begin: string): Wanted {
    switch (values.kind) {
      case 'text':
        return nothing;
      case 'files':
      case 'folders':
        return { kind: values.kind };
      case 'clusters':
      case 'instances':
        return { kind: values.kind, before, begin, said: this.#said() };
      case 'choices':
        return begun(
          values.choices.map((value) => ({ value, description: '' })),
          before,
          begin,
        );
      case 'commands':
        return begun(
          this.#tree.commands.map(({ name, description }) => ({ value: name, description })),
          before,
          begin,
        );
    }
  }

  #said(): Said {
    const options = [...this.#options].map(([{ flags }, value]) => [flags.at(-1) ?? '', value] as const);
    return { command: this.#command?.name ?? '', arguments: this.#arguments, options: new Map(options) };
  }
}

const isRequired = ({ required }: { readonly required: boolean }): boolean => required;

/** `--engine=postgres`, `-cFILE`. */
function splitOption(word: string): { readonly flag: string; readonly value: string | null } {
  if (!word.startsWith('--')) return { flag: word.slice(0, 2), value: word.slice(2) || null };
  const at = word.indexOf('=');
  return at === -1 ? { flag: word, value: null } : { flag: word.slice(0, at), value: word.slice(at + 1) };
}

const these = (candidates: readonly Candidate[]): Wanted => ({
  kind: 'these',
  candidates: candidates.map(({ value, description }) => ({ value, description })),
});

/** Those that begin so, with what stands before them. */
export const begun = (all: readonly Candidate[], before: string, begin: string): KnownWanted => ({
  kind: 'these',
  candidates: all
    .filter(({ value }) => value.startsWith(begin))
    .map(({ value, description }) => ({ value: `${before}${value}`, description })),
});
