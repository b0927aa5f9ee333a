import type { InstanceId } from '../base/brand.ts';
import type { Clock } from '../base/clock.ts';
import { type ErrorCode, errorTable } from '../base/errors.ts';
import { type Flood, flood } from '../log/flood.ts';
import { type LineLogger, tell } from '../log/tell.ts';
import type { SocketEnd } from '../proxy-protocol/header.ts';
import { clientFields } from './entry/origin.ts';
import type { At, DialFailure, ProxyObserver } from './observer.ts';

/** Between two lines about the same trouble at the same endpoint. */
const quietMs = 10_000;

interface Refusal {
  readonly at: At;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly client: SocketEnd | null;
}

interface FailedDial {
  readonly at: At;
  readonly instance: InstanceId;
  readonly reason: DialFailure;
  readonly detail: string;
}

/**
 * Writes lines of the log about clients that are refused and servers that take no session, a few however many there are,
 * and passes everything on to `observer`. A client that leaves is no trouble of anybody's.
 */
export class LoggedObserver implements ProxyObserver {
  readonly #observer: ProxyObserver;
  readonly #refusals: Flood<Refusal>;
  readonly #failedDials: Flood<FailedDial>;

  constructor(observer: ProxyObserver, logger: LineLogger, clock: Clock) {
    this.#observer = observer;
    this.#refusals = flood(
      quietMs,
      clock,
      ({ at, code }) => [at.cluster, at.endpoint, code].join(' '),
      ({ at, code, detail, client }, suppressed) => {
        const fields = { ...at, ...clientFields(client), reason: code, suppressed };
        tell(logger, 'client.refused', fields, detail, errorTable[code].level);
      },
    );
    this.#failedDials = flood(
      quietMs,
      clock,
      ({ at, instance, reason }) => [at.cluster, at.endpoint, instance, reason].join(' '),
      ({ at, instance, reason, detail }, suppressed) => {
        const fields = { ...at, instance, reason, suppressed };
        tell(logger, 'dial.failed', fields, `${instance} did not take a session: ${detail}`);
      },
    );
  }

  /** Says what was held back. Nothing is logged afterwards. */
  close(): void {
    this.#refusals.close();
    this.#failedDials.close();
  }

  accepted(at: At): void {
    this.#observer.accepted(at);
  }

  routed(at: At, instance: InstanceId, seconds: number): void {
    this.#observer.routed(at, instance, seconds);
  }

  closed(...ended: Parameters<ProxyObserver['closed']>): void {
    this.#observer.closed(...ended);
  }

  refused(at: At, code: ErrorCode | 'client_gone', detail: string, client: SocketEnd | null): void {
    this.#observer.refused(at, code, detail, client);
    if (code !== 'client_gone') this.#refusals.tell({ at, code, detail, client });
  }

  dialFailed(at: At, instance: InstanceId, reason: DialFailure, detail: string): void {
    this.#observer.dialFailed(at, instance, reason, detail);
    this.#failedDials.tell({ at, instance, reason, detail });
  }

  held(at: At): void {
    this.#observer.held(at);
  }

  unheld(...ended: Parameters<ProxyObserver['unheld']>): void {
    this.#observer.unheld(...ended);
  }

  tlsHandshakeFailed(at: At): void {
    this.#observer.tlsHandshakeFailed(at);
  }

  cancelled(at: At, servers: number): void {
    this.#observer.cancelled(at, servers);
  }
}
