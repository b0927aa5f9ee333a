import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../support/eventually.ts';
import { drawVisit, type Site, type VisitName, visits } from './visits.ts';

/** Visitors at a time, */
const crowd = 24;
/** and those that only come and go: what a session leaves behind shows once there were many. */
const hasty = 6;
/** Longer than any hold, any failover and any deadline of a driver. */
const visitDeadlineMs = 60_000;
/** So that a writer that is away does not make a loop that only fails. */
const pauseMs = 10;

export interface Tally {
  /** By kind: how many came, and how many of them failed. */
  readonly visits: ReadonlyMap<VisitName, { readonly count: number; readonly failed: number }>;
  /** Visits that never came to an end. */
  readonly hung: readonly VisitName[];
}

/** Visitors of all kinds, one after the other in each of several lanes. */
export class Traffic {
  readonly #site: Omit<Site, 'keep'>;
  readonly #counts = new Map<VisitName, { count: number; failed: number }>();
  readonly #hung: VisitName[] = [];
  readonly #running: Promise<unknown>;
  #over = false;

  constructor(site: Omit<Site, 'keep'>) {
    this.#site = site;
    const lanes = Array.from({ length: crowd + hasty }, (_, lane) =>
      this.#lane(lane < crowd ? () => drawVisit(site.prng) : () => 'short'),
    );
    this.#running = Promise.all(lanes);
  }

  /** Resolves when the last visitor has gone. */
  async stop(): Promise<Tally> {
    this.#over = true;
    await this.#running;
    return { visits: this.#counts, hung: this.#hung };
  }

  async #lane(next: () => VisitName): Promise<void> {
    while (!this.#over) {
      await this.#receive(next());
      await sleep(pauseMs);
    }
  }

  async #receive(name: VisitName): Promise<void> {
    const counts = this.#counts.get(name) ?? { count: 0, failed: 0 };
    this.#counts.set(name, counts);
    counts.count += 1;
    const sockets: Socket[] = [];
    const begunAt = performance.now();
    try {
      const visit = visits[name].visit({ ...this.#site, keep: (socket) => void sockets.push(socket) });
      await within(name, visitDeadlineMs, visit);
    } catch {
      counts.failed += 1;
      if (performance.now() - begunAt >= visitDeadlineMs) this.#hung.push(name);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  }
}
