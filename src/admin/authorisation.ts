import { createHash, timingSafeEqual } from 'node:crypto';
import { ApiError } from './api-error.ts';

/** Only these can be done without a token: they change nothing (RFC 9110, 9.2.1). */
const safeMethods = new Set(['GET', 'HEAD']);

/**
 * Whatever may change something has to show the token as `Authorization: Bearer …` (RFC 6750, 2.1). `token` null: nobody
 * has to. Throws an `ApiError`, which never tells how near a guess was.
 */
export function authorise(
  { method, authorisation }: { readonly method: string; readonly authorisation: string | undefined },
  token: string | null,
): void {
  if (token === null || safeMethods.has(method)) return;
  const shown = /^bearer +(\S+) *$/i.exec(authorisation ?? '')?.[1];
  if (shown === undefined) {
    throw new ApiError(
      'unauthorized',
      'this needs the token of `admin.token`: send `Authorization: Bearer …`; the commands take it with --token-file, from AURELAY_TOKEN or from -c FILE',
    );
  }
  if (!isSame(shown, token)) throw new ApiError('invalid_token', 'this is not the token of `admin.token`');
}

/** The challenge that goes with 401 (RFC 6750, 3). */
export const challengeOf = ({ code }: ApiError): string =>
  code === 'invalid_token' ? 'Bearer realm="aurelay", error="invalid_token"' : 'Bearer realm="aurelay"';

/** Hashes have one length, so the comparison takes the same time whatever is compared. */
const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
