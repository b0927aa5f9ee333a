import { configOutline, type Key, type Outline } from './outline.ts';
import type { Settings } from './schema.ts';

/** Settings of which any part may be missing, so that the checks still look at the rest of a broken file. */
export type Draft<Value> = Value extends
  | string
  | number
  | boolean
  | null
  | { readonly port: unknown }
  | { readonly prefix: unknown }
  ? Value
  : Value extends readonly (infer Item)[]
    ? readonly (Draft<Item> | undefined)[]
    : { readonly [Name in keyof Value]?: Draft<Value[Name]> | undefined };

export type SettingsDraft = Draft<Settings>;

/** What the schema can read of `raw`, entry by entry; what it cannot is left out. */
export const draftOf = (raw: unknown): SettingsDraft => (salvage(configOutline, raw) ?? {}) as SettingsDraft;

function salvage(outline: Outline, raw: unknown): unknown {
  switch (outline.kind) {
    case 'value': {
      const result = outline.schema.safeParse(raw);
      return result.success ? result.data : undefined;
    }
    case 'list':
      return Array.isArray(raw) ? raw.map((item) => salvage(outline.of, item)) : undefined;
    case 'named':
      if (!isRecord(raw)) return undefined;
      return Object.fromEntries(Object.entries(raw).map(([name, one]) => [name, salvage(outline.of, one)]));
    case 'section':
      if (!isRecord(raw)) return undefined;
      return Object.fromEntries([...outline.keys.values()].map((key) => [key.name, salvageKey(key, raw)]));
  }
}

function salvageKey(key: Key, raw: Readonly<Record<string, unknown>>): unknown {
  if (Object.hasOwn(raw, key.name)) return salvage(key.node, raw[key.name]);
  return key.required ? undefined : key.schema.safeParse(undefined).data;
}

const isRecord = (raw: unknown): raw is Record<string, unknown> =>
  typeof raw === 'object' && raw !== null && !Array.isArray(raw);
