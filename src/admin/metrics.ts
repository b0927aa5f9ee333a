import { Gauge, Registry } from 'prom-client';
import type { ClusterId, InstanceId } from '../base/brand.ts';
import type { ProbeFailureReason } from '../cluster/observation.ts';
import type { ClusterEvent } from '../control/cluster-event.ts';
import type { ProxyObserver } from '../proxy/observer.ts';
import type { Expiry } from '../tls/tls-files.ts';
import type { Controls, ReloadResult } from './controls.ts';
import { CertificateMetrics } from './metrics/certificates.ts';
import { ClusterMetrics } from './metrics/clusters.ts';
import { ConfigMetrics } from './metrics/config.ts';
import { sampleEventLoopDelay } from './metrics/event-loop-delay.ts';
import { FailoverMetrics } from './metrics/failovers.ts';
import { ProbeMetrics } from './metrics/probes.ts';
import { addProcessMetrics } from './metrics/process.ts';
import { topologyOf } from './metrics/topology.ts';
import { TrafficMetrics } from './metrics/traffic.ts';

/** Everything that Aurelay measures; METRICS.md lists it. */
export interface Metrics {
  /** For the proxy. Never throws. */
  readonly observer: ProxyObserver;
  readonly registry: Registry;
  /** Where the gauges are read from at each scrape; until then there are none. */
  watch(controls: Controls): void;
  /** One probe took so long and ended so. */
  recordProbe(
    cluster: ClusterId,
    instance: InstanceId,
    seconds: number,
    outcome: 'ok' | ProbeFailureReason,
  ): void;
  /** Counts `failover.completed`; every other event is only logged and streamed. */
  recordClusterEvent(event: ClusterEvent): void;
  recordReload(outcome: ReloadResult['outcome']): void;
  /** Where the expiry of certificates is read from at each scrape. */
  watchCertificates(expiries: () => readonly Expiry[]): void;
  /** Changed certificate files were read: they are in use, or no good. */
  recordCertificateReload(outcome: 'ok' | 'failed'): void;
  /** The metrics now, in Prometheus's text format. */
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
  /** Stops sampling. */
  close(): void;
}

export interface MetricsOptions {
  readonly version: string;
  readonly build: string;
  /** What carries the bytes of sessions: `native` or `stream`. */
  readonly relay: string;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  addBuildInfo(registry, options);
  const traffic = new TrafficMetrics(registry);
  const clusters = new ClusterMetrics(registry);
  const probes = new ProbeMetrics(registry);
  const failovers = new FailoverMetrics(registry);
  const config = new ConfigMetrics(registry);
  const certificates = new CertificateMetrics(registry);
  addProcessMetrics(registry);
  const stopSampling = sampleEventLoopDelay(registry);
  let watched: Controls | null = null;

  return {
    observer: traffic,
    registry,
    watch(controls) {
      watched = controls;
    },
    recordProbe: (cluster, instance, seconds, outcome) => probes.record(cluster, instance, seconds, outcome),
    recordClusterEvent: (event) => failovers.record(event),
    recordReload: (outcome) => config.record(outcome),
    watchCertificates: (expiries) => certificates.watch(expiries),
    recordCertificateReload: (outcome) => certificates.recordReload(outcome),
    async render() {
      certificates.collect();
      if (watched !== null) {
        const topology = topologyOf(watched);
        traffic.collect(topology);
        probes.collect(topology);
        failovers.collect(topology);
        clusters.collect(watched);
      }
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
    close: stopSampling,
  };
}

function addBuildInfo(registry: Registry, { version, build, relay }: MetricsOptions): void {
  new Gauge({
    name: 'aurelay_build_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['version', 'build', 'node_version', 'relay'],
    registers: [registry],
  }).set({ version, build, node_version: process.versions.node, relay }, 1);
}
