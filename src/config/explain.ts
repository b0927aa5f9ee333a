import type { z } from 'zod';
import type { Finding } from './finding.ts';
import { formatPath } from './finding.ts';
import type { Inspection } from './inspection.ts';
import { configOutline, type Outline, outlineAt, type Path, type PathStep } from './outline.ts';
import type { Source } from './source.ts';
import { suggest } from './suggest.ts';
import type { Refusal } from './value.ts';

/** The schema's issues in the words of the file. */
export function explainIssues(
  issues: readonly z.core.$ZodIssue[],
  source: Source,
  inspection: Inspection,
): readonly Finding[] {
  return issues.flatMap((issue): readonly Finding[] => {
    const path = issue.path as readonly PathStep[];
    if (source.at(path)?.broken) return [];
    if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknownKey(path, name));
    const node = outlineAt(path);
    const raw = rawAt(source.raw, path);
    if (node === null) return [finding('wrong-type', path, issue.message)];
    if (raw === undefined || path.length === 0) return [missing(path, raw, node)];
    if (raw === null) return [empty(path, node)];
    if (node.kind !== 'value') return [wrongKind(path, raw, describe(node), exampleAt(path))];
    if (typeof raw !== 'string') return [wrongKind(path, raw, withExample(node), null)];
    const refusal = issue.code === 'custom' ? (issue.params as Refusal) : null;
    return [refused(path, node, refusal, inspection, source.at(path)?.substituted ?? false)];
  });
}

type ValueNode = Extract<Outline, { kind: 'value' }>;

const finding = (
  code: Finding['code'],
  path: Path,
  message: string,
  more: Partial<Finding> = {},
): Finding => ({
  severity: 'error',
  code,
  path,
  on: 'value',
  message,
  ...more,
});

function unknownKey(parent: Path, name: string): Finding {
  const section = outlineAt(parent);
  const known = section?.kind === 'section' ? [...section.keys.keys()] : [];
  const suggestion = suggest(name, known);
  const home = suggestion === null ? homeOf(parent, name) : null;
  const hint =
    home === null
      ? suggestion === null
        ? `known here: ${known.map((key) => `\`${key}\``).join(', ')}`
        : null
      : `\`${name}\` belongs under \`${home}\``;
  const shown = name.length > 60 ? `${name.slice(0, 60)}…` : name;
  return finding('unknown-key', [...parent, name], `unknown key \`${shown}\``, {
    on: 'key',
    suggestion,
    hint,
  });
}

/** A section beside the place, above it or at the top that does have the key. */
function homeOf(parent: Path, name: string): string | null {
  for (let depth = parent.length; depth >= 0; depth--) {
    const around = depth === 0 ? configOutline : outlineAt(parent.slice(0, depth));
    if (around?.kind !== 'section') continue;
    if (depth < parent.length && around.keys.has(name)) {
      return depth === 0 ? 'the top of the file' : formatPath(parent.slice(0, depth));
    }
    for (const key of around.keys.values()) {
      if (key.node.kind === 'section' && key.node.keys.has(name)) return key.name;
    }
  }
  return null;
}

function missing(path: Path, raw: unknown, node: Outline): Finding {
  if (path.length === 0) {
    const what = raw === null || raw === undefined ? 'the file is empty' : 'the file is not a map of keys';
    return finding('wrong-type', [], what, {
      hint: 'it begins with `clusters:`; see the example configuration',
    });
  }
  const parent = path.slice(0, -1);
  const name = String(path.at(-1));
  const where = parent.length === 0 ? 'the file' : `\`${formatPath(parent)}\``;
  const example = exampleAt(path);
  const fallback = node.kind === 'value' ? `${name}: ${node.value.example}` : null;
  const shown = example ?? fallback;
  return finding('missing-key', parent, `${where} needs a key \`${name}\``, {
    on: 'key',
    hint: shown === null ? null : `add \`${shown}\``,
  });
}

function empty(path: Path, node: Outline): Finding {
  const what = node.kind === 'value' ? withExample(node) : describe(node);
  const name = path.at(-1);
  const message = `${typeof name === 'string' ? `\`${name}\`` : 'this item'} has no value: expected ${what}`;
  const key = keyAt(path);
  const hint = key !== null && !key.required ? 'remove the key to have its default' : null;
  return finding('wrong-type', path, message, { hint });
}

function wrongKind(path: Path, raw: unknown, expected: string, example: string | null): Finding {
  const got = Array.isArray(raw) ? 'a list' : typeof raw === 'object' ? 'a map' : 'a text';
  const hint = example === null ? null : `for example \`${example}\``;
  const shown = `\`${formatPath(path)}\` must be ${expected}, and this is ${got}`;
  return finding('wrong-type', path, shown, { on: got === 'a text' ? 'value' : 'key', hint });
}

function refused(
  path: Path,
  node: ValueNode,
  refusal: Refusal | null,
  inspection: Inspection,
  substituted: boolean,
): Finding {
  const written = inspection.written(path);
  const shown = written === null ? 'this value' : `\`${written}\``;
  const text = refusal?.why === 'limit' ? (refusal.text ?? '') : `is not ${withExample(node)}`;
  const { choices } = node.value;
  const meant = refusal?.suggestion;
  const suggestion =
    choices !== null
      ? inspection.suggest(path, choices)
      : meant !== undefined && inspection.suggest(path, [meant]) !== null
        ? meant
        : null;
  return finding('invalid-value', path, `${shown} ${text}`, {
    suggestion,
    hint: refusal?.hint ?? (substituted ? 'the value comes from the environment' : null),
  });
}

const withExample = ({ value }: ValueNode): string =>
  value.choices !== null || value.secret ? value.what : `${value.what} such as \`${value.example}\``;

function describe(node: Outline): string {
  switch (node.kind) {
    case 'section': {
      const names = [...node.keys.values()].filter((key) => key.required).map((key) => `\`${key.name}\``);
      return names.length === 0 ? 'a map' : `a map with ${names.join(', ')}`;
    }
    case 'named':
      return 'a map of names';
    case 'list':
      return 'a list, `[…]`';
    case 'value':
      return withExample(node);
  }
}

function keyAt(path: Path) {
  const parent = outlineAt(path.slice(0, -1));
  return parent?.kind === 'section' ? (parent.keys.get(String(path.at(-1))) ?? null) : null;
}

const exampleAt = (path: Path): string | null => keyAt(path)?.example ?? null;

function rawAt(raw: unknown, path: Path): unknown {
  let at = raw;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<PathStep, unknown>)[step];
  }
  return at;
}
