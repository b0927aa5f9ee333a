import { configOutline, type Key, type Outline } from './outline.ts';

/**
 * The configuration as a JSON Schema (draft 2020-12), for editors: keys are completed and explained, and wrong ones marked,
 * while somebody writes. It says no more than what can be said of one key; `aurelay check` says the rest.
 */
export function renderJsonSchema(): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A configuration of Aurelay',
    ...schemaOf(configOutline),
  };
  return `${JSON.stringify(schema, null, 1)}\n`;
}

type Schema = Readonly<Record<string, unknown>>;

/** Whatever stands in a value may come from the environment: `${NAME}`. */
const fromEnvironment = { type: 'string', pattern: '\\$\\{' } as const;

function schemaOf(node: Outline): Schema {
  switch (node.kind) {
    case 'section':
      return sectionOf([...node.keys.values()]);
    case 'named':
      return { type: 'object', additionalProperties: schemaOf(node.of) };
    case 'list':
      return { type: 'array', items: schemaOf(node.of) };
    case 'value':
      return scalarOf(node.value.type, node.value.choices);
  }
}

const sectionOf = (keys: readonly Key[]): Schema => ({
  type: 'object',
  properties: Object.fromEntries(keys.map((key) => [key.name, propertyOf(key)])),
  required: keys.filter(({ required }) => required).map(({ name }) => name),
  additionalProperties: false,
});

function propertyOf({ about, default: fallback, node, word }: Key): Schema {
  const description = fallback === null ? about : `${about} Default: ${fallback}.`;
  if (word === null) return { description, ...schemaOf(node) };
  return { description, anyOf: [{ const: word }, schemaOf(node)] };
}

function scalarOf(type: string, choices: readonly string[] | null): Schema {
  if (choices !== null) {
    const isFlag = choices.every((choice) => choice === 'true' || choice === 'false');
    return { anyOf: [isFlag ? { type: 'boolean' } : { enum: choices }, fromEnvironment] };
  }
  const range = /^whole number, (\d+) to (\d+)$/.exec(type);
  if (range !== null) {
    const [, minimum, maximum] = range.map(Number);
    return { anyOf: [{ type: 'integer', minimum, maximum }, fromEnvironment] };
  }
  // YAML reads a text of digits as a number.
  return { type: ['string', 'number'] };
}
