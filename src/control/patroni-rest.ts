import { type ClientRequest, request } from 'node:http';
import { unreachable } from '../base/assert.ts';
import { messageOf } from '../base/errors.ts';
import { type Address, formatAddress } from '../cluster/instance.ts';
import type { PatroniAnswer } from '../cluster/patroni-word.ts';
import { type Outcome, withDeadline } from '../engines/deadline.ts';

/** A deadline noticed later than this share of itself says more about this process than about Patroni. */
const stallShare = 0.5;

/**
 * Asks one Patroni over plain HTTP, a connection a question, as its server closes each after the answer. Only the status
 * is read, and no redirect followed.
 *
 * Source: https://patroni.readthedocs.io/en/latest/rest_api.html, "Health check endpoints".
 */
export class PatroniRest {
  readonly #address: Address;
  #open: ClientRequest | null = null;

  constructor(address: Address) {
    this.#address = address;
  }

  /** Never rejects; ends within `timeoutMs`. A question that is still open is given up. */
  async ask(timeoutMs: number): Promise<PatroniAnswer> {
    this.cancel();
    const { host, port } = this.#address;
    // An agent would keep connections; without one, each ends with its question.
    const asked = request({ host, port, path: '/primary', agent: false, headers: { connection: 'close' } });
    this.#open = asked;
    const outcome = await withDeadline(statusOf(asked), timeoutMs);
    asked.destroy();
    if (this.#open === asked) this.#open = null;
    return this.#answerOf(outcome, timeoutMs);
  }

  cancel(): void {
    this.#open?.destroy();
    this.#open = null;
  }

  #answerOf(outcome: Outcome<number>, timeoutMs: number): PatroniAnswer {
    switch (outcome.kind) {
      case 'done':
        return answerOfStatus(outcome.value);
      case 'failed':
        return { kind: 'none', why: this.#wordsOf(outcome.error) };
      case 'expired':
        if (outcome.latenessMs > timeoutMs * stallShare) return { kind: 'local-stall' };
        return { kind: 'none', why: `does not answer: nothing within ${Math.round(timeoutMs)}ms` };
      default:
        return unreachable(outcome);
    }
  }

  #wordsOf(error: unknown): string {
    const code = (error as NodeJS.ErrnoException | null)?.code ?? '';
    if (code.startsWith('HPE_')) return 'does not speak plain HTTP (https is not supported here)';
    // The address stands before these words already.
    return `does not answer: ${messageOf(error).replace(` ${formatAddress(this.#address)}`, '')}`;
  }
}

/** The status of the answer, as soon as its headers are there. The listeners stay: an error may come later too. */
const statusOf = (asked: ClientRequest): Promise<number> =>
  new Promise((resolve, reject) => {
    asked.on('response', (response) => {
      response.on('error', () => {});
      resolve(response.statusCode ?? 0);
    });
    asked.on('error', reject);
    // Upgrades that nobody asked for end without an answer and without an error.
    asked.on('close', () => reject(new Error('the connection was closed')));
    asked.end();
  });

/** Of the statuses Patroni knows two here; any other is of a proxy before it, or of something else. */
function answerOfStatus(status: number): PatroniAnswer {
  if (status === 200) return { kind: 'leader' };
  if (status === 503) return { kind: 'not-leader', status };
  return { kind: 'none', why: `answers GET /primary with HTTP ${status}, which Patroni does not` };
}
