import { type Check, type ClusterDraft, clustersOf, error, instancesOf } from './check.ts';

/** Patroni is asked only where it is the one that promotes. */
export const checkPatroni: Check = function* (inspection) {
  for (const cluster of clustersOf(inspection)) {
    const why = objection(cluster.value);
    if (why === null) continue;
    for (const { path, value } of instancesOf(cluster)) {
      if (value.patroni === undefined) continue;
      yield error('inapplicable-key', [...path, 'patroni'], why.message, { on: 'key', hint: why.hint });
    }
  }
};

function objection({ engine, failover }: ClusterDraft): { message: string; hint: string } | null {
  if (engine === 'mysql') return { message: 'Patroni runs PostgreSQL only', hint: 'remove this key' };
  if (failover?.mode !== 'automatic') return null;
  return {
    message: '`patroni` needs `mode: observe`: two that promote would end in two writers',
    hint: 'choose `mode: observe`, or remove this key where Patroni runs no more',
  };
}
