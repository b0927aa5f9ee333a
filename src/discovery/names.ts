/** What a server may be called, by where that comes from: each list has the same kinds in the same order. */
export interface Named {
  /** What a person said; null: nothing. */
  readonly wish: string | null;
  /** Best first. */
  readonly candidates: readonly (string | null)[];
}

const form = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** What servers are called that nobody named. */
const meaningless: ReadonlySet<string> = new Set(['walreceiver', 'localhost', 'main', 'localdomain']);

/**
 * A name for each server: the best one of its own that no other has or may be called by, else `CLUSTER-N`. The same
 * servers get the same names. Names differ, and a configuration takes them.
 */
export function nameServers(cluster: string, servers: readonly Named[]): readonly string[] {
  const taken = new Set<string>();
  const names: (string | null)[] = servers.map(({ wish }) => {
    if (wish === null || !form.test(wish) || taken.has(wish)) return null;
    taken.add(wish);
    return wish;
  });
  const own = servers.map(({ candidates }) => [
    ...new Set(candidates.map((name) => (name === null ? null : instanceName(name))).filter(isGood)),
  ]);
  const askers = (name: string): number => own.filter((names) => names.includes(name)).length;
  for (const [index, candidates] of own.entries()) {
    if (names[index] !== null) continue;
    const name = candidates.find((one) => askers(one) === 1 && !taken.has(one));
    if (name === undefined) continue;
    taken.add(name);
    names[index] = name;
  }
  const prefix = instanceName(cluster) ?? 'server';
  return names.map((name, index) => name ?? takeNumbered(prefix.slice(0, 58), index + 1, taken));
}

const isGood = (name: string | null): name is string => name !== null && !meaningless.has(name);

function takeNumbered(prefix: string, from: number, taken: Set<string>): string {
  for (let number = from; ; number += 1) {
    const name = `${prefix}-${number}`;
    if (taken.has(name)) continue;
    taken.add(name);
    return name;
  }
}

/**
 * `text` as the name of an instance or a cluster; null where it says nothing: numbers, a container's id, what Debian calls
 * a server (`15/main`).
 */
export function instanceName(text: string): string | null {
  if (/^\d+\/\w+$/.test(text) || /^[0-9a-f]{12,}$/.test(text) || /^[\d.:]+$/.test(text)) return null;
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .slice(0, 63);
  return form.test(name) ? name : null;
}

/** What the names of a cluster's servers have in common: `orders` of `orders-1` and `orders-2`; null: nothing. */
export function commonName(names: readonly string[]): string | null {
  const [first, ...others] = names.map((name) => name.toLowerCase());
  if (first === undefined || others.every((name) => name === first)) return null;
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length -= 1;
  // Up to where a word ends: of `orders-10` and `orders-11` it is not `orders-1`.
  const words = /^(.*[a-z])(?=[-_.\d]*$)/.exec(first.slice(0, length))?.[1] ?? '';
  const next = first.charAt(words.length);
  return words.length >= 2 && (next === '' || /[-_.\d]/.test(next)) ? instanceName(words) : null;
}
