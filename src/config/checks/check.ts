import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';

/** Looks at what concerns more than one key. Any part of the settings may be missing: that was said already. */
export type Check = (inspection: Inspection) => Iterable<Finding>;

type Details = Pick<Finding, 'on' | 'hint' | 'suggestion'>;

export const error = (
  code: Finding['code'],
  path: Path,
  message: string,
  details: Partial<Details> = {},
): Finding => ({ severity: 'error', code, path, on: 'value', message, ...details });

export const warning = (
  code: Finding['code'],
  path: Path,
  message: string,
  details: Partial<Details> = {},
): Finding => ({ severity: 'warning', code, path, on: 'value', message, ...details });

export type ClusterDraft = NonNullable<NonNullable<Inspection['settings']['clusters']>[string]>;
export type InstanceDraft = NonNullable<NonNullable<ClusterDraft['instances']>[string]>;
export type EndpointDraft = NonNullable<NonNullable<ClusterDraft['endpoints']>[string]>;

interface Named<Value> {
  readonly name: string;
  readonly path: Path;
  readonly value: Value;
}

export const clustersOf = ({ settings }: Inspection): readonly Named<ClusterDraft>[] =>
  named(['clusters'], settings.clusters);

export const instancesOf = (cluster: Named<ClusterDraft>): readonly Named<InstanceDraft>[] =>
  named([...cluster.path, 'instances'], cluster.value.instances);

export const endpointsOf = (cluster: Named<ClusterDraft>): readonly Named<EndpointDraft>[] =>
  named([...cluster.path, 'endpoints'], cluster.value.endpoints);

function named<Value>(
  path: Path,
  values: Readonly<Record<string, Value | undefined>> | undefined,
): readonly Named<Value>[] {
  return Object.entries(values ?? {}).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, path: [...path, name], value }],
  );
}
