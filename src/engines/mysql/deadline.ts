import { performance } from 'node:perf_hooks';

export type Outcome<Value> =
  | { readonly kind: 'done'; readonly value: Value }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** `lateMs`: how long after the deadline this process got round to noticing. */
  | { readonly kind: 'expired'; readonly lateMs: number };

/**
 * What became of `work` within `timeoutMs`. Never rejects, and leaves no rejection of `work` unhandled.
 *
 * Where this process itself was held up, its timer comes first, while the answer may lie in the socket since long: the
 * event loop reads its sockets once more before the deadline counts.
 */
export function withDeadline<Value>(work: Promise<Value>, timeoutMs: number): Promise<Outcome<Value>> {
  return new Promise((resolve) => {
    const due = performance.now() + timeoutMs;
    const timer = setTimeout(() => {
      const lateMs = performance.now() - due;
      setImmediate(() => resolve({ kind: 'expired', lateMs }));
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
