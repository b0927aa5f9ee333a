import type { Acknowledged, StoredRow } from './numbered-writer.ts';

/** Somebody became the writer. */
export interface Change {
  readonly epoch: number;
  /** `elected`, `failover`, `switchover`, `adopted`; `unknown` where Aurelay was killed before it could say. */
  readonly kind: string;
  /** Its port. */
  readonly to: number;
  /** The receipt's words: `0 bytes`, `unknown`. */
  readonly lost: string;
}

/** What a chaos run leaves behind. */
export interface Evidence {
  /** Of all clients, in the order in which the answers came. */
  readonly acknowledged: readonly Acknowledged[];
  /** The last number that each client tried. */
  readonly tried: ReadonlyMap<number, number>;
  /** What the last writer has. */
  readonly stored: readonly StoredRow[];
  /** In the order of their epochs. */
  readonly changes: readonly Change[];
}

/** Rows that a change of the writer cost. */
export interface Loss {
  readonly change: Change;
  readonly rows: number;
}

export interface Verdict {
  /** Sentences, each a promise broken. */
  readonly violations: readonly string[];
  readonly losses: readonly Loss[];
  /** Stored and never acknowledged: the answer was lost, as it may be. */
  readonly unacknowledged: number;
}

/**
 * Asynchronous replication may lose what the old writer acknowledged last, and nothing else: no row is there twice, no
 * two writers acknowledge in turns, what is lost went in a failover of its own, and nothing that came after it is there.
 */
export function judge(evidence: Evidence): Verdict {
  const violations: string[] = [];
  const { acknowledged, tried, stored, changes } = evidence;
  for (const { client, number, copies } of stored) {
    if (copies > 1) violations.push(`row ${client}/${number} is there ${copies} times`);
    if (number > (tried.get(client) ?? 0)) violations.push(`row ${client}/${number} was never sent`);
  }
  const present = new Set(stored.map(keyOf));
  const reigns = assign(acknowledged, changes, violations);
  const losses = new Map<number, number>();
  const firstLost = new Map<string, number>();
  for (const [index, row] of acknowledged.entries()) {
    const reign = reigns[index];
    if (reign === undefined) continue;
    const place = `${row.client}@${reign}`;
    const before = firstLost.get(place);
    if (present.has(keyOf(row))) {
      if (before !== undefined) {
        violations.push(`row ${row.client}/${before} is lost, and row ${row.number} after it is not`);
      }
      continue;
    }
    firstLost.set(place, before ?? row.number);
    losses.set(reign, (losses.get(reign) ?? 0) + 1);
  }
  return {
    violations,
    losses: [...losses].flatMap(([reign, rows]) => lossOf(changes, reign, rows, violations)),
    unacknowledged: stored.length - acknowledged.filter((row) => present.has(keyOf(row))).length,
  };
}

/** `client/number`. */
const keyOf = ({ client, number }: { client: number; number: number }): string => `${client}/${number}`;

/**
 * Which change made the writer that acknowledged each row, by its index. Answers that do not go with the epochs mean
 * that a server took writes in another's epoch.
 */
function assign(
  acknowledged: readonly Acknowledged[],
  changes: readonly Change[],
  violations: string[],
): readonly (number | undefined)[] {
  let reign = 0;
  let strayed: number | null = null;
  return acknowledged.map(({ client, number, server }) => {
    const next = changes.findIndex(({ to }, index) => index >= reign && to === server);
    if (next === -1) {
      // One sentence, however many rows it took.
      if (strayed !== server) {
        violations.push(
          `row ${client}/${number} was acknowledged by the server on port ${server} in the epoch of another`,
        );
      }
      strayed = server;
      return undefined;
    }
    reign = next;
    strayed = null;
    return reign;
  });
}

function lossOf(changes: readonly Change[], reign: number, rows: number, violations: string[]): Loss[] {
  const change = changes[reign + 1];
  if (change === undefined) {
    violations.push(`${rows} rows that the last writer acknowledged are lost`);
    return [];
  }
  if (change.kind === 'switchover') {
    violations.push(`the switchover of epoch ${change.epoch} lost ${rows} acknowledged rows`);
  }
  return [{ change, rows }];
}
