import { assert } from '../../base/assert.ts';
import type { Comparison, Distance, Position, PositionOrder } from '../../cluster/position.ts';

/** A place in the write-ahead log: on which timeline, and how many bytes from its beginning (pg_lsn). */
export interface WalPosition {
  readonly timeline: number;
  readonly lsn: bigint;
}

const form = /^(\d{1,10})\/([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** Reads `<timeline>/<X>/<Y>`, as `3/0/5000148`; null where the text has another form. */
export function parseWalPosition(text: string): WalPosition | null {
  const match = form.exec(text);
  if (match === null) return null;
  const [, timeline = '', high = '', low = ''] = match;
  return { timeline: Number(timeline), lsn: (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`) };
}

/** `timeline` and an LSN in the server's own notation (`0/5000148`) as a `Position`. */
export function walPosition(timeline: number, lsn: string): Position {
  const text = `${timeline}/${lsn.toUpperCase()}`;
  assert(parseWalPosition(text) !== null, `"${text}" is a WAL position`);
  return text as Position;
}

/**
 * On one timeline the LSN decides. Over two timelines only the history file of the newer one says where it forked
 * off, and neither server's SQL shows it to a monitor. What is known: history on a newer timeline begins at or below
 * its own position, so a server on the older timeline that is beyond that position certainly has what the newer one
 * lacks (`diverged`). One that is not beyond it is taken to be on the newer one's way (`behind`), which is how a
 * replica looks that has yet to follow a promotion; if it has diverged after all, it says so when it tries to follow.
 */
function compare(a: Position, b: Position): Comparison {
  const first = read(a);
  const second = read(b);
  if (first.timeline === second.timeline) return byLsn(first.lsn, second.lsn);
  if (first.timeline > second.timeline) return first.lsn >= second.lsn ? 'ahead' : 'diverged';
  return second.lsn >= first.lsn ? 'behind' : 'diverged';
}

function byLsn(a: bigint, b: bigint): Comparison {
  if (a === b) return 'equal';
  return a > b ? 'ahead' : 'behind';
}

/** Null over two timelines: an honest number needs the place where they parted (see `compare`). */
function missing(a: Position, b: Position): Distance | null {
  const first = read(a);
  const second = read(b);
  if (first.timeline !== second.timeline) return null;
  const bytes = first.lsn > second.lsn ? first.lsn - second.lsn : 0n;
  return { amount: Number(bytes), unit: 'bytes' };
}

function read(position: Position): WalPosition {
  const parsed = parseWalPosition(position);
  assert(parsed !== null, `"${position}" is a WAL position`);
  return parsed;
}

/** A newer timeline begins where it forked off, so that what lies past that on an older one is on that alone. */
function beyond(a: Position, fork: Position): Distance | null {
  const [first, second] = [read(a), read(fork)];
  if (first.timeline >= second.timeline) return null;
  const bytes = first.lsn > second.lsn ? first.lsn - second.lsn : 0n;
  return { amount: Number(bytes), unit: 'bytes' };
}

export const walOrder: PositionOrder = { compare, missing, beyond };
