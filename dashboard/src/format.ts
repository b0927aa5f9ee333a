/** Numbers with their units, as people read them. Unknown is a dash. */

export const unknown = '–';

/** `250 ms`, `1.5 s`, `2 min 5 s`, `3 h 10 min`. */
export function formatMs(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trimmed(ms / 1_000)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return joined(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return joined(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return joined(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

const trimmed = (value: number): string =>
  value < 10 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(0);

const joined = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;

/** Replication lag: what is below a tenth of a second is not told apart. */
export function formatLag(seconds: number | null): string {
  if (seconds === null) return unknown;
  if (seconds < 0.05) return '0 s';
  return formatMs(seconds * 1_000 < 1_000 ? Math.round(seconds * 10) * 100 : seconds * 1_000);
}

/** `1 session`, `12 sessions`, `1,204 sessions`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

export const formatCount = (count: number): string => count.toLocaleString('en-US');

/** `640 bytes`, `12 kB`, `3.4 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return counted(bytes, 'byte');
  const [value, unit] =
    bytes < 1e6 ? [bytes / 1e3, 'kB'] : bytes < 1e9 ? [bytes / 1e6, 'MB'] : [bytes / 1e9, 'GB'];
  return `${trimmed(value)} ${unit}`;
}

/** How long ago: `just now`, `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`. Not finer than one looks. */
export function formatAgo(ms: number): string {
  if (ms < 5_000) return 'just now';
  return `${formatSpan(ms)} ago`;
}

/** The largest unit only. */
export function formatSpan(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(words: readonly string[], last = 'and'): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`;
}

/** The time of day in the reader's zone, `14:03:21`. */
export const formatClock = (at: Date): string =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');

/** Date and time to the millisecond in the reader's zone, and the same in UTC: `2026-01-01 14:03:21.120 (13:03:21.120 UTC)`. */
export function formatExact(at: Date): string {
  const day = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) =>
    String(part).padStart(2, '0'),
  );
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${day.join('-')} ${formatClock(at)}.${ms} (${at.toISOString().slice(11, 23)} UTC)`;
}
