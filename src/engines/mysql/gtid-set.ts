/**
 * MySQL's GTID sets: `uuid:1-5:7, uuid:tag:1-3` (MySQL manual, "GTID Format and Storage"; tags since 8.3).
 * Exact: every transaction that a server ever applied is in its set.
 */

/** Transaction numbers `first` to `last`, both included. */
export interface Interval {
  readonly first: bigint;
  readonly last: bigint;
}

/** By source (`uuid` or `uuid:tag`, in lower case): intervals in order that neither touch nor overlap. */
export type GtidSet = ReadonlyMap<string, readonly Interval[]>;

/** Far above any set that a server was seen with (thousands of intervals); it bounds the work on a hostile one. */
const maxTextLength = 1_000_000;
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const tagForm = /^[a-z_][a-z0-9_]{0,31}$/;
const intervalForm = /^(\d{1,19})(?:-(\d{1,19}))?$/;
/** 2^63 - 2 (`GNO_END` - 1 in the server's source). */
const maxNumber = 0x7fff_ffff_ffff_fffen;

/** Reads a set as servers write it, line breaks included; null where it is none. The empty text is the empty set. */
export function parseGtidSet(text: string): GtidSet | null {
  if (text.length > maxTextLength) return null;
  const bySource = new Map<string, Interval[]>();
  if (text.trim() === '') return bySource;
  for (const part of text.toLowerCase().split(',')) {
    if (!addPart(bySource, part)) return null;
  }
  return normalise(bySource);
}

/** Adds `uuid:1-5:7:tag:1-3`; false where it has another form. */
function addPart(bySource: Map<string, Interval[]>, part: string): boolean {
  const [uuid = '', ...items] = part.split(':').map((item) => item.trim());
  if (!uuidForm.test(uuid) || items.length === 0) return false;
  let source = uuid;
  let intervalsOfSource = 0;
  for (const item of items) {
    const interval = parseInterval(item);
    if (interval !== null) {
      addInterval(bySource, source, interval);
      intervalsOfSource += 1;
    } else if (tagForm.test(item) && (source === uuid || intervalsOfSource > 0)) {
      source = `${uuid}:${item}`;
      intervalsOfSource = 0;
    } else return false;
  }
  return intervalsOfSource > 0;
}

function parseInterval(text: string): Interval | null {
  const found = intervalForm.exec(text);
  if (found?.[1] === undefined) return null;
  const first = BigInt(found[1]);
  const last = found[2] === undefined ? first : BigInt(found[2]);
  return first >= 1n && first <= last && last <= maxNumber ? { first, last } : null;
}

function addInterval(bySource: Map<string, Interval[]>, source: string, interval: Interval): void {
  const intervals = bySource.get(source);
  if (intervals === undefined) bySource.set(source, [interval]);
  else intervals.push(interval);
}

const normalise = (bySource: ReadonlyMap<string, readonly Interval[]>): GtidSet =>
  new Map(
    [...bySource]
      .filter(([, intervals]) => intervals.length > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([source, intervals]) => [source, mergeIntervals(intervals)]),
  );

function mergeIntervals(intervals: readonly Interval[]): readonly Interval[] {
  const merged: Interval[] = [];
  for (const interval of intervals.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const previous = merged.at(-1);
    if (previous === undefined || interval.first > previous.last + 1n) merged.push(interval);
    else if (interval.last > previous.last) merged[merged.length - 1] = { ...previous, last: interval.last };
  }
  return merged;
}

/** The shortest text of a set, sources in order; the empty text for the empty set. */
export function formatGtidSet(set: GtidSet): string {
  return [...set]
    .map(([source, intervals]) => `${source}:${intervals.map(formatInterval).join(':')}`)
    .join(',');
}

const formatInterval = ({ first, last }: Interval): string =>
  first === last ? `${first}` : `${first}-${last}`;

export function uniteGtidSets(a: GtidSet, b: GtidSet): GtidSet {
  const sources = new Set([...a.keys(), ...b.keys()]);
  return normalise(
    new Map([...sources].map((source) => [source, [...(a.get(source) ?? []), ...(b.get(source) ?? [])]])),
  );
}

/** How many transactions of `a` are not in `b`. */
export function countMissing(a: GtidSet, b: GtidSet): bigint {
  let missing = 0n;
  for (const [source, intervals] of a) missing += countOutside(intervals, b.get(source) ?? []);
  return missing;
}

/** One walk over both lists: what of `intervals` lies in none of `others`. */
function countOutside(intervals: readonly Interval[], others: readonly Interval[]): bigint {
  let outside = 0n;
  let next = 0;
  for (const { first, last } of intervals) {
    let from = first;
    while ((others[next]?.last ?? last) < first) next += 1;
    for (let at = next; from <= last; at += 1) {
      const other = others[at];
      if (other === undefined || other.first > last) {
        outside += last - from + 1n;
        break;
      }
      if (other.first > from) outside += other.first - from;
      if (other.last >= from) from = other.last + 1n;
    }
  }
  return outside;
}
