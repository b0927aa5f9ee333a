import { unreachable } from '../base/assert.ts';

/** What came of asking Patroni's REST API `GET /primary`, which answers 200 only where it holds the leader's lock. */
export type PatroniAnswer =
  | { readonly kind: 'leader' }
  | { readonly kind: 'not-leader'; readonly status: number }
  /** Nothing, or nothing that Patroni would say; `why` follows "Patroni on HOST:PORT". */
  | { readonly kind: 'none'; readonly why: string }
  /** Aurelay itself was too late to tell. */
  | { readonly kind: 'local-stall' };

/** What is known of a server's Patroni from its answers so far. */
export interface PatroniWord {
  /** Times in a row that it was asked in vain. */
  readonly missed: number;
  /** Why the server must not be taken for the writer, whatever it says of itself; null: it is the leader. */
  readonly withheld: string | null;
}

/** Nothing is known: the server may have been promoted by anybody. */
export const noWord = (where: string): PatroniWord => ({
  missed: 0,
  withheld: `Patroni on ${where} has not answered yet`,
});

/**
 * A refusal counts at once. Silence takes the office only from a leader, and only when it is the `fall`-th in a row: a
 * Patroni that is late once must not cost every session, and its lease outlives a few questions.
 */
export function afterAnswer(
  word: PatroniWord,
  answer: PatroniAnswer,
  where: string,
  fall: number,
): PatroniWord {
  switch (answer.kind) {
    case 'leader':
      return { missed: 0, withheld: null };
    case 'not-leader':
      return {
        missed: 0,
        withheld: `Patroni on ${where} does not call it the leader: HTTP ${answer.status}`,
      };
    case 'none': {
      const missed = word.missed + 1;
      if (word.withheld === null && missed < fall) return { missed, withheld: null };
      return { missed, withheld: `Patroni on ${where} ${answer.why}` };
    }
    case 'local-stall':
      return word;
    default:
      return unreachable(answer);
  }
}
