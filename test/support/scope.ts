import type { Cleanup } from './servers.ts';

/**
 * Cleanups of `t` that run last first, each in any outcome: node:test runs its own in the order of their registration,
 * which would stop servers before what is connected to them.
 */
export function scopeOf(t: { after(run: () => Promise<void>): void }): Cleanup {
  const cleanups: (() => Promise<void>)[] = [];
  t.after(async () => {
    const errors: unknown[] = [];
    for (const cleanup of cleanups.reverse()) await cleanup().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  });
  return { after: (cleanup) => void cleanups.push(cleanup) };
}

/** A scope that a program ends itself, where there is no test to do so. `end` runs the cleanups. */
export function openScope(): { readonly scope: Cleanup; readonly end: () => Promise<void> } {
  let end: () => Promise<void> = async () => {};
  const scope = scopeOf({
    after: (run) => {
      end = run;
    },
  });
  return { scope, end: () => end() };
}
