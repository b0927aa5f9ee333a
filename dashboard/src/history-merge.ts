import type { HistoryJson } from '../../src/admin/api.ts';

/** What the page knows of the past. Every list has one entry for each of `at`. */
export interface History {
  readonly intervalMs: number;
  /** Milliseconds since 1970, oldest first. */
  readonly at: readonly number[];
  /** By `keyOf`; null where it is unknown. */
  readonly values: ReadonlyMap<string, readonly (number | null)[]>;
  /** By `keyOf`: a letter each, as the API has them. */
  readonly letters: ReadonlyMap<string, string>;
}

export type Measure = 'lag' | 'sessions' | 'held' | 'health' | 'role';

export const emptyHistory: History = { intervalMs: 5_000, at: [], values: new Map(), letters: new Map() };
export const keptMs = 3_600_000;

/** `name` is an instance's id or an endpoint's name, which may be the same. */
export const keyOf = (
  cluster: string,
  room: 'instance' | 'endpoint',
  name: string,
  measure: Measure,
): string => [cluster, room, name, measure].join('\n');

/**
 * What the page had, and what is newer in `json`. After a restart the server's memory is empty; the page's is not. Where
 * the server's clock was set back, only what it says now counts.
 */
export function mergeHistory(before: History, json: HistoryJson): History {
  const newest = json.at_ms.at(-1);
  if (newest === undefined) return { ...before, intervalMs: json.interval_ms };
  const last = before.at.at(-1) ?? Number.NEGATIVE_INFINITY;
  const base = newest < last ? emptyHistory : before;
  const since = base.at.at(-1) ?? Number.NEGATIVE_INFINITY;
  const from = json.at_ms.findIndex((at) => at > since);
  if (from < 0) return before;
  const added = json.at_ms.slice(from);
  const all = [...base.at, ...added];
  const skipped = all.findIndex((at) => at > newest - keptMs);
  return {
    intervalMs: json.interval_ms,
    at: all.slice(skipped),
    values: joinedValues(base, numbersOf(json), { from, added: added.length, skipped }),
    letters: joinedLetters(base, lettersOf(json), { from, added: added.length, skipped }),
  };
}

interface Seam {
  /** Where the new part of the answer begins. */
  readonly from: number;
  readonly added: number;
  /** So many of the whole are too old. */
  readonly skipped: number;
}

function joinedValues(base: History, fresh: ReadonlyMap<string, readonly (number | null)[]>, seam: Seam) {
  const joined = new Map<string, readonly (number | null)[]>();
  for (const key of new Set([...base.values.keys(), ...fresh.keys()])) {
    const old = base.values.get(key) ?? Array<null>(base.at.length).fill(null);
    const late = fresh.get(key)?.slice(seam.from) ?? Array<null>(seam.added).fill(null);
    const whole = [...old, ...late].slice(seam.skipped);
    if (whole.some((value) => value !== null)) joined.set(key, whole);
  }
  return joined;
}

function joinedLetters(base: History, fresh: ReadonlyMap<string, string>, seam: Seam) {
  const joined = new Map<string, string>();
  for (const key of new Set([...base.letters.keys(), ...fresh.keys()])) {
    const old = base.letters.get(key) ?? '.'.repeat(base.at.length);
    const late = fresh.get(key)?.slice(seam.from) ?? '.'.repeat(seam.added);
    const whole = `${old}${late}`.slice(seam.skipped);
    if (/[^.]/.test(whole)) joined.set(key, whole);
  }
  return joined;
}

const numbersOf = ({ clusters }: HistoryJson): Map<string, readonly (number | null)[]> =>
  new Map(
    clusters.flatMap(({ name, instances, endpoints }) => [
      ...instances.flatMap(
        ({ id, lag_seconds, sessions }) =>
          [
            [keyOf(name, 'instance', id, 'lag'), lag_seconds],
            [keyOf(name, 'instance', id, 'sessions'), sessions],
          ] as const,
      ),
      ...endpoints.flatMap(
        (endpoint) =>
          [
            [keyOf(name, 'endpoint', endpoint.name, 'sessions'), endpoint.sessions],
            [keyOf(name, 'endpoint', endpoint.name, 'held'), endpoint.held],
          ] as const,
      ),
    ]),
  );

const lettersOf = ({ clusters }: HistoryJson): Map<string, string> =>
  new Map(
    clusters.flatMap(({ name, instances }) =>
      instances.flatMap(
        ({ id, health, role }) =>
          [
            [keyOf(name, 'instance', id, 'health'), health],
            [keyOf(name, 'instance', id, 'role'), role],
          ] as const,
      ),
    ),
  );
