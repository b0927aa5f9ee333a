import { type InstanceId, instanceId } from '../../base/brand.ts';
import type { Quorum } from '../engine.ts';

/** A value of `synchronous_standby_names`: whose receipt of a commit is waited for. */
export interface StandbyNames {
  /** `any`: of whichever of them come first. `first`: of those that come first in the list. */
  readonly method: 'any' | 'first';
  /** How many; 0 where the list is empty. */
  readonly count: number;
  /** In the order of the list; `*` among them stands for every name. */
  readonly names: readonly string[];
}

/**
 * Reads what a server shows as its setting (manual, "synchronous_standby_names"; the server's own `syncrep_gram.y`).
 * Null for text that is no such value, which no server shows.
 */
export function parseStandbyNames(text: string): StandbyNames | null {
  const tokens = tokensOf(text);
  if (tokens === null) return null;
  if (tokens.length === 0) return { method: 'first', count: 0, names: [] };
  const [head, second, third] = tokens;
  if (isWord(head, 'any') && third?.kind === 'open') return counted('any', second, tokens.slice(2));
  if (isWord(head, 'first') && third?.kind === 'open') return counted('first', second, tokens.slice(2));
  if (second?.kind === 'open') return counted('first', head, tokens.slice(1));
  const names = listed(tokens);
  return names === null ? null : { method: 'first', count: 1, names };
}

/** The setting that asks for `quorum`; empty where nobody is waited for. */
export function formatQuorum({ count, from }: Quorum): string {
  if (count === 0) return '';
  const names = [...from].sort().map((name) => `"${name.replaceAll('"', '""')}"`);
  return `ANY ${count} (${names.join(', ')})`;
}

/** Whether the setting asks for `quorum` as it is, so that nothing is to be written. */
export function asksFor(setting: StandbyNames, { count, from }: Quorum): boolean {
  if (setting.count !== count) return false;
  if (count === 0) return true;
  const listed = new Set(setting.names.map(folded));
  const wanted = new Set(from.map(folded));
  return (
    setting.method === 'any' && listed.size === wanted.size && [...wanted].every((name) => listed.has(name))
  );
}

/** Those that are named, sorted; null where everybody is. */
export const namedIn = ({ names }: StandbyNames): readonly InstanceId[] | null =>
  names.includes('*') ? null : [...names].sort().map(instanceId);

/** Whether a replica that calls itself `name` is meant, as the server compares: without regard to the case of A to Z. */
export const isNamed = ({ names }: StandbyNames, name: string): boolean =>
  names.some((listed) => listed === '*' || sameName(listed, name));

export const sameName = (a: string, b: string): boolean => folded(a) === folded(b);

const folded = (name: string): string => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

type Token =
  | { readonly kind: 'name'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'open' | 'close' | 'comma' };

/** Quoted, with `""` for a quote in it; a number; a word; or a sign. */
const tokenForm = /\s*(?:"((?:[^"]|"")+)"|(\d+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\*)|([(),]))\s*/y;

function tokensOf(text: string): readonly Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    tokenForm.lastIndex = at;
    const match = tokenForm.exec(text);
    if (match === null) return text.trim() === '' ? tokens : null;
    const [whole, quoted, plain, sign] = match;
    if (quoted !== undefined) tokens.push({ kind: 'name', text: quoted.replaceAll('""', '"'), quoted: true });
    else if (plain !== undefined) tokens.push({ kind: 'name', text: plain, quoted: false });
    else tokens.push({ kind: sign === '(' ? 'open' : sign === ')' ? 'close' : 'comma' });
    at += whole.length;
  }
  return tokens;
}

const isWord = (token: Token | undefined, word: string): boolean =>
  token?.kind === 'name' && !token.quoted && token.text.toLowerCase() === word;

function counted(
  method: StandbyNames['method'],
  count: Token | undefined,
  list: readonly Token[],
): StandbyNames | null {
  if (count?.kind !== 'name' || !/^\d+$/.test(count.text) || list.at(-1)?.kind !== 'close') return null;
  const names = listed(list.slice(1, -1));
  return names === null ? null : { method, count: Number(count.text), names };
}

/** Names with a comma between each two. */
function listed(tokens: readonly Token[]): readonly string[] | null {
  const names: string[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== (index % 2 === 0 ? 'name' : 'comma')) return null;
    if (token.kind === 'name') names.push(token.text);
  }
  return tokens.length % 2 === 1 ? names : null;
}
