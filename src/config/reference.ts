import { configOutline, type Key, type Outline } from './outline.ts';

interface Section {
  readonly title: string;
  readonly about: string;
  readonly keys: readonly Key[];
}

/** The reference of every key as Markdown: one table a section, in the order of the schema. */
export function renderReference(): string {
  return sectionsOf(configOutline, '', 'The top of the file.').map(renderSection).join('\n\n');
}

function sectionsOf(node: Outline, path: string, about: string): readonly Section[] {
  if (node.kind === 'named') return sectionsOf(node.of, path, about);
  if (node.kind !== 'section') return [];
  const keys = [...node.keys.values()];
  const inner = keys.flatMap((key) => sectionsOf(key.node, pathOf(path, key), key.about));
  return [{ title: path, about, keys }, ...inner];
}

/** `clusters.<cluster>`: whatever stands below a map of names begins with a name. */
function pathOf(parent: string, key: Key): string {
  const path = parent === '' ? key.name : `${parent}.${key.name}`;
  return key.node.kind === 'named' ? `${path}.<${key.name.replace(/s$/, '')}>` : path;
}

function renderSection({ title, about, keys }: Section): string {
  const heading = title === '' ? '### Top level' : `### \`${title}\``;
  const rows = keys.map(
    (key) => `| \`${key.name}\` | ${typeOf(key.node)} | ${defaultOf(key)} | ${meaningOf(key)} |`,
  );
  return [
    heading,
    '',
    about,
    '',
    '| key | type | default | meaning |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function typeOf(node: Outline): string {
  switch (node.kind) {
    case 'section':
      return 'section';
    case 'named':
      return node.of.kind === 'section' ? 'sections by name' : `map of ${typeOf(node.of)}`;
    case 'list':
      return `list of ${typeOf(node.of)}`;
    case 'value':
      return node.value.type;
  }
}

function defaultOf(key: Key): string {
  if (key.required) return '**required**';
  return key.default ?? (key.node.kind === 'section' ? 'see below' : '');
}

const meaningOf = ({ only, about }: Key): string => (only === null ? about : `(${only.join(', ')}) ${about}`);
