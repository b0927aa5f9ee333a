const longest = 64;

/** The candidate that `written` was most likely meant to be; null where none is close. */
export function suggest(written: string, candidates: Iterable<string>): string | null {
  if (written.length > longest) return null;
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate === written || candidate.length > longest) continue;
    const distance = plain(written) === plain(candidate) ? 0 : editDistance(written, candidate);
    const limit = Math.max(1, Math.floor(Math.max(written.length, candidate.length) / 3));
    if (distance > limit || distance >= bestDistance || distance >= candidate.length) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** `maxLag`, `max-lag` and `MAX_LAG` are all spellings of `max_lag`. */
const plain = (text: string): string => text.toLowerCase().replace(/[-_ ]/g, '');

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, one each. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        cell(last, column) + 1,
        cell(current, column - 1) + 1,
        cell(last, column - 1) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, cell(beforeLast, column - 2) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return cell(last, b.length);
}

const cell = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;
