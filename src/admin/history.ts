import type { Health } from '../cluster/view.ts';
import type { HistoryJson } from './api.ts';

/** What is kept of a cluster at one moment. */
export interface ClusterSample {
  readonly name: string;
  readonly instances: readonly InstanceSample[];
  readonly endpoints: readonly EndpointSample[];
}

export interface InstanceSample {
  readonly id: string;
  readonly lagSeconds: number | null;
  readonly sessions: number;
  readonly health: Health;
  readonly role: 'writer' | 'replica' | null;
}

export interface EndpointSample {
  readonly name: string;
  readonly sessions: number;
  readonly held: number;
}

export interface HistoryOptions {
  /** Samples that are kept; the oldest go first. */
  readonly capacity: number;
  /** Instances and endpoints of all clusters together; those beyond it are not kept. */
  readonly maxSeries: number;
  /** Between two samples; only told, not kept to. */
  readonly intervalMs: number;
}

/** An hour, a sample every 5 s: about 7 kB an instance and 6 kB an endpoint, whatever happens. */
export const defaultHistory: HistoryOptions = { capacity: 720, maxSeries: 1_000, intervalMs: 5_000 };

/** Letters of the strings in which health and role are told; `.` where there is no sample. */
const healthLetters = { unknown: 'u', healthy: 'h', suspect: 's', down: 'd' } as const;
const roleLetters = { writer: 'w', replica: 'r', none: '-' } as const;
const noSample = '.';

interface InstanceSeries {
  readonly lag: Float32Array;
  readonly sessions: Float32Array;
  readonly health: Uint8Array;
  readonly role: Uint8Array;
}

interface EndpointSeries {
  readonly sessions: Float32Array;
  readonly held: Float32Array;
}

interface ClusterSeries {
  readonly instances: Map<string, InstanceSeries>;
  readonly endpoints: Map<string, EndpointSeries>;
}

/**
 * What was, at regular moments: rings of fixed size, one for each instance and endpoint that is configured now. Without
 * a clock and without a timer; `at` is in milliseconds since 1970.
 */
export class History {
  readonly #options: HistoryOptions;
  readonly #at: Float64Array;
  readonly #clusters = new Map<string, ClusterSeries>();
  #recorded = 0;
  #series = 0;

  constructor(options: HistoryOptions = defaultHistory) {
    this.#options = options;
    this.#at = new Float64Array(options.capacity);
  }

  /** Everything that is configured at the moment; what is missing was taken out of the configuration, and is forgotten. */
  record(at: number, clusters: readonly ClusterSample[]): void {
    // A clock that was set back: what was written down with the wrong time would stand after what comes now.
    if (this.#recorded > 0 && at <= (this.#at[this.#slot(this.#recorded - 1)] ?? 0)) this.#forgetAll();
    this.#forgetMissing(clusters);
    const slot = this.#slot(this.#recorded);
    this.#at[slot] = at;
    this.#recorded += 1;
    for (const cluster of clusters) this.#write(slot, cluster);
  }

  /** Samples that are newer than `since`, in milliseconds since 1970. */
  json(since = 0): HistoryJson {
    const oldest = Math.max(0, this.#recorded - this.#options.capacity);
    const slots: number[] = [];
    for (let number = oldest; number < this.#recorded; number += 1) {
      const slot = this.#slot(number);
      if ((this.#at[slot] ?? 0) > since) slots.push(slot);
    }
    return {
      interval_ms: this.#options.intervalMs,
      at_ms: slots.map((slot) => this.#at[slot] ?? 0),
      clusters: [...this.#clusters].map(([name, { instances, endpoints }]) => ({
        name,
        instances: [...instances].map(([id, series]) => ({
          id,
          lag_seconds: numbers(series.lag, slots),
          sessions: numbers(series.sessions, slots),
          health: letters(series.health, slots),
          role: letters(series.role, slots),
        })),
        endpoints: [...endpoints].map(([endpoint, series]) => ({
          name: endpoint,
          sessions: numbers(series.sessions, slots),
          held: numbers(series.held, slots),
        })),
      })),
    };
  }

  #slot(number: number): number {
    return number % this.#options.capacity;
  }

  #write(slot: number, { name, instances, endpoints }: ClusterSample): void {
    const cluster = this.#clusters.get(name) ?? { instances: new Map(), endpoints: new Map() };
    this.#clusters.set(name, cluster);
    for (const { id, lagSeconds, sessions, health, role } of instances) {
      const series = this.#seriesOf(cluster.instances, id, () => this.#newInstance());
      if (series === null) continue;
      series.lag[slot] = lagSeconds ?? Number.NaN;
      series.sessions[slot] = sessions;
      series.health[slot] = healthLetters[health].charCodeAt(0);
      series.role[slot] = roleLetters[role ?? 'none'].charCodeAt(0);
    }
    for (const { name: endpoint, sessions, held } of endpoints) {
      const series = this.#seriesOf(cluster.endpoints, endpoint, () => this.#newEndpoint());
      if (series === null) continue;
      series.sessions[slot] = sessions;
      series.held[slot] = held;
    }
  }

  #seriesOf<Series>(known: Map<string, Series>, name: string, make: () => Series): Series | null {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (this.#series >= this.#options.maxSeries) return null;
    this.#series += 1;
    const made = make();
    known.set(name, made);
    return made;
  }

  #newInstance(): InstanceSeries {
    return { lag: this.#unknown(), sessions: this.#unknown(), health: this.#dots(), role: this.#dots() };
  }

  #newEndpoint(): EndpointSeries {
    return { sessions: this.#unknown(), held: this.#unknown() };
  }

  #unknown(): Float32Array {
    return new Float32Array(this.#options.capacity).fill(Number.NaN);
  }

  #dots(): Uint8Array {
    return new Uint8Array(this.#options.capacity).fill(noSample.charCodeAt(0));
  }

  #forgetAll(): void {
    this.#clusters.clear();
    this.#recorded = 0;
    this.#series = 0;
  }

  #forgetMissing(clusters: readonly ClusterSample[]): void {
    const present = new Map(clusters.map((cluster) => [cluster.name, cluster]));
    for (const [name, { instances, endpoints }] of this.#clusters) {
      const cluster = present.get(name);
      const kept = new Set(cluster?.instances.map(({ id }) => id));
      const keptEndpoints = new Set(cluster?.endpoints.map((endpoint) => endpoint.name));
      this.#forget(instances, kept);
      this.#forget(endpoints, keptEndpoints);
      if (cluster === undefined) this.#clusters.delete(name);
    }
  }

  #forget(series: Map<string, unknown>, kept: ReadonlySet<string>): void {
    for (const name of series.keys()) {
      if (kept.has(name)) continue;
      series.delete(name);
      this.#series -= 1;
    }
  }
}

const numbers = (values: Float32Array, slots: readonly number[]): (number | null)[] =>
  slots.map((slot) => {
    const value = values[slot] ?? Number.NaN;
    return Number.isNaN(value) ? null : Math.round(value * 1_000) / 1_000;
  });

const letters = (codes: Uint8Array, slots: readonly number[]): string =>
  slots.map((slot) => String.fromCharCode(codes[slot] ?? 0)).join('');
