import { Counter, Histogram, type Registry } from 'prom-client';
import type { ClusterEvent } from '../../control/cluster-event.ts';
import { MetricFamily } from './family.ts';
import { measured } from './measured.ts';
import type { Topology } from './topology.ts';

const failoverKinds = ['failover', 'switchover', 'adopted'];

export class FailoverMetrics {
  readonly #total;
  readonly #duration;

  constructor(registry: Registry) {
    const ofReason = ['cluster', 'reason'];
    this.#total = new MetricFamily(
      new Counter({
        name: 'aurelay_failovers_total',
        help: 'Changes of the writer: failover, switchover, or adopted (made by somebody else).',
        labelNames: ofReason,
        registers: [registry],
      }),
      ofReason,
    );
    this.#duration = new MetricFamily(
      new Histogram({
        name: 'aurelay_failover_duration_seconds',
        help: 'From the first sign that the writer is gone, or the order, until the new one takes sessions.',
        labelNames: ofReason,
        buckets: [0.1, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 15, 30, 60],
        registers: [registry],
      }),
      ofReason,
    );
  }

  record(event: ClusterEvent): void {
    if (event.name !== 'failover.completed') return;
    const kind = event.details.kind;
    const reason = typeof kind === 'string' && failoverKinds.includes(kind) ? kind : 'other';
    this.#total.at(event.cluster, reason).inc();
    const seconds = event.details.duration_seconds;
    if (typeof seconds === 'number') this.#duration.at(event.cluster, reason).observe(measured(seconds));
  }

  collect(topology: Topology): void {
    this.#total.retain((labels) => topology.has(labels));
    this.#duration.retain((labels) => topology.has(labels));
    for (const { cluster } of topology.clusters) {
      for (const kind of failoverKinds) this.#total.at(cluster, kind).inc(0);
    }
  }
}
