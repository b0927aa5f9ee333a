import { performance } from 'node:perf_hooks';
import { type Address, formatAddress } from '../cluster/instance.ts';
import { meansAlive, type Observation } from '../cluster/observation.ts';
import { afterAnswer, noWord, type PatroniWord } from '../cluster/patroni-word.ts';
import type { Probe, ProbeResult } from '../engines/engine.ts';
import { PatroniRest } from './patroni-rest.ts';

/**
 * A probe that takes a server for the writer only while its Patroni says that it is the leader. When a Patroni dies alone,
 * its PostgreSQL goes on taking writes, which the others stop receiving before one of them is promoted.
 */
export class PatroniProbe implements Probe {
  readonly #probe: Probe;
  readonly #rest: PatroniRest;
  readonly #where: string;
  readonly #fall: number;
  #word: PatroniWord;
  /** What was last seen of the server, if that was a writer: only then is there something to ask Patroni. */
  #writer: Observation | null = null;

  /** `fall`: times in a row that Patroni may fail to answer before its server is no writer any more. */
  constructor(probe: Probe, patroni: Address, fall: number) {
    this.#probe = probe;
    this.#rest = new PatroniRest(patroni);
    this.#where = formatAddress(patroni);
    this.#fall = fall;
    this.#word = noWord(this.#where);
  }

  get onLost(): Probe['onLost'] {
    return this.#probe.onLost;
  }

  set onLost(listener: Probe['onLost']) {
    this.#probe.onLost = listener;
  }

  /** Patroni is asked at the same time where the server was a writer before, else within what is left of the time. */
  async probe(timeoutMs: number): Promise<ProbeResult> {
    const deadline = performance.now() + timeoutMs;
    const asked = this.#writer === null ? null : this.#rest.ask(timeoutMs);
    const result = await this.#probe.probe(timeoutMs);
    this.#writer = this.#writerAfter(result);
    if (this.#writer === null) {
      // Whatever it was told of before, it lost: the office is to be proven anew.
      this.#word = noWord(this.#where);
      this.#rest.cancel();
      return result;
    }
    const answer = await (asked ?? this.#rest.ask(Math.max(1, deadline - performance.now())));
    this.#word = afterAnswer(this.#word, answer, this.#where, this.#fall);
    const { withheld } = this.#word;
    if (withheld === null) return result;
    return { kind: 'observed', observation: { ...this.#writer, role: 'replica', withheld } };
  }

  close(): void {
    this.#rest.cancel();
    this.#probe.close();
  }

  /** A server that only a live one can refuse to answer, too full to be asked, say, is what it was before. */
  #writerAfter(result: ProbeResult): Observation | null {
    if (result.kind === 'failed') return meansAlive(result.failure.reason) ? this.#writer : null;
    return result.observation.role === 'writer' ? result.observation : null;
  }
}
