import type { CST, Document, ErrorCode } from 'yaml';
import type { DiagnosticCode, Finding } from './finding.ts';

interface Nested {
  readonly token: CST.Token;
  readonly depth: number;
}

/** Every token of a stream, those in collections too; without recursion, so that nothing is too deep for it. */
function* everyToken(tokens: readonly CST.Token[]): Iterable<Nested> {
  const open: { token: CST.Token | null | undefined; depth: number }[] = tokens.map((token) => ({
    token,
    depth: 0,
  }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (!token) continue;
    yield { token, depth };
    if (token.type === 'document') open.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      open.push({ token: key, depth: depth + 1 }, { token: value, depth: depth + 1 });
    }
  }
}

export function nestingOf(tokens: readonly CST.Token[]): number {
  let deepest = 0;
  for (const { depth } of everyToken(tokens)) deepest = Math.max(deepest, depth);
  return deepest;
}

/** A missing quote is noticed at the end of the text that it leaves open; it is missed where that begins. */
function openingQuote(tokens: readonly CST.Token[], end: number): number | null {
  for (const { token } of everyToken(tokens)) {
    const quoted = token.type === 'double-quoted-scalar' || token.type === 'single-quoted-scalar';
    if (quoted && token.offset <= end && end <= token.offset + token.source.length) return token.offset;
  }
  return null;
}

/** More than these are echoes of the first ones. */
const mostShown = 20;

type ComposedDocument = Pick<Document, 'errors' | 'warnings' | 'range'>;

/** What is wrong with the YAML itself, each place once. */
export function syntaxFindings(
  documents: readonly ComposedDocument[],
  tokens: readonly CST.Token[],
): readonly Finding[] {
  const findings: Finding[] = [];
  const seen = new Set<number>();
  const add = (code: DiagnosticCode, start: number, end: number, message: string): void => {
    if (seen.has(start) || findings.length >= mostShown) return;
    seen.add(start);
    findings.push({ severity: 'error', code, path: [], on: { start, end }, message });
  };
  let lost = false;
  for (const { errors, warnings } of documents) {
    for (const { code, pos, message } of [...errors, ...warnings]) {
      // Once the parser has lost the thread, it stumbles over every token that follows.
      if (lost && code === 'UNEXPECTED_TOKEN') continue;
      lost ||= code === 'UNEXPECTED_TOKEN';
      const unsupported = code === 'TAG_RESOLVE_FAILED' || code === 'NON_STRING_KEY';
      const quote =
        code === 'MISSING_CHAR' && message.endsWith('quote') ? openingQuote(tokens, pos[0]) : null;
      const [start, end] = quote === null ? pos : [quote, quote + 1];
      add(unsupported ? 'unsupported-yaml' : 'syntax', start, end, explain(code, message));
    }
  }
  const second = documents[1];
  if (second !== undefined) {
    const start = second.range?.[0] ?? 0;
    add(
      'unsupported-yaml',
      start,
      start + 1,
      'a second YAML document begins here: the file may hold only one',
    );
  }
  return findings;
}

/**
 * The parser's messages can quote the text, which may be a secret: only those that never do are passed on
 * (yaml 2.9, compose/*.js).
 */
function explain(code: ErrorCode, message: string): string {
  switch (code) {
    case 'MISSING_CHAR':
    case 'BAD_INDENT':
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_IN_FLOW':
    case 'ALIAS_PROPS':
    case 'MULTIPLE_ANCHORS':
    case 'MULTIPLE_TAGS':
      return lowerFirst(message.replace(/"quote$/, '" quote').replace(/'quote$/, "' quote"));
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a second key on this line: a text that contains `: ` needs quotes';
    case 'TAB_AS_INDENT':
      return 'tabs are not allowed as indentation: use spaces';
    case 'BAD_SCALAR_START':
      return 'a text that begins with this character needs quotes';
    case 'BAD_DQ_ESCAPE':
      return 'this escape sequence is not valid in double quotes: use single quotes, or `\\\\` for a backslash';
    case 'BAD_ALIAS':
      return 'an anchor or alias needs a name; a text that begins with `&` or `*` needs quotes';
    case 'TAG_RESOLVE_FAILED':
    case 'BAD_COLLECTION_TYPE':
      return 'tags are not supported; a text that begins with `!` needs quotes';
    case 'NON_STRING_KEY':
      return 'a key must be a plain text';
    case 'UNEXPECTED_TOKEN':
      return 'this does not belong here: something before it is not closed, or it needs quotes';
    default:
      return 'this is not valid YAML';
  }
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
