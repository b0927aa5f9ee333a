import { Counter, Gauge, type Registry } from 'prom-client';
import type { Expiry } from '../../tls/tls-files.ts';

/** The certificates that this process uses. */
export class CertificateMetrics {
  readonly #expiry: Gauge<'file'>;
  readonly #reloads: Counter<'outcome'>;
  #expiries: () => readonly Expiry[] = () => [];

  constructor(registry: Registry) {
    const registers = [registry];
    this.#expiry = new Gauge({
      name: 'aurelay_certificate_expiry_timestamp_seconds',
      help: 'When the certificates in a file expire, in seconds since 1970-01-01 UTC.',
      labelNames: ['file'],
      registers,
    });
    this.#reloads = new Counter({
      name: 'aurelay_certificate_reloads_total',
      help: 'Changed certificate files that were read: ok, or failed and the old ones stay in use.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['ok', 'failed']) this.#reloads.inc({ outcome }, 0);
  }

  watch(expiries: () => readonly Expiry[]): void {
    this.#expiries = expiries;
  }

  recordReload(outcome: 'ok' | 'failed'): void {
    this.#reloads.inc({ outcome });
  }

  collect(): void {
    this.#expiry.reset();
    for (const { file, at } of this.#expiries()) this.#expiry.set({ file }, at / 1000);
  }
}
