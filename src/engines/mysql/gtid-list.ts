/**
 * MariaDB's GTID positions, `domain-server-sequence, ...` (MariaDB documentation, "Global Transaction ID").
 *
 * Within a domain the sequence numbers of a healthy cluster form one line, whoever wrote: all that a server has is its
 * newest GTID there, and all before it. Aurelay keeps one entry for each server that ever wrote, as
 * `gtid_binlog_state` does, because that shows what the newest GTID alone hides: `0-1-100` against `0-2-150` may be
 * one history or two, but `0-1-100` against `0-1-99,0-2-150` are two, which parted after 99.
 */

/** By domain and server: the highest sequence number. */
export type GtidList = ReadonlyMap<number, ReadonlyMap<number, bigint>>;

interface Newest {
  readonly server: number;
  readonly sequence: bigint;
}

const maxEntries = 10_000;
const maxTextLength = 1_000_000;
const gtidForm = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/;
const maxUint32 = 0xffff_ffff;
const maxUint64 = 0xffff_ffff_ffff_ffffn;

/** Reads a list as servers write it; null where it is none. The empty text is the empty list. */
export function parseGtidList(text: string): GtidList | null {
  if (text.length > maxTextLength) return null;
  const byDomain = new Map<number, Map<number, bigint>>();
  if (text.trim() === '') return byDomain;
  const entries = text.split(',');
  if (entries.length > maxEntries) return null;
  for (const entry of entries) {
    const [, domain, server, sequence] = gtidForm.exec(entry.trim()) ?? [];
    if (domain === undefined || server === undefined || sequence === undefined) return null;
    if (Number(domain) > maxUint32 || Number(server) > maxUint32 || BigInt(sequence) > maxUint64) return null;
    raise(byDomain, Number(domain), Number(server), BigInt(sequence));
  }
  return byDomain;
}

/** Numbers begin with 1: a sequence of 0 stands for nothing. */
function raise(
  byDomain: Map<number, Map<number, bigint>>,
  domain: number,
  server: number,
  sequence: bigint,
): void {
  if (sequence === 0n) return;
  const servers = byDomain.get(domain) ?? new Map<number, bigint>();
  if (sequence > (servers.get(server) ?? 0n)) servers.set(server, sequence);
  byDomain.set(domain, servers);
}

/** Domains in order, and within each the newest GTID last, as in `gtid_binlog_state`. */
export function formatGtidList(list: GtidList): string {
  return [...list]
    .sort(([a], [b]) => a - b)
    .flatMap(([domain, servers]) =>
      oldestFirst(servers).map(({ server, sequence }) => `${domain}-${server}-${sequence}`),
    )
    .join(',');
}

const oldestFirst = (servers: ReadonlyMap<number, bigint>): readonly Newest[] =>
  [...servers]
    .map(([server, sequence]) => ({ server, sequence }))
    .sort((a, b) => (a.sequence === b.sequence ? a.server - b.server : a.sequence < b.sequence ? -1 : 1));

export function uniteGtidLists(lists: readonly GtidList[]): GtidList {
  const united = new Map<number, Map<number, bigint>>();
  for (const list of lists) {
    for (const [domain, servers] of list) {
      for (const [server, sequence] of servers) raise(united, domain, server, sequence);
    }
  }
  return united;
}

/** Only the newest GTID of each domain: the form that `gtid_slave_pos` takes. */
export function newestOfEachDomain(list: GtidList): GtidList {
  return new Map(
    [...list].flatMap(([domain, servers]) => {
      const newest = newestOf(servers);
      return newest === null ? [] : [[domain, new Map([[newest.server, newest.sequence]])] as const];
    }),
  );
}

const newestOf = (servers: ReadonlyMap<number, bigint>): Newest | null => oldestFirst(servers).at(-1) ?? null;

/** Whether `b` lacks something of `a`. Two histories that parted lack something of each other. */
export function lacks(a: GtidList, b: GtidList): boolean {
  return [...a].some(([domain, servers]) => lacksInDomain(servers, b.get(domain) ?? new Map()));
}

/**
 * Of two different newest GTIDs the one with the higher number is taken to contain the other, unless something speaks
 * against it: equal numbers from two servers, or a server of which `b` has less than `a` has.
 */
function lacksInDomain(a: ReadonlyMap<number, bigint>, b: ReadonlyMap<number, bigint>): boolean {
  const newestA = newestOf(a);
  const newestB = newestOf(b);
  if (newestA === null) return false;
  if (newestB === null || newestA.sequence > newestB.sequence) return true;
  if (newestA.sequence === newestB.sequence) return newestA.server !== newestB.server;
  return [...a].some(([server, sequence]) => (b.get(server) ?? sequence) < sequence);
}

/**
 * How many transactions of `a` are not in `b`; null where the two parted at a point that neither tells.
 * Counts sequence numbers, which a server gives out without gaps unless somebody sets `gtid_seq_no`.
 */
export function countMissingInList(a: GtidList, b: GtidList): bigint | null {
  let missing = 0n;
  for (const [domain, servers] of a) {
    const inDomain = countMissingInDomain(servers, b.get(domain) ?? new Map());
    if (inDomain === null) return null;
    missing += inDomain;
  }
  return missing;
}

function countMissingInDomain(a: ReadonlyMap<number, bigint>, b: ReadonlyMap<number, bigint>): bigint | null {
  const newestA = newestOf(a);
  const newestB = newestOf(b);
  if (newestA === null || !lacksInDomain(a, b)) return 0n;
  if (newestB === null) return newestA.sequence;
  const common = lacksInDomain(b, a) ? lastInCommon(a, b) : newestB.sequence;
  return common === null ? null : newestA.sequence - common;
}

/** The last transaction before two histories parted: whatever one server wrote into both is in both up to the less. */
function lastInCommon(a: ReadonlyMap<number, bigint>, b: ReadonlyMap<number, bigint>): bigint | null {
  let last: bigint | null = null;
  for (const [server, inA] of a) {
    const inB = b.get(server);
    if (inB === undefined) continue;
    const inBoth = lesser(inA, inB);
    if (last === null || inBoth > last) last = inBoth;
  }
  return last;
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
