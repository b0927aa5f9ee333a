import type { Missing } from '../../discovery/topology.ts';

/** Which servers a person is still to be asked for: several may look the same, and each is asked for once. */
export class OpenQuestions {
  readonly #closed = new Map<string, number>();

  /** Null: everything was asked. */
  next(unseen: readonly Missing[]): Missing | null {
    const met = new Map<string, number>();
    for (const one of unseen) {
      const key = keyOf(one);
      const before = met.get(key) ?? 0;
      if (before >= (this.#closed.get(key) ?? 0)) return one;
      met.set(key, before + 1);
    }
    return null;
  }

  /** Nobody knows: it stays unseen. */
  close(one: Missing): void {
    this.#closed.set(keyOf(one), (this.#closed.get(keyOf(one)) ?? 0) + 1);
  }
}

/** Whether one like it is unseen no more. */
export function isAnswered(one: Missing, before: readonly Missing[], after: readonly Missing[]): boolean {
  const alike = (unseen: readonly Missing[]) => unseen.filter((other) => keyOf(other) === keyOf(one)).length;
  return alike(after) < alike(before);
}

/** Names change as more becomes known; what a server sees does not. */
const keyOf = ({ sighting }: Missing): string => JSON.stringify(sighting);
