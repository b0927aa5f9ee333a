import type { FieldName } from './fields.ts';

/** How loud a line is, in pino's names; OpenTelemetry's severity texts are the same. */
export type LineLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** What is known of an event before it happens: docs/logs.md is made of these. */
export interface EventRow {
  /** Several: it depends on what happened. */
  readonly level: LineLevel | readonly LineLevel[];
  /** Fields that each line has, beside those that all have. */
  readonly fields: readonly FieldName[];
  /** Those that it has where there is something to say. */
  readonly sometimes?: readonly FieldName[];
  /** When it is written. */
  readonly when: string;
  /** What to do about it; absent: nothing, or what the paragraph of its alert says. */
  readonly remedy?: string;
  /** The alert whose paragraph in docs/runbook.md is about it. */
  readonly alert?: string;
}

export const levelsOf = ({ level }: EventRow): readonly LineLevel[] =>
  typeof level === 'string' ? [level] : level;
