/** A line of a chart: values at the times of the history, null where unknown. */
export type Values = readonly (number | null)[];

/** Round numbers for an axis from 0 to at least `largest`: 4 steps at most, of 1, 2 or 5 times a power of ten. */
export function ticksTo(largest: number, atLeast: number): readonly number[] {
  const top = Math.max(largest, atLeast);
  const rough = top / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999) ?? rough;
  const count = Math.ceil(top / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

export interface Plane {
  readonly width: number;
  readonly height: number;
  /** Milliseconds since 1970 at the left and the right edge. */
  readonly from: number;
  readonly to: number;
  /** The value at the upper edge; 0 is at the lower one. */
  readonly top: number;
}

export const xOf = ({ width, from, to }: Plane, at: number): number => ((at - from) / (to - from)) * width;
export const yOf = ({ height, top }: Plane, value: number): number =>
  height - (Math.min(value, top) / top) * height;

/**
 * An SVG path with a gap wherever a value is unknown or a sample is missing: where nobody looked, no line pretends that
 * somebody did. A value that stands alone is a short stroke.
 */
export function linePath(plane: Plane, at: readonly number[], values: Values, gapMs: number): string {
  let path = '';
  let last: number | null = null;
  at.forEach((moment, index) => {
    const value = values[index] ?? null;
    if (value === null || moment < plane.from) {
      last = null;
      return;
    }
    const joins = last !== null && moment - last <= gapMs;
    const x = round(xOf(plane, moment));
    const y = round(yOf(plane, value));
    path += joins ? `L${x} ${y}` : `M${x} ${y}h.01`;
    last = moment;
  });
  return path;
}

/** The index of the sample nearest to a moment; null where there is none. */
export function nearest(at: readonly number[], moment: number): number | null {
  if (at.length === 0) return null;
  let best = 0;
  at.forEach((candidate, index) => {
    if (Math.abs(candidate - moment) < Math.abs((at[best] ?? 0) - moment)) best = index;
  });
  return best;
}

/** Runs of the same letter, for a strip: where each begins and ends in per cent of the whole. */
export function runsOf(
  letters: string,
): readonly { readonly letter: string; readonly from: number; readonly to: number }[] {
  const runs: { letter: string; from: number; to: number }[] = [];
  for (let index = 0; index < letters.length; index += 1) {
    const letter = letters[index] ?? '.';
    const run = runs.at(-1);
    const to = ((index + 1) / letters.length) * 100;
    if (run?.letter === letter) run.to = to;
    else runs.push({ letter, from: (index / letters.length) * 100, to });
  }
  return runs;
}

const round = (value: number): number => Math.round(value * 10) / 10;
