import { z } from 'zod';
import type { EndpointType } from '../endpoints/endpoint.ts';
import { configSchema, keyMeanings } from './schema.ts';
import { type ValueKind, valueKinds } from './value.ts';

/** The schema as a plain tree, for everything that explains it: errors, suggestions, masks, the reference. */
export type Outline =
  | { readonly kind: 'section'; readonly schema: z.ZodType; readonly keys: ReadonlyMap<string, Key> }
  /** A map whose keys are names that the user chooses. */
  | { readonly kind: 'named'; readonly schema: z.ZodType; readonly of: Outline }
  | { readonly kind: 'list'; readonly schema: z.ZodType; readonly of: Outline }
  | { readonly kind: 'value'; readonly schema: z.ZodType; readonly value: ValueKind };

export interface Key {
  readonly name: string;
  readonly about: string;
  readonly required: boolean;
  /** As a person would write it; null where it has none. */
  readonly default: string | null;
  readonly example: string | null;
  /** May stand in place of the section; null: nothing may. */
  readonly word: string | null;
  readonly only: readonly EndpointType[] | null;
  /** With its default around it, which `node` has not. */
  readonly schema: z.ZodType;
  readonly node: Outline;
}

export type PathStep = string | number;
export type Path = readonly PathStep[];

function outlineOf(schema: z.ZodType): Outline {
  const value = valueKinds.get(schema);
  if (value !== undefined) return { kind: 'value', schema, value };
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) {
    return outlineOf(schema.def.innerType as z.ZodType);
  }
  // A value that is made fit first: what it is to be, is what there is to say about it.
  if (schema instanceof z.ZodPipe) return outlineOf(schema.def.out as z.ZodType);
  if (schema instanceof z.ZodObject) {
    const keys = Object.entries(schema.def.shape).map(([name, inner]) => keyOf(name, inner as z.ZodType));
    return { kind: 'section', schema, keys: new Map(keys.map((key) => [key.name, key])) };
  }
  if (schema instanceof z.ZodRecord) {
    return { kind: 'named', schema, of: outlineOf(schema.def.valueType as z.ZodType) };
  }
  if (schema instanceof z.ZodArray) {
    return { kind: 'list', schema, of: outlineOf(schema.def.element as z.ZodType) };
  }
  throw new TypeError(`the outline does not know schemas of type ${schema.def.type}`);
}

function keyOf(name: string, schema: z.ZodType): Key {
  const meaning = keyMeanings.get(schema);
  if (meaning === undefined) throw new TypeError(`key ${name} of the schema has no meaning`);
  const prefault = schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined;
  const literal = typeof prefault === 'string' ? `\`${prefault}\`` : null;
  return {
    name,
    about: meaning.about,
    required: !(schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault),
    default: meaning.default ?? literal,
    example: meaning.example ?? null,
    word: meaning.word ?? null,
    only: meaning.only ?? null,
    schema,
    node: outlineOf(schema),
  };
}

export const configOutline: Outline = outlineOf(configSchema);

/** The part of the outline that `path` leads to; null where the schema knows no such key. */
export function outlineAt(path: Path, from: Outline = configOutline): Outline | null {
  let node: Outline = from;
  for (const step of path) {
    if (node.kind === 'section') {
      const key = node.keys.get(String(step));
      if (key === undefined) return null;
      node = key.node;
    } else if (node.kind === 'value') return null;
    else node = node.of;
  }
  return node;
}
