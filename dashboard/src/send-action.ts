import type { CommandJson, ErrorJson } from '../../src/admin/api.ts';
import { type Action, requestOf } from './consequences.ts';

export type Answer =
  | { readonly kind: 'done'; readonly message: string }
  /** The API wants its token: none was shown, or a wrong one. */
  | { readonly kind: 'token'; readonly isWrong: boolean }
  | { readonly kind: 'refused'; readonly message: string }
  /** Nobody knows what became of it. */
  | { readonly kind: 'unanswered'; readonly message: string };

/** Longer than Aurelay's own deadline for commands. */
const timeoutMs = 130_000;
/** In this page's memory and nowhere else: gone when it is closed or loaded again. */
let token: string | null = null;

export const rememberToken = (shown: string): void => {
  token = shown.trim();
};

export async function sendAction(action: Action, dryRun: boolean): Promise<Answer> {
  const { path, body } = requestOf(action, dryRun);
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.ok) return { kind: 'done', message: ((await response.json()) as CommandJson).message };
    const { error } = (await response.json()) as ErrorJson;
    if (response.status === 401) {
      token = null;
      return { kind: 'token', isWrong: error.code === 'invalid_token' };
    }
    return { kind: 'refused', message: error.message };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return {
      kind: 'unanswered',
      message: `Aurelay did not answer (${why}). It may have been done all the same: the page shows what is.`,
    };
  }
}
