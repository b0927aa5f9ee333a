import type { InstanceId } from '../base/brand.ts';

/** What to do about a finding, in order: each step can be carried out as it stands. */
export type Step =
  /** Statements to run there as an administrator. */
  | { readonly do: 'sql'; readonly on: InstanceId; readonly lines: readonly string[] }
  /** Lines for a file; `on` null: of Aurelay's machine. */
  | {
      readonly do: 'edit';
      readonly on: InstanceId | null;
      readonly file: string;
      readonly lines: readonly string[];
    }
  | { readonly do: 'restart'; readonly on: InstanceId }
  /** What has no exact text. */
  | { readonly do: 'act'; readonly text: string };

export const sql = (on: InstanceId, ...lines: readonly string[]): Step => ({ do: 'sql', on, lines });

export const act = (text: string): Step => ({ do: 'act', text });

export const restart = (on: InstanceId): Step => ({ do: 'restart', on });

/** Lines of Aurelay's own configuration, which a reload takes up. */
export const configure = (...lines: readonly string[]): Step => ({
  do: 'edit',
  on: null,
  file: 'aurelay.yaml',
  lines,
});

export const edit = (on: InstanceId, file: string, ...lines: readonly string[]): Step => ({
  do: 'edit',
  on,
  file,
  lines,
});
