import { Counter, Gauge, type Registry } from 'prom-client';
import type { ReloadResult } from '../controls.ts';

const outcomes = ['applied', 'unchanged', 'invalid', 'refused'] as const;

/** How the reloads of the configuration went; named as Prometheus names its own. */
export class ConfigMetrics {
  readonly #successful: Gauge;
  readonly #succeededAt: Gauge;
  readonly #reloads: Counter;

  constructor(registry: Registry) {
    this.#successful = new Gauge({
      name: 'aurelay_config_last_reload_successful',
      help: '1 where the last reload of the configuration, or the start, succeeded.',
      registers: [registry],
    });
    this.#succeededAt = new Gauge({
      name: 'aurelay_config_last_reload_success_timestamp_seconds',
      help: 'When the configuration was last read without an error, in seconds since 1970.',
      registers: [registry],
    });
    this.#reloads = new Counter({
      name: 'aurelay_config_reloads_total',
      help: 'Reloads of the configuration by what came of them.',
      labelNames: ['outcome'],
      registers: [registry],
    });
    for (const outcome of outcomes) this.#reloads.inc({ outcome }, 0);
    this.#succeeded();
  }

  record(outcome: ReloadResult['outcome']): void {
    this.#reloads.inc({ outcome });
    if (outcome === 'applied' || outcome === 'unchanged') this.#succeeded();
    else this.#successful.set(0);
  }

  #succeeded(): void {
    this.#successful.set(1);
    this.#succeededAt.setToCurrentTime();
  }
}
