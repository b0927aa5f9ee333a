import type { ClusterId } from '../base/brand.ts';
import { formatAddress } from '../cluster/instance.ts';
import type { ReadinessJson } from './api.ts';
import type { Controls } from './controls.ts';

/**
 * Ready: every endpoint accepts, every cluster has a writer, and nobody asked for a shutdown. Without `asksWriter` a
 * cluster may be without one: who asks would take the endpoints away from clients that are better held.
 */
export function readiness(controls: Controls, asksWriter: boolean): ReadinessJson {
  const clusters = controls.clusters().map((cluster) => {
    const missing = asksWriter ? writerMissing(controls, cluster) : [];
    const reasons = [...missing, ...endpointsShut(controls, cluster)];
    return [cluster, { ready: reasons.length === 0, reasons }] as const;
  });
  const shuttingDown = controls.shuttingDown();
  return {
    ready: !shuttingDown && clusters.every(([, { ready }]) => ready),
    shutting_down: shuttingDown,
    clusters: Object.fromEntries(clusters),
  };
}

function writerMissing(controls: Controls, cluster: ClusterId): string[] {
  const { writer, phase, reason } = controls.view(cluster);
  if (writer !== null) return [];
  return [`no writer: ${phase}${reason === null ? '' : `, ${reason}`}`];
}

function endpointsShut(controls: Controls, cluster: ClusterId): string[] {
  const listening = controls.listening(cluster);
  return [...controls.config(cluster).endpoints.values()].flatMap(({ id, listen }) => {
    const listener = listening.get(id);
    if (listener?.ok) return [];
    const why = listener?.error ?? 'it has not started yet';
    return [`endpoint "${id}" does not listen on ${formatAddress(listen)}: ${why}`];
  });
}
