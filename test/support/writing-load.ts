import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlClient } from './drivers.ts';
import { connect, type EngineUnderTest } from './engines-under-test.ts';
import { eventually } from './eventually.ts';
import type { Cleanup } from './servers.ts';

const intervalMs = 10;

/** A row that a server has acknowledged; `at` in milliseconds of the monotonic clock. */
interface Acknowledged {
  readonly id: number;
  readonly at: number;
}

/**
 * An application that inserts a row every 10 ms over one connection, and connects again where that breaks. It has no
 * timeouts of its own: what would hang an application hangs the test.
 */
export class WritingLoad {
  readonly acknowledged: Acknowledged[] = [];
  /** What it was told when an insert or a connect failed. */
  readonly errors: string[] = [];
  readonly #engine: EngineUnderTest;
  readonly #port: number;
  readonly #table: string;
  #client: SqlClient | null = null;
  #next = 1;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(engine: EngineUnderTest, port: number, table: string) {
    this.#engine = engine;
    this.#port = port;
    this.#table = table;
  }

  /** Makes its table and begins; resolves with the first rows written. Ends with the test. */
  static async start(t: Cleanup, engine: EngineUnderTest, port: number): Promise<WritingLoad> {
    const load = new WritingLoad(engine, port, 'written');
    const setup = await connect(engine, port);
    for (const sql of engine.createTable('written')) await setup.query(sql);
    await setup.close();
    load.#running = load.#run();
    t.after(() => load.stop());
    await load.moreRows(20);
    return load;
  }

  /** Resolves once `count` more rows are acknowledged. */
  async moreRows(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await eventually(`${count} more rows are written`, () => this.acknowledged.length >= goal);
  }

  /** The longest time, in milliseconds, in which no row was acknowledged. */
  longestGapMs(): number {
    let longest = 0;
    for (const [index, { at }] of this.acknowledged.entries()) {
      longest = Math.max(longest, at - (this.acknowledged[index - 1]?.at ?? at));
    }
    return longest;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#client?.close();
    this.#client = null;
  }

  /** The acknowledged ids that cannot be read over `client`. */
  async missing(client: SqlClient): Promise<number[]> {
    const rows = await client.query(`SELECT id FROM ${this.#engine.table(this.#table)}`);
    const present = new Set(rows.map(({ id }) => Number(id)));
    return this.acknowledged.map(({ id }) => id).filter((id) => !present.has(id));
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      // An insert without an answer may have happened: its id is not used again.
      const id = this.#next++;
      try {
        this.#client ??= await connect(this.#engine, this.#port);
        await this.#client.query(`INSERT INTO ${this.#engine.table(this.#table)} VALUES (${id})`);
        this.acknowledged.push({ id, at: performance.now() });
      } catch (error) {
        this.errors.push((error as Error).message);
        const broken = this.#client;
        this.#client = null;
        await broken?.close();
      }
      await sleep(intervalMs);
    }
  }
}
