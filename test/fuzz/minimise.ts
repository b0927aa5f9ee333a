import { performance } from 'node:perf_hooks';

/** The shortest input that was found for which `fails` still holds, within `budgetMs`; `input` fails. */
export function minimise(
  input: Uint8Array,
  fails: (shorter: Uint8Array) => boolean,
  budgetMs: number,
): Uint8Array {
  const deadline = performance.now() + budgetMs;
  const inTime = () => performance.now() < deadline;
  let best = input;
  for (let size = Math.ceil(best.length / 2); size >= 1 && inTime(); ) {
    let shrunk = false;
    for (let at = 0; at < best.length && inTime(); ) {
      const shorter = without(best, at, size);
      if (fails(shorter)) {
        best = shorter;
        shrunk = true;
      } else at += size;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!shrunk) break;
  }
  for (let at = 0; at < best.length && inTime(); at++) {
    if (best[at] === 0) continue;
    const plainer = best.slice();
    plainer[at] = 0;
    if (fails(plainer)) best = plainer;
  }
  return best;
}

function without(bytes: Uint8Array, at: number, count: number): Uint8Array {
  const rest = new Uint8Array(Math.max(0, bytes.length - Math.min(count, bytes.length - at)));
  rest.set(bytes.subarray(0, at));
  rest.set(bytes.subarray(at + count), at);
  return rest;
}
