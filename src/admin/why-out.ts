import type { EndpointJson, InstanceJson } from './api.ts';

/** Said of the instance itself, and so for every endpoint at once. */
const saidOfInstance: readonly string[] = ['drained', 'deposed', 'unhealthy', 'not replicating'];

/**
 * Why an instance takes no new sessions, or fewer than one would think: first what is wrong with it, then `why (endpoint,
 * …)`; empty where all is well.
 */
export function whyOut(instance: InstanceJson, endpoints: readonly EndpointJson[]): string[] {
  const reasons: string[] = [];
  if (instance.drained) reasons.push('drained');
  if (instance.deposed) reasons.push('deposed');
  if (instance.withheld !== undefined) reasons.push(instance.withheld);
  else if (isWithoutSource(instance)) reasons.push('not replicating');
  if (instance.health !== 'healthy' && instance.last_failure !== null) {
    reasons.push(`${instance.last_failure.reason}: ${instance.last_failure.detail}`);
  } else if (instance.health === 'unknown') reasons.push('not seen yet');
  return [...reasons, ...outOfEndpoints(instance, endpoints)];
}

const isWithoutSource = ({ replicating, role, health, deposed }: InstanceJson): boolean =>
  !replicating && role !== 'writer' && health === 'healthy' && !deposed;

function outOfEndpoints({ id }: InstanceJson, endpoints: readonly EndpointJson[]): string[] {
  const namesByReason = new Map<string, string[]>();
  for (const { name, out } of endpoints) {
    for (const { instance, why } of out) {
      if (instance !== id || saidOfInstance.includes(why)) continue;
      namesByReason.set(why, [...(namesByReason.get(why) ?? []), name]);
    }
  }
  return [...namesByReason].map(([why, names]) => `${why} (${names.join(', ')})`);
}
