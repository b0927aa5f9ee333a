import { Composer, isAlias, isMap, isScalar, isSeq, type ParsedNode, Parser } from 'yaml';
import type { Finding, Place } from './finding.ts';
import type { Lines } from './lines.ts';
import type { Path } from './outline.ts';
import { shieldReferences, substitute } from './substitute.ts';
import { nestingOf, syntaxFindings } from './syntax.ts';

/** Where an entry of the configuration stands in the file. */
export interface Entry {
  readonly key: Place | null;
  readonly value: Place;
  /** A scalar as written, before substitution; null for maps and lists. */
  readonly written: string | null;
  /** Its value is not what is written: it came from the environment and must not be shown. */
  readonly substituted: boolean;
  /** A finding explains already why it has no value. */
  readonly broken: boolean;
}

/** The file as plain objects, arrays and texts (every scalar is text; an empty one is null), with each one's place. */
export interface Source {
  readonly raw: unknown;
  readonly findings: readonly Finding[];
  /** Whether `raw` is worth looking at: false after a syntax error. */
  readonly readable: boolean;
  /** What was not read because its key is here twice or cannot be. */
  readonly discarded: readonly Discarded[];
  at(path: Path): Entry | null;
  entries(): Iterable<readonly [Path, Entry]>;
}

export interface Discarded {
  readonly path: Path;
  readonly place: Place;
  readonly scalar: boolean;
}

const limits = { characters: 1024 * 1024, nodes: 20_000, depth: 32 } as const;

export function readSource(
  text: string,
  lines: Lines,
  env: Readonly<Record<string, string | undefined>>,
): Source {
  if (text.length > limits.characters)
    return unreadable([tooLarge(`is larger than ${limits.characters} characters`)]);
  const shield = shieldReferences(text);
  const tokens = [...new Parser().parse(shield.text)];
  // The composer recurses: nesting is measured first, because the end of the stack can end the whole process.
  if (nestingOf(tokens) > limits.depth)
    return unreadable([tooLarge(`is nested more than ${limits.depth} deep`)]);
  const composer = new Composer({
    schema: 'failsafe',
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
  });
  const documents = [...composer.compose(tokens, true, text.length)];
  const syntax = syntaxFindings(documents, tokens);
  if (syntax.length > 0) return unreadable(syntax);
  const reader = new TreeReader(text, lines, env, shield.unshield);
  const raw = reader.read((documents[0]?.contents ?? null) as ParsedNode | null, [], null);
  const entries = reader.entries;
  return {
    raw,
    findings: reader.findings,
    readable: !reader.tooMany,
    discarded: reader.discarded,
    at: (path) => entries.get(pathKey(path))?.[1] ?? null,
    entries: () => entries.values(),
  };
}

const unreadable = (findings: readonly Finding[]): Source => ({
  raw: null,
  findings,
  readable: false,
  discarded: [],
  at: () => null,
  entries: () => [],
});

const tooLarge = (how: string): Finding => ({
  severity: 'error',
  code: 'too-large',
  path: [],
  on: { start: 0, end: 1 },
  message: `the file ${how}, which no configuration of Aurelay needs`,
});

const pathKey = (path: Path): string => path.join('\0');

class TreeReader {
  readonly entries = new Map<string, readonly [Path, Entry]>();
  readonly findings: Finding[] = [];
  readonly discarded: Discarded[] = [];
  tooMany = false;
  readonly #text: string;
  readonly #lines: Lines;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #unshield: (part: string) => string;
  readonly #anchors = new Map<string, ParsedNode>();
  /** Aliases that are being followed, outermost first. */
  readonly #following: ParsedNode[] = [];
  #nodes = 0;

  constructor(
    text: string,
    lines: Lines,
    env: Readonly<Record<string, string | undefined>>,
    unshield: (part: string) => string,
  ) {
    this.#text = text;
    this.#lines = lines;
    this.#env = env;
    this.#unshield = unshield;
  }

  read(node: ParsedNode | null, path: Path, key: Place | null): unknown {
    if (!this.#count(path)) return null;
    if (node === null) {
      this.#enter(path, key, key ?? { start: 0, end: 1 }, null);
      return null;
    }
    const place = placeOf(node);
    if (isAlias(node)) return this.#readAlias(node.source, place, path, key);
    if (node.anchor !== undefined && this.#following.length === 0) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return this.#readScalar(node as ParsedNode & { value: unknown }, place, path, key);
    this.#enter(path, key, place, null);
    if (isSeq(node)) {
      return node.items.map((item, index) => this.read(item as ParsedNode, [...path, index], null));
    }
    return isMap(node) ? this.#readMap(node.items as MapItems, path) : null;
  }

  #count(path: Path): boolean {
    this.#nodes += 1;
    const fits = this.#nodes <= limits.nodes && path.length <= limits.depth;
    if (!fits && !this.tooMany) {
      this.tooMany = true;
      this.findings.push(
        tooLarge(`has more than ${limits.nodes} entries, or is nested more than ${limits.depth} deep`),
      );
    }
    return fits;
  }

  #enter(path: Path, key: Place | null, value: Place, scalar: Partial<Entry> | null): void {
    const entry = { key, value, written: null, substituted: false, broken: false, ...scalar };
    this.entries.set(pathKey(path), [path, entry]);
  }

  #readMap(items: MapItems, path: Path): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const item of items) {
      const name = isScalar(item.key) ? this.#unshield(String(item.key.value)) : '';
      const place = placeOf(item.key);
      const unread = name === '__proto__' || Object.hasOwn(result, name);
      if (unread && item.value !== null) {
        const scalar = isScalar(item.value);
        this.discarded.push({ path: [...path, name], place: placeOf(item.value), scalar });
      }
      const first = this.entries.get(pathKey([...path, name]))?.[1];
      if (name === '__proto__') {
        this.#report('unknown-key', [...path, name], place, 'unknown key `__proto__`');
      } else if (Object.hasOwn(result, name)) {
        const line = first?.key ? ` (first on line ${this.#lines.numberAt(first.key.start)})` : '';
        this.#report('duplicate-key', [...path, name], place, `key \`${name}\` is here twice${line}`);
      } else result[name] = this.read(item.value, [...path, name], place);
    }
    return result;
  }

  #readAlias(name: string, place: Place, path: Path, key: Place | null): unknown {
    const target = this.#anchors.get(name);
    if (target === undefined || this.#following.includes(target) || this.#contains(target, place)) {
      this.#enter(path, key, place, { broken: true });
      const message =
        target === undefined
          ? 'this alias has no anchor (`&name`) before it; a text that begins with `*` needs quotes'
          : 'this alias contains itself';
      this.#report('unsupported-yaml', path, place, message);
      return null;
    }
    this.#following.push(target);
    const value = this.read(target, path, key);
    this.#following.pop();
    return value;
  }

  #contains(node: ParsedNode, place: Place): boolean {
    const { start, end } = placeOf(node);
    return start <= place.start && place.end <= end;
  }

  #readScalar(
    node: ParsedNode & { value: unknown; type?: string },
    place: Place,
    path: Path,
    key: Place | null,
  ): string | null {
    const written = this.#unshield(String(node.value));
    if (node.type === 'PLAIN' && /^(|~|null|Null|NULL)$/.test(written)) {
      this.#enter(path, key, written === '' && key !== null ? key : place, { written: '' });
      return null;
    }
    const { text, substituted, problems } = substitute(written, this.#env);
    this.#enter(path, key, place, { written, substituted, broken: problems.length > 0 });
    for (const { reference, why } of problems) {
      const start = this.#text.indexOf(reference, place.start);
      const within = start !== -1 && start + reference.length <= place.end;
      const on = within ? { start, end: start + reference.length } : place;
      if (why === 'unset') {
        const name = reference.slice(2, -1);
        const hint = `set ${name}, or give a default: \`\${${name}:-…}\``;
        this.#report('environment', path, on, `the environment has no variable \`${name}\``, hint);
      } else {
        const hint = `write \`\${NAME}\` or \`\${NAME:-default}\`; a literal dollar sign is \`$$\``;
        this.#report('environment', path, on, 'this reference to the environment cannot be read', hint);
      }
    }
    return text;
  }

  #report(code: Finding['code'], path: Path, on: Place, message: string, hint: string | null = null): void {
    this.findings.push({ severity: 'error', code, path, on, message, hint });
  }
}

type MapItems = readonly { readonly key: ParsedNode; readonly value: ParsedNode | null }[];

const placeOf = (node: ParsedNode): Place => ({ start: node.range[0], end: node.range[1] });
