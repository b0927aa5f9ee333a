/** Where the lines of a text begin. */
export class Lines {
  readonly #text: string;
  readonly #starts: number[] = [0];

  constructor(text: string) {
    this.#text = text;
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** The number of the line that `offset` is in, from 1. */
  numberAt(offset: number): number {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  /** The line that `offset` is in, without its end. */
  spanAt(offset: number): { readonly from: number; readonly to: number } {
    const number = this.numberAt(offset);
    const next = this.#starts[number];
    return { from: this.#starts[number - 1] ?? 0, to: next === undefined ? this.#text.length : next - 1 };
  }
}
