import type { Effect } from '../cluster/effect.ts';
import type { Event } from '../cluster/event.ts';

export type AnswerEffect = Extract<Effect, { readonly kind: 'answer' }>;

/**
 * Holds what an operator is told of a drain until it would survive a crash: who is told that an instance is drained relies
 * on that. Saves end in the order in which they began (`StateStore.save`). Other answers tell of what servers have done,
 * and do not wait.
 */
export class UnsavedAnswers {
  #begun = 0;
  #ended = 0;
  readonly #held = new Map<number, AnswerEffect>();

  /** The effects of a step that are to be carried out now. */
  hold(event: Event, effects: readonly Effect[]): readonly Effect[] {
    const saves = effects.filter(({ kind }) => kind === 'save-memory').length;
    this.#begun += saves;
    if (event.kind !== 'drain-requested' || saves === 0) return effects;
    return effects.filter((effect) => {
      if (effect.kind !== 'answer') return true;
      this.#held.set(this.#begun, effect);
      return false;
    });
  }

  /** One more save has ended well: these answers may go. */
  saved(): readonly AnswerEffect[] {
    return this.#ends();
  }

  /** It has not: these answers have another content now. */
  notSaved(why: string): readonly AnswerEffect[] {
    return this.#ends().map((held) => ({
      ...held,
      answer: {
        ok: false,
        kind: 'failed',
        message: `${held.answer.message}, but only until Aurelay is started again: \`state_dir\` cannot be written (${why})`,
      },
    }));
  }

  #ends(): readonly AnswerEffect[] {
    this.#ended += 1;
    const held = this.#held.get(this.#ended);
    this.#held.delete(this.#ended);
    return held === undefined ? [] : [held];
  }
}
