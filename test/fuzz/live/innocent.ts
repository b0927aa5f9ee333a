import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../../src/base/errors.ts';
import { connect, type EngineUnderTest } from '../../support/engines-under-test.ts';

const everyMs = 20;
/** Long beyond any wait on a busy machine, short of a session that was forgotten. */
const patienceMs = 10_000;

/** A session that has done nothing wrong, and has to be answered all the while. */
export class Innocent {
  answers = 0;
  worstMs = 0;
  /** What went wrong, in words; null while all is well. */
  harm: string | null = null;
  readonly #running: Promise<void>;
  #over = false;

  constructor(engine: EngineUnderTest, port: number) {
    this.#running = this.#run(engine, port).catch((error: unknown) => {
      this.harm ??= `the innocent session was harmed after ${this.answers} answers: ${messageOf(error)}`;
    });
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  async #run(engine: EngineUnderTest, port: number): Promise<void> {
    const client = await connect(engine, port);
    try {
      while (!this.#over) {
        const from = performance.now();
        const number = this.answers + 1;
        const rows = await Promise.race([client.query(`SELECT ${number} AS n`), tooLate()]);
        if (Number(rows[0]?.n) !== number)
          throw new Error(`asked for ${number}, got ${JSON.stringify(rows)}`);
        this.answers = number;
        this.worstMs = Math.max(this.worstMs, performance.now() - from);
        await sleep(everyMs);
      }
    } finally {
      await client.close();
    }
  }
}

async function tooLate(): Promise<never> {
  await sleep(patienceMs, undefined, { ref: false });
  throw new Error(`no answer within ${patienceMs} ms`);
}
