import assert from 'node:assert/strict';
import type { Peer } from '../../proxy/support/peer.ts';
import { pause } from '../../proxy/support/real-clock.ts';

/** How a session fared, its answers in milliseconds. */
export interface Fare {
  readonly answers: number;
  readonly medianMs: number;
  readonly slowestMs: number;
}

const everyMs = 3;
/** Only a session that was forgotten takes so long. */
const patienceMs = 20_000;

/**
 * A session that has done nothing wrong: asks a scripted server, which echoes, every few milliseconds. `client` has its
 * session already. Nothing else may speak over it.
 */
export class Innocent {
  readonly #client: Peer;
  readonly #times: number[] = [];
  #asked = 0;
  #over = false;
  readonly #running: Promise<void>;

  constructor(client: Peer) {
    this.#client = client;
    this.#running = this.#run();
    // Whoever looks next is told; until then it is nobody's unhandled rejection.
    this.#running.catch(() => {});
  }

  /** What it has seen since it was asked last. Rejects where it went without an answer. */
  async fare(leastAnswers = 20): Promise<Fare> {
    while (this.#times.length < leastAnswers) await Promise.race([this.#failed(), pause(everyMs)]);
    const times = this.#times.splice(0).sort((a, b) => a - b);
    return {
      answers: times.length,
      medianMs: times[Math.floor(times.length / 2)] ?? 0,
      slowestMs: times.at(-1) ?? 0,
    };
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  /** Never resolves. */
  async #failed(): Promise<void> {
    await this.#running;
    await new Promise(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      this.#asked += 1;
      const question = `question ${this.#asked};`;
      const before = this.#client.length;
      const from = performance.now();
      this.#client.send(question);
      while (!this.#client.text.slice(before).includes(question)) {
        assert.ok(!this.#client.isOver, `the innocent session was ended after ${this.#asked - 1} answers`);
        assert.ok(performance.now() - from < patienceMs, `no answer in ${patienceMs} ms`);
        await onceHeard(this.#client);
      }
      this.#times.push(performance.now() - from);
      await pause(everyMs);
    }
  }
}

/** Resolves with the next chunk, the end, or after a while. */
function onceHeard({ socket }: Peer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off('data', done).off('close', done).off('end', done);
      resolve();
    };
    const timer = setTimeout(done, 250);
    socket.on('data', done).on('close', done).on('end', done);
  });
}
