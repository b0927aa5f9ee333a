import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';
import type { ClusterConfig, Config } from './config.ts';

/** What is different between two maps of things by name. */
export interface MapDiff<Id extends string, Change = ItemDiff<Id>> {
  readonly added: readonly Id[];
  readonly removed: readonly Id[];
  readonly changed: readonly Change[];
}

export interface ItemDiff<Id extends string> {
  readonly id: Id;
  /** Keys as they are written in the file, never their values: some are secret. */
  readonly keys: readonly string[];
}

export interface ClusterDiff extends ItemDiff<ClusterId> {
  readonly instances: MapDiff<InstanceId>;
  readonly endpoints: MapDiff<EndpointId>;
}

export interface ConfigDiff {
  /** Keys outside of the clusters. */
  readonly keys: readonly string[];
  readonly clusters: MapDiff<ClusterId, ClusterDiff>;
}

/** What a change of the configuration comes to. Order in the file means nothing. */
export function diffConfig(before: Config, after: Config): ConfigDiff {
  const { clusters: old, ...restBefore } = before;
  const { clusters: current, ...restAfter } = after;
  return { keys: changedKeys(restBefore, restAfter), clusters: diffMaps(old, current, diffCluster) };
}

export const isUnchanged = ({ keys, clusters }: ConfigDiff): boolean =>
  keys.length === 0 && isEmpty(clusters);

function diffCluster(id: ClusterId, before: ClusterConfig, after: ClusterConfig): ClusterDiff | null {
  const [restBefore, restAfter] = [withoutItems(before), withoutItems(after)];
  const diff = {
    id,
    keys: changedKeys(restBefore, restAfter),
    instances: diffMaps(writtenInstances(before), writtenInstances(after), diffItem),
    endpoints: diffMaps(before.endpoints, after.endpoints, diffItem),
  };
  return diff.keys.length === 0 && isEmpty(diff.instances) && isEmpty(diff.endpoints) ? null : diff;
}

function withoutItems(cluster: ClusterConfig): object {
  const { instances, serverLimits, endpoints, ...rest } = cluster;
  return rest;
}

/** Instances with all of their keys, as they stand in the file. */
const writtenInstances = ({ instances, serverLimits }: ClusterConfig): ReadonlyMap<InstanceId, object> =>
  new Map([...instances].map(([id, instance]) => [id, { ...instance, ...serverLimits.get(id) }]));

function diffItem<Id extends string>(id: Id, before: object, after: object): ItemDiff<Id> | null {
  const keys = changedKeys(before, after);
  return keys.length === 0 ? null : { id, keys };
}

function diffMaps<Id extends string, Value, Change>(
  before: ReadonlyMap<Id, Value>,
  after: ReadonlyMap<Id, Value>,
  compare: (id: Id, before: Value, after: Value) => Change | null,
): MapDiff<Id, Change> {
  const changed = [...after].flatMap(([id, value]) => {
    const old = before.get(id);
    const change = old === undefined ? null : compare(id, old, value);
    return change === null ? [] : [change];
  });
  return {
    added: [...after.keys()].filter((id) => !before.has(id)),
    removed: [...before.keys()].filter((id) => !after.has(id)),
    changed,
  };
}

const isEmpty = ({ added, removed, changed }: MapDiff<string, unknown>): boolean =>
  added.length + removed.length + changed.length === 0;

/** Sections of fixed keys are gone into; an address, tags or members are one value each. */
const sections = new Set([
  'serverTls',
  'admin',
  'log',
  'shutdown',
  'tcp',
  'reload',
  'monitor',
  'replication',
  'health',
  'failover',
]);

function changedKeys(before: object, after: object, prefix = ''): readonly string[] {
  const [old, current] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const names = [...new Set([...old.keys(), ...current.keys()])];
  return names.flatMap((name): readonly string[] => {
    const [one, other] = [old.get(name), current.get(name)];
    const key = prefix + writtenKey(name);
    if (sameValue(one, other)) return [];
    if (prefix === '' && sections.has(name) && one && other) return changedKeys(one, other, `${key}.`);
    return [key];
  });
}

/** `drainTimeoutMs` is `drain_timeout` in the file. */
const writtenKey = (name: string): string =>
  name.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function sameValue(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return one === other;
  const [a, b] = [Object.entries(one), Object.entries(other)];
  return (
    a.length === b.length &&
    a.every(
      ([name, value]) =>
        Object.hasOwn(other, name) && sameValue(value, (other as Record<string, unknown>)[name]),
    )
  );
}
