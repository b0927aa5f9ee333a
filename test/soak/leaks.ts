import type { Census, Measure } from './census.ts';

const megabyte = 1024 * 1024;

interface Limit {
  readonly name: string;
  readonly unit: 'count' | 'MB';
  /** What it may have grown by, in its own unit or in bytes; `zero`: there is to be nothing at all in the end. */
  readonly mayGrow: number | 'zero';
}

/**
 * Between two quiet moments after the same load. Counts of sessions have no tolerance. A few descriptors more are a probe
 * that connects again, or a call of the API. The heap after a collection moves by some hundred kilobytes as code is
 * compiled and logs of bounded length fill up: 1.5 MB is a leak of 500 bytes in each of 3,000 sessions, or of one session
 * object (2 KB) in each of 750. The resident size takes with it what the allocator keeps for later; it is there for what
 * the heap does not see, native code and buffers: a leaked 64 KB buffer shows after 500 sessions.
 */
export const limits: Readonly<Record<Measure, Limit>> = {
  sessions: { name: 'sessions of endpoints', unit: 'count', mayGrow: 'zero' },
  held: { name: 'held connections', unit: 'count', mayGrow: 'zero' },
  attached: { name: 'sessions of instances', unit: 'count', mayGrow: 'zero' },
  openSessions: { name: 'aurelay_sessions', unit: 'count', mayGrow: 'zero' },
  heldConnections: { name: 'aurelay_held_connections', unit: 'count', mayGrow: 'zero' },
  descriptors: { name: 'file descriptors', unit: 'count', mayGrow: 4 },
  heapBytes: { name: 'heap', unit: 'MB', mayGrow: 1.5 * megabyte },
  residentBytes: { name: 'resident memory', unit: 'MB', mayGrow: 32 * megabyte },
};

export const measures = Object.keys(limits) as Measure[];

/** What it has beyond what it may; null where that is nothing. */
export function excess(measure: Measure, begin: Census, end: Census): number | null {
  const { mayGrow } = limits[measure];
  const over = mayGrow === 'zero' ? end[measure] : end[measure] - begin[measure] - mayGrow;
  return over > 0 || end[measure] < 0 ? over : null;
}

/** Which measures leak, in words. `sessions`: how many there were between the two. */
export function leaks(begin: Census, end: Census, sessions: number): readonly string[] {
  return measures.flatMap((measure) => {
    if (excess(measure, begin, end) === null) return [];
    const { name, unit, mayGrow } = limits[measure];
    const grown = end[measure] - begin[measure];
    const each = sessions === 0 ? '' : `, ${(grown / sessions).toFixed(2)} a session`;
    const shown = (value: number) => (unit === 'MB' ? `${(value / megabyte).toFixed(1)} MB` : String(value));
    const allowed = mayGrow === 'zero' ? 'it has to be 0' : `it may grow by ${shown(mayGrow)}`;
    return [`${name}: ${shown(begin[measure])} -> ${shown(end[measure])}${each}; ${allowed}`];
  });
}

/** A Markdown table: begin, peak and end of each measure. */
export function soakTable(begin: Census, peak: Census, end: Census): string {
  const shown = (unit: Limit['unit'], value: number) =>
    unit === 'MB' ? `${(value / megabyte).toFixed(1)} MB` : String(value);
  const rows = measures.map((measure) => {
    const { name, unit, mayGrow } = limits[measure];
    const values = [begin, peak, end].map((one) => shown(unit, one[measure]));
    const limit = mayGrow === 'zero' ? '0' : `+ ${shown(unit, mayGrow)}`;
    return [name, ...values, limit, excess(measure, begin, end) === null ? 'ok' : 'LEAK'];
  });
  const head = ['', 'begin', 'peak', 'end', 'allowed', ''];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join(
    '\n',
  );
}
