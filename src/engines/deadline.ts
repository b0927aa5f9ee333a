import { performance } from 'node:perf_hooks';

export type Outcome<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** `latenessMs`: how long after the deadline this process got round to noticing. */
  | { readonly kind: 'expired'; readonly latenessMs: number };

/**
 * What became of `work` within `timeoutMs`. Never rejects, and never leaves a rejection of `work` unhandled.
 *
 * After a pause of the event loop the timer comes first, while the answer may lie in the socket since long: so the loop
 * gets to read its sockets once more before the deadline counts.
 */
export function withDeadline<Value>(work: Promise<Value>, timeoutMs: number): Promise<Outcome<Value>> {
  return new Promise((resolve) => {
    const deadline = performance.now() + timeoutMs;
    const timer = setTimeout(() => {
      const latenessMs = Math.max(0, performance.now() - deadline);
      setImmediate(() => resolve({ kind: 'expired', latenessMs }));
    }, timeoutMs);
    const settle = (outcome: Outcome<Value>): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    work.then(
      (value) => settle({ kind: 'done', value }),
      (error: unknown) => settle({ kind: 'failed', error }),
    );
  });
}
