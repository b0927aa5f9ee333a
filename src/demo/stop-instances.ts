import type { EmbeddedInstance } from './cluster.ts';

/** Stops all of them, whatever happens to one; then throws what went wrong first. */
export async function stopInstances(instances: readonly EmbeddedInstance[]): Promise<void> {
  const results = await Promise.allSettled(instances.map((instance) => instance.stop()));
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
