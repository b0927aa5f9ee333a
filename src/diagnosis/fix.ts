import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';

/** What to do about a finding, in order: each step can be carried out as it stands. */
export type Step =
  /** Statements to run there as an administrator. */
  | { readonly do: 'sql'; readonly on: InstanceId; readonly lines: readonly string[] }
  /** Lines for a file; `on` null: of Aurelay's machine. `under`: the section that they belong to; null: there is none. */
  | {
      readonly do: 'edit';
      readonly on: InstanceId | null;
      readonly file: string;
      readonly under: string | null;
      readonly lines: readonly string[];
    }
  | { readonly do: 'restart'; readonly on: InstanceId }
  /** What has no exact text. */
  | { readonly do: 'act'; readonly text: string };

export const sql = (on: InstanceId, ...lines: readonly string[]): Step => ({ do: 'sql', on, lines });

export const act = (text: string): Step => ({ do: 'act', text });

export const restart = (on: InstanceId): Step => ({ do: 'restart', on });

const ofAurelay = (under: string | null, lines: readonly string[]): Step => ({
  do: 'edit',
  on: null,
  file: 'aurelay.yaml',
  under,
  lines,
});

/** Lines of Aurelay's own configuration, which a reload takes up. */
export const configure = (...lines: readonly string[]): Step => ofAurelay(null, lines);

export const configureCluster = (cluster: ClusterId, ...lines: readonly string[]): Step =>
  ofAurelay(`clusters.${cluster}`, lines);

/** `entry` beside what the instance has already. */
export const configureInstance = (cluster: ClusterId, instance: InstanceId, entry: string): Step =>
  ofAurelay(`clusters.${cluster}.instances`, [`${instance}: { …, ${entry} }`]);

export const configureEndpoint = (cluster: ClusterId, endpoint: EndpointId, entry: string): Step =>
  ofAurelay(`clusters.${cluster}.endpoints`, [`${endpoint}: { …, ${entry} }`]);

export const editOptionFile = (on: InstanceId, ...lines: readonly string[]): Step => ({
  do: 'edit',
  on,
  file: 'my.cnf',
  under: '[mysqld]',
  lines,
});

export const editHba = (on: InstanceId, ...lines: readonly string[]): Step => ({
  do: 'edit',
  on,
  file: 'pg_hba.conf',
  under: null,
  lines,
});
