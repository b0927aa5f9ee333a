import { configOutline, type Key, type Outline } from './outline.ts';

/** The configuration as a file has it, in TypeScript: one interface a section, in the order of the schema. */
export function renderFileTypes(): string {
  return interfacesOf(configOutline, 'ConfigFile', '').join('\n\n');
}

function interfacesOf(node: Outline, name: string, prefix: string): readonly string[] {
  if (node.kind === 'named') return interfacesOf(node.of, name, prefix);
  if (node.kind !== 'section') return [];
  const keys = [...node.keys.values()];
  const lines = keys.flatMap((key) => [...comment(key), `  readonly ${field(key, prefix)};`]);
  const inner = keys.flatMap((key) =>
    interfacesOf(key.node, sectionName(prefix, key), `${prefix}${pascal(key)}`),
  );
  return [[`export interface ${name} {`, ...lines, '}'].join('\n'), ...inner];
}

/** `clusters` is a map of clusters: `ClusterSection`. */
const pascal = ({ name, node }: Key): string =>
  (node.kind === 'named' ? name.replace(/s$/, '') : name)
    .split('_')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');

const sectionName = (prefix: string, key: Key): string => `${prefix}${pascal(key)}Section`;

function field(key: Key, prefix: string): string {
  const word = key.word === null ? '' : `'${key.word}' | `;
  return `${key.name}${key.required ? '' : '?'}: ${word}${typeOf(key.node, sectionName(prefix, key))}`;
}

function typeOf(node: Outline, section: string): string {
  switch (node.kind) {
    case 'section':
      return section;
    case 'named':
      return `Readonly<Record<string, ${typeOf(node.of, section)}>>`;
    case 'list':
      return `readonly ${typeOf(node.of, section)}[]`;
    case 'value':
      return valueType(node.value.type, node.value.choices);
  }
}

function valueType(type: string, choices: readonly string[] | null): string {
  if (choices !== null) {
    const isFlag = choices.every((choice) => choice === 'true' || choice === 'false');
    return `${isFlag ? 'boolean' : choices.map((choice) => `'${choice}'`).join(' | ')} | FromEnvironment`;
  }
  if (type.startsWith('whole number')) return 'number | FromEnvironment';
  return type.startsWith('bytes') ? 'number | string' : 'string';
}

const widest = 104;

function comment({ about, default: fallback, node }: Key): readonly string[] {
  const type = node.kind === 'value' && node.value.choices === null ? ` (${node.value.type})` : '';
  const end = fallback === null ? '' : ` Default: ${fallback}.`;
  const lines = wrap(`${withoutLinks(about)}${type === ' (text)' ? '' : type}${withoutLinks(end)}`);
  if (lines.length === 1) return [`  /** ${lines[0]} */`];
  return ['  /**', ...lines.map((line) => `   * ${line}`), '   */'];
}

/** `([tls.md](tls.md#names))` is of no use in an editor; the page is. */
const withoutLinks = (text: string): string => text.replace(/\[[^\]]*\]\(([^)#]*)[^)]*\)/g, 'docs/$1');

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= widest)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
