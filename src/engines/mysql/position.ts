import type { Comparison, Distance, Position, PositionOrder } from '../../cluster/position.ts';
import {
  countMissingInList,
  formatGtidList,
  type GtidList,
  lacks,
  parseGtidList,
  uniteGtidLists,
} from './gtid-list.ts';
import { countMissing, formatGtidSet, type GtidSet, parseGtidSet, uniteGtidSets } from './gtid-set.ts';

/**
 * How far a MySQL or MariaDB server's data goes. As text: the server's own notation, by whose form the two are told
 * apart; `empty` for a server without transactions of either family; `unknown` for one that does not say (MySQL with
 * `gtid_mode=OFF`).
 */
export type MysqlPosition =
  | { readonly kind: 'mysql'; readonly set: GtidSet }
  | { readonly kind: 'mariadb'; readonly list: GtidList }
  | { readonly kind: 'empty' }
  | { readonly kind: 'unknown' };

const emptyText = 'empty';
const unknownText = 'unknown';

/** Anything that is no position is an unknown one. */
export function parsePosition(text: string): MysqlPosition {
  const trimmed = text.trim();
  if (trimmed === emptyText) return { kind: 'empty' };
  if (trimmed === '') return { kind: 'unknown' };
  const list = parseGtidList(trimmed);
  if (list !== null) return { kind: 'mariadb', list };
  const set = parseGtidSet(trimmed);
  return set === null ? { kind: 'unknown' } : { kind: 'mysql', set };
}

export function formatPosition(position: MysqlPosition): Position {
  const text = textOf(position);
  return (text === '' ? emptyText : text) as Position;
}

function textOf(position: MysqlPosition): string {
  switch (position.kind) {
    case 'mysql':
      return formatGtidSet(position.set);
    case 'mariadb':
      return formatGtidList(position.list);
    case 'empty':
      return emptyText;
    case 'unknown':
      return unknownText;
  }
}

/** The position of a server that wrote or received `texts`, each a set as MySQL shows it. */
export function positionOfSets(texts: readonly string[]): MysqlPosition {
  const sets = texts.map(parseGtidSet);
  if (sets.some((set) => set === null)) return { kind: 'unknown' };
  return { kind: 'mysql', set: (sets as GtidSet[]).reduce(uniteGtidSets, new Map()) };
}

/** The position of a server that wrote or received `texts`, each a list as MariaDB shows it. */
export function positionOfLists(texts: readonly string[]): MysqlPosition {
  const lists = texts.map(parseGtidList);
  if (lists.some((list) => list === null)) return { kind: 'unknown' };
  return { kind: 'mariadb', list: uniteGtidLists(lists as GtidList[]) };
}

/**
 * An unknown position is neither ahead of nor behind anything, itself included: `diverged`, and the distance null.
 * So are positions of the two families, which cannot replicate by GTID from each other.
 */
export const mysqlPositions: PositionOrder = {
  compare(a: Position, b: Position): Comparison {
    const pair = comparable(parsePosition(a), parsePosition(b));
    if (pair === null) return 'diverged';
    const bLacks = pair.lacksOfFirst();
    const aLacks = pair.lacksOfSecond();
    if (bLacks) return aLacks ? 'diverged' : 'ahead';
    return aLacks ? 'behind' : 'equal';
  },

  /** Sets of transactions part without timelines: what the first has and the other lacks, says it all. */
  beyond: (a: Position, fork: Position): Distance | null => mysqlPositions.missing(a, fork),

  missing(a: Position, b: Position): Distance | null {
    const amount = comparable(parsePosition(a), parsePosition(b))?.missingOfFirst() ?? null;
    return amount === null ? null : { amount: Number(amount), unit: 'transactions' };
  },
};

interface ComparablePair {
  /** Whether the second lacks something of the first. */
  lacksOfFirst(): boolean;
  lacksOfSecond(): boolean;
  /** What the second lacks of the first. */
  missingOfFirst(): bigint | null;
}

function comparable(a: MysqlPosition, b: MysqlPosition): ComparablePair | null {
  if (a.kind === 'unknown' || b.kind === 'unknown') return null;
  if (isOf('mysql', a) && isOf('mysql', b)) return pairOfSets(setOf(a), setOf(b));
  if (isOf('mariadb', a) && isOf('mariadb', b)) return pairOfLists(listOf(a), listOf(b));
  return null;
}

const isOf = (family: 'mysql' | 'mariadb', { kind }: MysqlPosition): boolean =>
  kind === family || kind === 'empty';
const setOf = (position: MysqlPosition): GtidSet => (position.kind === 'mysql' ? position.set : new Map());
const listOf = (position: MysqlPosition): GtidList =>
  position.kind === 'mariadb' ? position.list : new Map();

const pairOfSets = (a: GtidSet, b: GtidSet): ComparablePair => ({
  lacksOfFirst: () => countMissing(a, b) > 0n,
  lacksOfSecond: () => countMissing(b, a) > 0n,
  missingOfFirst: () => countMissing(a, b),
});

const pairOfLists = (a: GtidList, b: GtidList): ComparablePair => ({
  lacksOfFirst: () => lacks(a, b),
  lacksOfSecond: () => lacks(b, a),
  missingOfFirst: () => countMissingInList(a, b),
});
