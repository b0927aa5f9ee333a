import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Cleanup } from '../support/servers.ts';

export interface Acknowledged {
  readonly id: number;
  /** Milliseconds of the monotonic clock. */
  readonly at: number;
  /** The server that said so. */
  readonly server: string;
}

/** An application that inserts a row every 10 ms through one proxy, connects again where that breaks, and has no timeouts. */
export class Writer {
  readonly acknowledged: Acknowledged[] = [];
  readonly errors: string[] = [];
  readonly proxy: string;
  readonly #port: number;
  #client: pg.Client | null = null;
  #next = 1;
  #stopped = false;

  constructor(t: Cleanup, proxy: string, port: number) {
    this.proxy = proxy;
    this.#port = port;
    const running = this.#run();
    t.after(async () => {
      this.#stopped = true;
      const client = this.#client;
      await Promise.race([running, sleep(1_000)]);
      // Whoever waits in a proxy that answers nothing is left by force.
      (
        client as unknown as { connection?: { stream?: { destroy(): void } } } | null
      )?.connection?.stream?.destroy();
    });
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // An insert without an answer may have happened: its id is not used again.
      const id = this.#next++;
      try {
        this.#client ??= await this.#connect();
        const insert = `INSERT INTO written VALUES ('${this.proxy}', ${id}) RETURNING current_setting('cluster_name') || ':' || current_setting('port') AS server`;
        const { rows } = await this.#client.query<{ server: string }>(insert);
        this.acknowledged.push({ id, at: performance.now(), server: rows[0]?.server.split(':')[1] ?? '?' });
      } catch (error) {
        this.errors.push((error as Error).message);
        const broken = this.#client;
        this.#client = null;
        await Promise.race([broken?.end().catch(() => {}), sleep(500)]);
      }
      await sleep(10);
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.#port,
      user: 'postgres',
      database: 'postgres',
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** From a time on: the longest time without an acknowledged row, in milliseconds, as far as `until`. */
  longestGapMs(since: number, until: number): number {
    const times = this.acknowledged.map(({ at }) => at).filter((at) => at >= since - 1_000);
    let longest = 0;
    let last = since;
    for (const at of [...times, until]) {
      longest = Math.max(longest, at - last);
      last = at;
    }
    return longest;
  }
}
