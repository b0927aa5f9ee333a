/** One option of a server's command line, and where it is written. */
export interface WrittenOption {
  /** A setting, its name in lower case; null for every other option. */
  readonly setting: { readonly name: string; readonly value: string } | null;
  /** From the option's first byte to behind the last of its argument. */
  readonly from: number;
  readonly to: number;
  /** Options without an argument that are written in the same word before it, as in `-ec name=value`: `-e`. */
  readonly before: string;
}

interface Word {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** `getopt`'s letters in `process_postgres_switches` (src/backend/tcop/postgres.c) that take an argument. */
const takesArgument = new Set('BcCDdfhkNprStvW-');

/**
 * Reads the value of the startup parameter `options` as a server does: words as `pg_split_opts` makes them, options as
 * `getopt` does. Bytes are Latin-1 characters here, so that none is lost.
 */
export function readCommandLine(options: string): readonly WrittenOption[] {
  const words = split(options);
  const found: WrittenOption[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as Word;
    if (!word.text.startsWith('-') || word.text.length < 2 || word.text === '--') break;
    const at = [...word.text].findIndex((letter, place) => place > 0 && takesArgument.has(letter));
    if (at === -1) {
      found.push({ setting: null, from: word.from, to: word.to, before: '' });
      continue;
    }
    const attached = word.text.slice(at + 1);
    const next = attached === '' ? words[++index] : undefined;
    const letter = word.text[at];
    found.push({
      setting: letter === 'c' || letter === '-' ? readSetting(next?.text ?? attached) : null,
      from: word.from,
      to: (next ?? word).to,
      before: at > 1 ? word.text.slice(0, at) : '',
    });
  }
  return found;
}

function readSetting(text: string): WrittenOption['setting'] {
  const equals = text.indexOf('=');
  if (equals === -1) return null;
  // `ParseLongOption` takes a hyphen for an underscore; names of settings have no case.
  const name = text.slice(0, equals).replaceAll('-', '_').toLowerCase();
  return { name, value: text.slice(equals + 1) };
}

/** `pg_split_opts` (src/backend/utils/init/postinit.c): a backslash takes the next character as it is. */
function split(options: string): readonly Word[] {
  const words: Word[] = [];
  let at = 0;
  for (;;) {
    while (at < options.length && isSpace(options.charCodeAt(at))) at++;
    if (at === options.length) return words;
    const from = at;
    let text = '';
    let escaped = false;
    for (; at < options.length && (escaped || !isSpace(options.charCodeAt(at))); at++) {
      escaped = !escaped && options[at] === '\\';
      if (!escaped) text += options[at];
    }
    words.push({ text, from, to: at });
  }
}

/** C's `isspace` in the locale of the postmaster's start. */
export const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);
