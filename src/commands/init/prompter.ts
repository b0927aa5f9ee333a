import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** The person pressed Ctrl-C (`interrupted`) or ended the input in the middle of a question. */
export class AnswersEnded extends Error {
  override readonly name = 'AnswersEnded';
  readonly interrupted: boolean;

  constructor(interrupted: boolean) {
    super(interrupted ? 'interrupted' : 'the input ended before everything was answered');
    this.interrupted = interrupted;
  }
}

export interface Question<Value> {
  readonly text: string;
  /** What an empty line stands for; null: it is asked again. */
  readonly usual: string | null;
  /** Not shown while it is typed. */
  readonly hidden?: true;
  /** Throws an `Error` whose message says what is wrong: it is told, and asked again. */
  readonly read: (text: string) => Value;
}

/**
 * Asks on a terminal. Each question has the terminal to itself and gives it back, so that in between Ctrl-C is the signal
 * that it is for every program.
 */
export class Prompter {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream;

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  tell(text: string): void {
    this.#output.write(`${text}\n`);
  }

  async ask<Value>({ text, usual, hidden, read }: Question<Value>): Promise<Value> {
    const shown = `${text}${usual === null || usual === '' ? '' : ` [${usual}]`}: `;
    for (;;) {
      const line = await this.#line(shown, hidden === true);
      const answer = hidden ? line : line.trim();
      if (answer === '' && usual === null) continue;
      try {
        return read(answer === '' ? (usual ?? '') : answer);
      } catch (error) {
        this.tell(`  ${(error as Error).message}`);
      }
    }
  }

  async #line(shown: string, hidden: boolean): Promise<string> {
    let muted = false;
    const output = new Writable({
      write: (chunk, _, done) => {
        if (!muted) this.#output.write(chunk);
        done();
      },
    });
    const lines = createInterface({ input: this.#input, output, terminal: true });
    try {
      return await new Promise<string>((resolve, reject) => {
        lines.once('SIGINT', () => reject(new AnswersEnded(true)));
        lines.once('close', () => reject(new AnswersEnded(false)));
        lines.question(shown).then(resolve, reject);
        muted = hidden;
      });
    } catch (error) {
      this.#output.write('\n');
      throw error;
    } finally {
      lines.close();
      if (hidden) this.#output.write('\n');
    }
  }
}

/** Null where nobody can be asked: questions go to standard error, so that standard output is for what was asked for. */
export const prompterOf = (input: NodeJS.ReadStream, output: NodeJS.WriteStream): Prompter | null =>
  input.isTTY === true && output.isTTY === true ? new Prompter(input, output) : null;
