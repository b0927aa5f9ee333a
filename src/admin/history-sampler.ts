import type { ClusterId } from '../base/brand.ts';
import type { Controls } from './controls.ts';
import type { ClusterSample, History } from './history.ts';

/** Writes down how things are, now and every `intervalMs`. Returns what ends it. */
export function sampleHistory(history: History, controls: Controls, intervalMs: number): () => void {
  const sample = () => {
    history.record(
      Date.now(),
      controls.clusters().map((cluster) => sampleOf(controls, cluster)),
    );
  };
  sample();
  const timer = setInterval(sample, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

function sampleOf(controls: Controls, cluster: ClusterId): ClusterSample {
  const { instances } = controls.view(cluster);
  const { endpoints } = controls.config(cluster);
  const { sessionsByInstance, sessionsByEndpoint, heldByEndpoint } = controls.load(cluster);
  return {
    name: cluster,
    instances: [...instances].map(([id, { lagSeconds, health, role }]) => ({
      ...{ id, lagSeconds, health, role },
      sessions: sessionsByInstance.get(id) ?? 0,
    })),
    endpoints: [...endpoints.keys()].map((name) => ({
      name,
      sessions: sessionsByEndpoint.get(name) ?? 0,
      held: heldByEndpoint.get(name) ?? 0,
    })),
  };
}
