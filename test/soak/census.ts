import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../bench/cpu-time.ts';
import type { AurelayProcess } from '../support/running-aurelay.ts';
import { scrape } from './scrape.ts';

/** What a process has at one moment; all that sessions could leave behind. */
export interface Census {
  /** Of `GET /api/v1/clusters`: sessions of the endpoints, connections that wait, and sessions of the instances. */
  readonly sessions: number;
  readonly held: number;
  readonly attached: number;
  /** Of the metrics: `aurelay_sessions`, `aurelay_held_connections`. */
  readonly openSessions: number;
  readonly heldConnections: number;
  /** Entries of `/proc/PID/fd`. */
  readonly descriptors: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

export type Measure = keyof Census;

/** Sessions that a server took, since the process began. */
export const sessionsSoFar = async ({ url }: AurelayProcess): Promise<number> =>
  (await scrape(url)).sum('aurelay_sessions_total');

export async function census(aurelay: AurelayProcess): Promise<Census> {
  const [{ endpoints, instances }, metrics] = [await aurelay.status(), await scrape(aurelay.url)];
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  return {
    sessions: sum(endpoints.map(({ sessions }) => sessions)),
    held: sum(endpoints.map(({ held }) => held)),
    attached: sum(instances.map(({ sessions }) => sessions)),
    openSessions: metrics.sum('aurelay_sessions'),
    heldConnections: metrics.sum('aurelay_held_connections'),
    descriptors: (await readdir(`/proc/${aurelay.pid}/fd`)).length,
    heapBytes: metrics.sum('aurelay_process_heap_bytes'),
    residentBytes: residentBytes(aurelay.pid),
  };
}

/** Longer than last words, a cancel request under way, an idle connection of the admin API, and a handshake. */
const settleMs = 6_000;
const readings = 5;
const betweenMs = 300;

/**
 * Once nobody is there any more and everything that ends by itself has: the least of several readings, each after a
 * collection, since a probe or a call of the API may be under way in any of them.
 */
export async function settledCensus(aurelay: AurelayProcess): Promise<Census> {
  await sleep(settleMs);
  const all: Census[] = [];
  for (let reading = 0; reading < readings; reading++) {
    aurelay.kill('SIGUSR2');
    await sleep(betweenMs);
    all.push(await census(aurelay));
  }
  return fold(all, Math.min);
}

/** Measure by measure. */
export function fold(all: readonly Census[], choose: (...values: number[]) => number): Census {
  const of = (measure: Measure) => choose(...all.map((one) => one[measure]));
  return {
    sessions: of('sessions'),
    held: of('held'),
    attached: of('attached'),
    openSessions: of('openSessions'),
    heldConnections: of('heldConnections'),
    descriptors: of('descriptors'),
    heapBytes: of('heapBytes'),
    residentBytes: of('residentBytes'),
  };
}

/** Follows the most that a process has, until it is stopped. */
export class PeakWatch {
  readonly #seen: Census[] = [];
  readonly #running: Promise<void>;
  #over = false;

  constructor(aurelay: AurelayProcess, everyMs = 500) {
    this.#running = this.#run(aurelay, everyMs);
  }

  /** Null where it never got to look. */
  async end(): Promise<Census | null> {
    this.#over = true;
    await this.#running;
    return this.#seen[0] ?? null;
  }

  async #run(aurelay: AurelayProcess, everyMs: number): Promise<void> {
    while (!this.#over) {
      const now = await census(aurelay).catch(() => null);
      if (now !== null) this.#seen.splice(0, 1, fold([...this.#seen, now], Math.max));
      await sleep(everyMs);
    }
  }
}
