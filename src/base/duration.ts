import ms, { type StringValue } from 'ms';

const form = /^\d+(\.\d+)?(ms|s|m|h|d)$/;

/**
 * Reads `250ms`, `1.5s`, `30s`, `5m`, `1h`, `2d`. Returns milliseconds, or null where the text has another form:
 * a bare number is refused, because nobody can tell seconds from milliseconds in it.
 */
export function parseDuration(text: string): number | null {
  if (!form.test(text)) return null;
  return Math.round(ms(text as StringValue));
}

/** The shortest of `250ms`, `1.5s`, `2m`, `3h` that says the same. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)}ms`;
  if (milliseconds < 60_000) return `${trim(milliseconds / 1000)}s`;
  if (milliseconds < 3_600_000) return `${trim(milliseconds / 60_000)}m`;
  return `${trim(milliseconds / 3_600_000)}h`;
}

const trim = (value: number): string => value.toFixed(1).replace(/\.0$/, '');
