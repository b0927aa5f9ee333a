import type { DiagnosticCode } from './finding.ts';

/** One thing to say about the configuration, ready to be shown. Holds no secret and no value from the environment. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly code: DiagnosticCode;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units of the file's line. */
  readonly column: number;
  /** `clusters.orders.failover.mode`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to write instead of what is underlined. */
  readonly suggestion: string | null;
  readonly hint: string | null;
  readonly excerpt: Excerpt;
}

/** The source line to show: secrets are masked, control characters replaced, long lines cut around the place. */
export interface Excerpt {
  readonly text: string;
  /** Where to underline, from 0, in UTF-16 units of `text`. */
  readonly start: number;
  /** 1 or more. */
  readonly length: number;
}

const styles = {
  error: '\u001b[1;31m',
  warning: '\u001b[1;33m',
  frame: '\u001b[34m',
  bold: '\u001b[1m',
} as const;

/** As a compiler shows it: the message, the place, the line, a caret below, and what to do. */
export function formatDiagnostic(diagnostic: Diagnostic, options: { readonly color?: boolean } = {}): string {
  const paint = (style: keyof typeof styles, text: string): string =>
    options.color && text !== '' ? `${styles[style]}${text}\u001b[0m` : text;
  const { severity, code, file, line, column, excerpt, hint } = diagnostic;
  const number = String(line);
  const margin = ' '.repeat(number.length);
  const pipe = paint('frame', '|');
  const underline = ' '.repeat(excerpt.start) + paint(severity, '^'.repeat(excerpt.length));
  const shown = [
    `${paint(severity, `${severity}[${code}]`)}${paint('bold', `: ${headline(diagnostic)}`)}`,
    `${margin}${paint('frame', '-->')} ${file}:${line}:${column}`,
    `${margin} ${pipe}`,
    `${paint('frame', number)} ${pipe} ${excerpt.text}`.trimEnd(),
    `${margin} ${pipe} ${underline}`,
  ];
  if (hint !== null) shown.push(`${margin} ${paint('frame', '=')} hint: ${hint}`);
  return shown.join('\n');
}

/** The message with its suggestion, in one line. */
export const headline = ({ message, suggestion }: Diagnostic): string =>
  suggestion === null ? message : `${message}: did you mean \`${suggestion}\`?`;

/** For programs: flat, and without what only a drawing needs. */
export function diagnosticJson(diagnostic: Diagnostic): Readonly<Record<string, string | number | null>> {
  const { severity, code, file, line, column, path, message, suggestion, hint, excerpt } = diagnostic;
  return { severity, code, file, line, column, path, message, suggestion, hint, source: excerpt.text };
}
