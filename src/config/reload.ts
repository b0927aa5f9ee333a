import type { ClusterId } from '../base/brand.ts';
import type { Config } from './config.ts';
import { type ClusterDiff, diffConfig, type ItemDiff, type MapDiff } from './diff.ts';

/** What a changed configuration comes to for an Aurelay that runs. */
export interface ReloadPlan {
  readonly isUnchanged: boolean;
  /** What only a restart can change; with any of it nothing is changed. */
  readonly refusals: readonly string[];
  readonly addedClusters: readonly ClusterId[];
  readonly removedClusters: readonly ClusterId[];
  /** Each with what changed in it, in words. Never a value: some are secret. */
  readonly changedClusters: ReadonlyMap<ClusterId, string>;
  /** All of it. */
  readonly summary: string;
}

/** Keys outside of the clusters that are read again; whatever else is there is read at the start only. */
const reloadedKeys: readonly string[] = [
  'admin.token',
  'log.level',
  'log.format',
  'shutdown.drain_timeout',
  'tcp.keepalive',
  'reload.watch',
];

export function planReload(before: Config, after: Config): ReloadPlan {
  const diff = diffConfig(before, after);
  const { added, removed, changed } = diff.clusters;
  const changedClusters = new Map(changed.map((cluster) => [cluster.id, clusterSummary(cluster)]));
  const refusals = [
    ...diff.keys.filter((key) => !reloadedKeys.includes(key)).map((key) => `\`${key}\` cannot change`),
    ...changed
      .filter(({ keys }) => keys.includes('engine'))
      .map(({ id }) => `\`clusters.${id}.engine\` cannot change`),
  ];
  const words = [
    ...diff.keys,
    ...added.map((id) => `cluster ${id} added`),
    ...removed.map((id) => `cluster ${id} removed`),
    ...changed.map((cluster) => `cluster ${cluster.id}: ${clusterSummary(cluster)}`),
  ];
  return {
    isUnchanged: words.length === 0,
    refusals,
    addedClusters: added,
    removedClusters: removed,
    changedClusters,
    summary: words.length === 0 ? 'nothing has changed' : words.join('; '),
  };
}

const clusterSummary = ({ keys, instances, endpoints }: ClusterDiff): string =>
  [...keys, ...mapSummary('instance', instances), ...mapSummary('endpoint', endpoints)].join(', ');

const mapSummary = <Id extends string>(
  what: string,
  { added, removed, changed }: MapDiff<Id, ItemDiff<Id>>,
): readonly string[] => [
  ...added.map((id) => `${what} ${id} added`),
  ...removed.map((id) => `${what} ${id} removed`),
  ...changed.map(({ id, keys }) => `${what} ${id}: ${keys.join(' ')}`),
];
