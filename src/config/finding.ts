import type { Path } from './outline.ts';

/** Stable names, for programs that read `aurelay check --json`: add, never rename. */
export type DiagnosticCode =
  | 'syntax'
  | 'too-large'
  | 'unsupported-yaml'
  | 'duplicate-key'
  | 'environment'
  | 'unknown-key'
  | 'missing-key'
  | 'wrong-type'
  | 'invalid-value'
  | 'invalid-name'
  | 'wrong-count'
  | 'secret-file'
  | 'tls-file'
  | 'conflicting-keys'
  | 'inapplicable-key'
  | 'unknown-instance'
  | 'unknown-zone'
  | 'no-member'
  | 'listen-conflict'
  | 'hostname-conflict'
  | 'default-conflict'
  | 'address-conflict'
  | 'address-loop'
  | 'unusable-address'
  | 'exposed-admin'
  | 'no-state-dir'
  | 'no-writer-endpoint'
  | 'no-candidate'
  | 'unhelpful-timing'
  | 'invalid-durability'
  | 'unhelpful-durability'
  | 'no-client'
  | 'trusts-everybody'
  | 'unread-proxy-header'
  | 'refused-logins';

/** A stretch of the file, as offsets into its text. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

/** Something to say about the configuration, before it is known where in the file that is. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly code: DiagnosticCode;
  readonly path: Path;
  /** Which half of the entry at `path` to underline; a place where it is narrower than either. */
  readonly on: 'key' | 'value' | Place;
  /** Never holds a value from the environment or a secret. */
  readonly message: string;
  /** What was probably meant, to be written instead of what is underlined. */
  readonly suggestion?: string | null;
  /** What to do. */
  readonly hint?: string | null;
}

/** `clusters.orders.endpoints.writer`, for messages. */
export const formatPath = (path: Path): string =>
  path.reduce<string>((shown, step) => {
    if (typeof step === 'number') return `${shown}[${step}]`;
    return shown === '' ? step : `${shown}.${step}`;
  }, '');
