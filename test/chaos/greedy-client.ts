import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlClient } from '../support/drivers.ts';
import { connect, type EngineUnderTest } from '../support/engines-under-test.ts';

/** A user without any right beyond logging in: no slot is reserved for it. */
const user = 'greedy';
/** More than any server of the rig has slots. */
const mostSessions = 250;
const takers = 4;
const againMs = 20;

/** On the writer, once; the replicas get it from there. */
export async function createGreedyUser(engine: EngineUnderTest, port: number): Promise<void> {
  const client = await connect(engine, port);
  try {
    await client.query(
      engine.cluster === 'pg'
        ? `DROP ROLE IF EXISTS ${user}; CREATE ROLE ${user} LOGIN`
        : `CREATE USER IF NOT EXISTS ${user}@'127.0.0.1'`,
    );
  } finally {
    await client.close();
  }
}

/** Takes every ordinary connection slot of a server, past Aurelay, and each one that falls free, until it is stopped. */
export class GreedyClient {
  readonly #engine: EngineUnderTest;
  readonly #port: number;
  readonly #held = new Set<SqlClient>();
  readonly #running: Promise<unknown>;
  #stopped = false;
  #onFull: () => void = () => {};
  /** Resolves when it is refused for the first time. */
  readonly full: Promise<void>;

  constructor(engine: EngineUnderTest, port: number) {
    this.#engine = engine;
    this.#port = port;
    this.full = new Promise((resolve) => {
      this.#onFull = resolve;
    });
    this.#running = Promise.all(Array.from({ length: takers }, () => this.#take()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all([...this.#held].map((client) => client.close()));
  }

  async #take(): Promise<void> {
    const [driver] = this.#engine.drivers;
    while (!this.#stopped && driver !== undefined) {
      try {
        const client = await driver.connect({ port: this.#port, user });
        this.#held.add(client);
        void client.ended.then(() => this.#held.delete(client));
        if (this.#held.size < mostSessions) continue;
      } catch {
        // Refused, whatever for: the next one may get in where a session has ended.
      }
      this.#onFull();
      await sleep(againMs);
    }
  }
}
