/** Where the demo writes; `process.stdout` is one. */
export interface DemoOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Lines on a person's screen; with colours on a terminal only, and not where `NO_COLOR` is set (no-color.org). */
export class DemoScreen {
  readonly #output: DemoOutput;
  readonly #startedAt = Date.now();
  readonly #hasColours: boolean;

  constructor(output: DemoOutput) {
    this.#output = output;
    this.#hasColours = output.isTTY === true && !process.env.NO_COLOR;
    // A closed terminal or pipe must not take the demo down before it has stopped its servers.
    output.on?.('error', () => {});
  }

  bold = (text: string): string => this.#paint('1', text);
  dim = (text: string): string => this.#paint('2', text);

  print(text: string): void {
    this.#output.write(`${text}\n`);
  }

  /** A line with the seconds since the start in front. */
  progress = (line: string): void => {
    const seconds = `${((Date.now() - this.#startedAt) / 1000).toFixed(1)} s`.padStart(8);
    this.print(`${this.dim(seconds)}  ${line}`);
  };

  #paint(code: string, text: string): string {
    return this.#hasColours ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}
