/** What a screen is drawn on: `process.stdout`, where that is a terminal. */
export interface ScreenOutput {
  write(text: string): unknown;
}

/** `ESC [ ? … h` and `l` are DECSET and DECRST: 1049 the alternate screen, 25 the cursor, 7 wrapping at the edge. */
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';

/** The alternate screen of a terminal: what was there before comes back with `leave`. */
export class Screen {
  readonly #output: ScreenOutput;
  #entered = false;

  constructor(output: ScreenOutput) {
    this.#output = output;
  }

  /** Draws over what is shown, without clearing first, which would flicker. Lines beyond `rows` are counted instead. */
  show(text: string, rows: number): void {
    const lines = text.trimEnd().split('\n');
    const shown = lines.length <= rows ? lines : [...lines.slice(0, rows - 1), more(lines.length - rows + 1)];
    const start = this.#entered ? '' : enter;
    this.#entered = true;
    this.#output.write(`${start}${home}${shown.map((line) => line + clearLine).join('\r\n')}${clearBelow}`);
  }

  /** May be called twice. */
  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#output.write(leave);
  }
}

const more = (count: number): string =>
  `… ${count} more lines: \`aurelay status CLUSTER\` shows one cluster alone`;
