/** A part of a text that could not be substituted. */
export interface SubstitutionProblem {
  /** As it is written: `${NAME}`. */
  readonly reference: string;
  readonly why: 'unset' | 'malformed';
}

export interface Substitution {
  readonly text: string;
  /** Something came from the environment: the text must not be shown. */
  readonly substituted: boolean;
  readonly problems: readonly SubstitutionProblem[];
}

const reference = /\$\$|\$\{([^{}]*)(\}?)/g;
const inside = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Replaces `${NAME}` and `${NAME:-default}` (where NAME is unset or empty, as in a shell); `$$` is a literal dollar.
 * What comes in is not looked at again.
 */
export function substitute(text: string, env: Readonly<Record<string, string | undefined>>): Substitution {
  const problems: SubstitutionProblem[] = [];
  let substituted = false;
  const result = text.replace(reference, (written: string, content: string | undefined, close: string) => {
    if (written === '$$') return '$';
    const parts = close === '}' ? inside.exec(content ?? '') : null;
    const name = parts?.[1];
    if (name === undefined) {
      problems.push({ reference: written, why: 'malformed' });
      return '';
    }
    substituted = true;
    const found = Object.hasOwn(env, name) ? env[name] : undefined;
    const fallback = parts?.[2];
    if (fallback !== undefined) return found === undefined || found === '' ? fallback : found;
    if (found === undefined) problems.push({ reference: written, why: 'unset' });
    return found ?? '';
  });
  return { text: result, substituted, problems };
}

const first = 0xe100;
const special = /[{}[\],:#&*!|>%@` ]/g;
// Quotes, backslashes and line breaks are left out: in such a text they end or fold the scalar around it.
const token = /\$\{[^{}"'\\\r\n]*\}/g;
const standIns = /[\ue100-\ue17f]/g;

/**
 * `{ password: ${NAME} }` is no YAML, because a brace ends a plain scalar inside braces. Each special character of a
 * reference is replaced by a stand-in of the same length, so that YAML reads over it and positions stay right.
 */
export function shieldReferences(text: string): { readonly text: string; unshield(part: string): string } {
  if (text.search(standIns) !== -1) return { text, unshield: (part) => part };
  const hide = (character: string): string => String.fromCharCode(first + character.charCodeAt(0));
  return {
    text: text.replace(token, (written) => written.replace(special, hide)),
    unshield: (part) =>
      part.replace(standIns, (character) => String.fromCharCode(character.charCodeAt(0) - first)),
  };
}
