import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { ClusterId, EndpointId, InstanceId } from '../../base/brand.ts';
import { type ErrorCode, errorTable } from '../../base/errors.ts';
import type { At, CloseReason, ProxyObserver } from '../../proxy/observer.ts';
import { type Labels, MetricFamily } from './family.ts';
import { measured } from './measured.ts';
import type { Topology } from './topology.ts';

const atEndpoint = ['cluster', 'endpoint'];
const atInstance = ['cluster', 'endpoint', 'instance'];
const atReason = ['cluster', 'endpoint', 'reason'];

const closeReasons: readonly CloseReason[] = [
  'client-closed',
  'server-closed',
  'client-error',
  'server-error',
  'failover',
  'idle-timeout',
  'removed',
  'shutdown',
  'refused',
];
const errorReasons = [...(Object.keys(errorTable) as ErrorCode[]), 'client_gone'];

const routeBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const holdBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60];
const sessionBuckets = [0.01, 0.1, 1, 10, 60, 300, 1800, 3600, 14_400, 86_400];

/** What the proxy reports, counted. Every call is a few map look-ups and additions. */
export class TrafficMetrics implements ProxyObserver {
  readonly #accepted;
  readonly #sessionsTotal;
  readonly #sessionDuration;
  readonly #sessionsClosed;
  readonly #sessionErrors;
  readonly #dialFailures;
  readonly #routeDuration;
  readonly #holdDuration;
  readonly #tlsFailures;
  readonly #cancels;
  readonly #bytesSent;
  readonly #bytesReceived;
  readonly #sessions: Gauge;
  readonly #open = new Map<string, { readonly labels: Labels; count: number }>();
  readonly #families: readonly MetricFamily<unknown>[];

  constructor(registry: Registry) {
    const families: MetricFamily<unknown>[] = [];
    const keep = <Child>(family: MetricFamily<Child>): MetricFamily<Child> => {
      families.push(family);
      return family;
    };
    const counter = (name: string, help: string, labelNames: string[]) =>
      keep(new MetricFamily(new Counter({ name, help, labelNames, registers: [registry] }), labelNames));
    const histogram = (name: string, help: string, labelNames: string[], buckets: number[]) =>
      keep(
        new MetricFamily(
          new Histogram({ name, help, labelNames, buckets, registers: [registry] }),
          labelNames,
        ),
      );

    this.#accepted = counter(
      'aurelay_connections_accepted_total',
      'TCP connections of clients that an endpoint accepted.',
      atEndpoint,
    );
    this.#sessions = new Gauge({
      name: 'aurelay_sessions',
      help: 'Sessions that are open now.',
      labelNames: atInstance,
      registers: [registry],
    });
    this.#sessionsTotal = counter('aurelay_sessions_total', 'Sessions that a server took.', atInstance);
    this.#sessionDuration = histogram(
      'aurelay_session_duration_seconds',
      'How long sessions lasted, once ended.',
      atEndpoint,
      sessionBuckets,
    );
    this.#sessionsClosed = counter(
      'aurelay_sessions_closed_total',
      'Sessions that ended, by who or what ended them.',
      atReason,
    );
    this.#sessionErrors = counter(
      'aurelay_session_errors_total',
      'Connections that were answered with an error, or left before they were served.',
      atReason,
    );
    this.#dialFailures = counter(
      'aurelay_dial_failures_total',
      'Connections to a server that failed; another member may still have taken the session.',
      ['cluster', 'endpoint', 'instance', 'reason'],
    );
    this.#routeDuration = histogram(
      'aurelay_route_duration_seconds',
      'From the request of a client until a server took the session, holding included.',
      atEndpoint,
      routeBuckets,
    );
    this.#holdDuration = histogram(
      'aurelay_hold_duration_seconds',
      'How long connections waited for a writer, by how that ended.',
      ['cluster', 'endpoint', 'outcome'],
      holdBuckets,
    );
    this.#tlsFailures = counter(
      'aurelay_tls_handshake_failures_total',
      'Clients with which an endpoint that ends TLS did not agree on any.',
      atEndpoint,
    );
    this.#cancels = counter('aurelay_cancels_total', 'Cancel requests that clients sent.', atEndpoint);
    this.#bytesSent = counter(
      'aurelay_bytes_sent_total',
      'Bytes carried from clients to servers, added when a session ends.',
      atInstance,
    );
    this.#bytesReceived = counter(
      'aurelay_bytes_received_total',
      'Bytes carried from servers to clients, added when a session ends.',
      atInstance,
    );
    this.#families = families;
  }

  accepted(at: At): void {
    this.#accepted.at(at.cluster, at.endpoint).inc();
  }

  routed(at: At, instance: InstanceId, seconds: number): void {
    this.#sessionsTotal.at(at.cluster, at.endpoint, instance).inc();
    this.#routeDuration.at(at.cluster, at.endpoint).observe(measured(seconds));
    this.#openAt(at.cluster, at.endpoint, instance).count += 1;
  }

  closed(
    at: At,
    instance: InstanceId,
    reason: CloseReason,
    bytes: { sent: number; received: number },
    seconds: number,
  ): void {
    this.#sessionsClosed.at(at.cluster, at.endpoint, reason).inc();
    this.#sessionDuration.at(at.cluster, at.endpoint).observe(measured(seconds));
    this.#bytesSent.at(at.cluster, at.endpoint, instance).inc(measured(bytes.sent));
    this.#bytesReceived.at(at.cluster, at.endpoint, instance).inc(measured(bytes.received));
    this.#openAt(at.cluster, at.endpoint, instance).count -= 1;
  }

  refused(at: At, code: ErrorCode | 'client_gone'): void {
    this.#sessionErrors.at(at.cluster, at.endpoint, code).inc();
  }

  dialFailed(at: At, instance: InstanceId, reason: 'refused' | 'timeout' | 'error' | 'server-error'): void {
    this.#dialFailures.at(at.cluster, at.endpoint, instance, reason).inc();
  }

  /** Who is held now is read from `Controls` when somebody asks; its end is what is counted. */
  held(): void {}

  unheld(at: At, outcome: 'released' | 'timeout' | 'client-gone' | 'shutdown', seconds: number): void {
    this.#holdDuration.at(at.cluster, at.endpoint, outcome).observe(measured(seconds));
  }

  tlsHandshakeFailed(at: At): void {
    this.#tlsFailures.at(at.cluster, at.endpoint).inc();
  }

  cancelled(at: At): void {
    this.#cancels.at(at.cluster, at.endpoint).inc();
  }

  /**
   * Before each scrape: counters that exist at 0 (a rate sees the first error only if there was a 0 before it),
   * nothing of what is no longer configured, and the open sessions as they are.
   */
  collect(topology: Topology): void {
    for (const family of this.#families) family.retain((labels) => topology.has(labels));
    for (const { cluster, endpoints, instances } of topology.clusters) {
      for (const endpoint of endpoints) this.#startAtZero(cluster, endpoint, instances);
    }
    this.#publishOpen(topology);
  }

  #startAtZero(cluster: ClusterId, endpoint: EndpointId, instances: readonly InstanceId[]): void {
    this.#accepted.at(cluster, endpoint).inc(0);
    this.#tlsFailures.at(cluster, endpoint).inc(0);
    this.#cancels.at(cluster, endpoint).inc(0);
    for (const reason of closeReasons) this.#sessionsClosed.at(cluster, endpoint, reason).inc(0);
    for (const reason of errorReasons) this.#sessionErrors.at(cluster, endpoint, reason).inc(0);
    for (const instance of instances) {
      this.#sessionsTotal.at(cluster, endpoint, instance).inc(0);
      this.#openAt(cluster, endpoint, instance);
    }
  }

  #publishOpen(topology: Topology): void {
    this.#sessions.reset();
    for (const [key, { labels, count }] of this.#open) {
      // A session may outlive the configuration of its endpoint; it is shown until it ends.
      if (count === 0 && !topology.has(labels)) this.#open.delete(key);
      else this.#sessions.set(labels, count);
    }
  }

  #openAt(cluster: ClusterId, endpoint: EndpointId, instance: InstanceId): { count: number } {
    const key = `${cluster}\0${endpoint}\0${instance}`;
    let open = this.#open.get(key);
    if (open === undefined) {
      open = { labels: { cluster, endpoint, instance }, count: 0 };
      this.#open.set(key, open);
    }
    return open;
  }
}
