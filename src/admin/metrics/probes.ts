import { Counter, Histogram, type Registry } from 'prom-client';
import type { ClusterId, InstanceId } from '../../base/brand.ts';
import { aliveReasons, deadReasons, type ProbeFailureReason } from '../../cluster/observation.ts';
import { MetricFamily } from './family.ts';
import { measured } from './measured.ts';
import type { Topology } from './topology.ts';

export class ProbeMetrics {
  readonly #duration;
  readonly #failures;

  constructor(registry: Registry) {
    const ofInstance = ['cluster', 'instance'];
    this.#duration = new MetricFamily(
      new Histogram({
        name: 'aurelay_probe_duration_seconds',
        help: 'How long probes took, failed ones included.',
        labelNames: ofInstance,
        buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
        registers: [registry],
      }),
      ofInstance,
    );
    const ofReason = [...ofInstance, 'reason'];
    this.#failures = new MetricFamily(
      new Counter({
        name: 'aurelay_probe_failures_total',
        help: 'Probes that failed, by reason.',
        labelNames: ofReason,
        registers: [registry],
      }),
      ofReason,
    );
  }

  record(
    cluster: ClusterId,
    instance: InstanceId,
    seconds: number,
    outcome: 'ok' | ProbeFailureReason,
  ): void {
    this.#duration.at(cluster, instance).observe(measured(seconds));
    if (outcome !== 'ok') this.#failures.at(cluster, instance, outcome).inc();
  }

  collect(topology: Topology): void {
    this.#duration.retain((labels) => topology.has(labels));
    this.#failures.retain((labels) => topology.has(labels));
    for (const { cluster, instances } of topology.clusters) {
      for (const instance of instances) {
        for (const reason of [...deadReasons, ...aliveReasons]) {
          this.#failures.at(cluster, instance, reason).inc(0);
        }
      }
    }
  }
}
