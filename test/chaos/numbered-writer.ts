import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SqlClient } from '../support/drivers.ts';
import { connect, type EngineUnderTest } from '../support/engines-under-test.ts';
import { eventually } from '../support/eventually.ts';
import type { Cleanup } from '../support/servers.ts';

const table = 'numbered';

/** A row that a server has acknowledged. Times in milliseconds of the monotonic clock. */
export interface Acknowledged {
  readonly client: number;
  readonly number: number;
  /** The port of the server that took it, in that server's own words. */
  readonly server: number;
  readonly at: number;
}

/** A row in the table, and how often it is there. */
export interface StoredRow {
  readonly client: number;
  readonly number: number;
  readonly copies: number;
}

/** Without a key: what is written twice is there twice. */
export async function createNumbered(engine: EngineUnderTest, port: number): Promise<void> {
  const client = await connect(engine, port);
  try {
    if (engine.cluster === 'mysql') await client.query('CREATE DATABASE IF NOT EXISTS e2e');
    await client.query(`DROP TABLE IF EXISTS ${engine.table(table)}`);
    await client.query(`CREATE TABLE ${engine.table(table)} (client int NOT NULL, number bigint NOT NULL)`);
  } finally {
    await client.close();
  }
}

export async function readNumbered(engine: EngineUnderTest, port: number): Promise<StoredRow[]> {
  const client = await connect(engine, port);
  try {
    const rows = await client.query(
      `SELECT client, number, count(*) AS copies FROM ${engine.table(table)} GROUP BY client, number`,
    );
    return rows.map(({ client, number, copies }) => ({
      client: Number(client),
      number: Number(number),
      copies: Number(copies),
    }));
  } finally {
    await client.close();
  }
}

export interface NumberedWriterOptions {
  readonly engine: EngineUnderTest;
  readonly port: number;
  readonly client: number;
  readonly intervalMs: number;
}

/**
 * An application that inserts numbered rows over one connection, and connects again at once where that breaks. It tries
 * no number twice, and has no timeout of its own.
 */
export class NumberedWriter {
  readonly acknowledged: Acknowledged[] = [];
  /** How many inserts ended without an answer, or with an error. */
  failed = 0;
  /** The last number that it tried. */
  tried = 0;
  readonly #options: NumberedWriterOptions;
  #session: Session | null = null;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: NumberedWriterOptions) {
    this.#options = options;
  }

  /** Begins; ends with the test. */
  static start(t: Cleanup, options: NumberedWriterOptions): NumberedWriter {
    const writer = new NumberedWriter(options);
    writer.#running = writer.#run();
    t.after(() => writer.stop());
    return writer;
  }

  async untilMore(count: number, deadlineMs?: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await eventually(`${count} more rows`, () => this.acknowledged.length >= goal, deadlineMs);
  }

  /** After its last answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#session?.client.close();
    this.#session = null;
  }

  async #run(): Promise<void> {
    const { client, intervalMs } = this.#options;
    while (!this.#stopped) {
      const dueAt = performance.now() + intervalMs;
      try {
        this.#session ??= await openSession(this.#options);
        const number = ++this.tried;
        const server = await this.#session.insert(client, number);
        this.acknowledged.push({ client, number, server, at: performance.now() });
      } catch {
        this.failed += 1;
        const broken = this.#session;
        this.#session = null;
        void broken?.client.close();
        // The next attempt comes at once, the one after it no sooner than a row was due.
        if (broken !== null) continue;
      }
      await sleep(Math.max(0, dueAt - performance.now()));
    }
  }
}

interface Session {
  readonly client: SqlClient;
  /** The port of the server that acknowledged. */
  insert(client: number, number: number): Promise<number>;
}

async function openSession({ engine, port }: NumberedWriterOptions): Promise<Session> {
  const connection = await connect(engine, port);
  const insertion = (client: number, number: number) =>
    `INSERT INTO ${engine.table(table)} VALUES (${client}, ${number})`;
  if (engine.cluster === 'pg') {
    return {
      client: connection,
      async insert(client, number) {
        const [row] = await connection.query(
          `${insertion(client, number)} RETURNING inet_server_port() AS server`,
        );
        return Number(row?.server);
      },
    };
  }
  // MySQL has no RETURNING; but a session stays with its server.
  const [row] = await connection.query('SELECT @@port AS server');
  return {
    client: connection,
    async insert(client, number) {
      await connection.query(insertion(client, number));
      return Number(row?.server);
    },
  };
}
