import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import { outlineAt, type Path } from '../outline.ts';
import {
  type Check,
  clustersOf,
  type EndpointDraft,
  endpointsOf,
  error,
  instancesOf,
  warning,
} from './check.ts';

interface Around {
  readonly inspection: Inspection;
  readonly cluster: string;
  /** The names of all instances, broken ones included. */
  readonly instances: readonly string[];
  readonly tags: readonly Readonly<Record<string, string | undefined>>[];
  readonly zones: readonly string[];
  /** Some instance could not be read, so that what is not found may well be there. */
  readonly incomplete: boolean;
}

interface NamedEndpoint {
  readonly name: string;
  readonly path: Path;
  readonly value: EndpointDraft;
}

/** Each endpoint has the keys of its type, and names only what its cluster has. */
export const checkEndpoints: Check = function* (inspection) {
  for (const cluster of clustersOf(inspection)) {
    const endpoints = endpointsOf(cluster);
    const instances = instancesOf(cluster);
    const names = Object.keys(cluster.value.instances ?? {});
    const around: Around = {
      inspection,
      cluster: cluster.name,
      instances: names,
      tags: instances.map(({ value }) => value.tags ?? {}),
      zones: instances.flatMap(({ value }) => value.zone ?? []),
      incomplete: names.length === 0 || instances.length < names.length,
    };
    for (const endpoint of endpoints) {
      yield* inapplicableKeys(endpoint, inspection);
      yield* requiredByType(endpoint, inspection);
      yield* members(endpoint, around);
      yield* named(endpoint.value.instance, [...endpoint.path, 'instance'], around);
      yield* preferredZone(endpoint, around);
    }
    yield* writerEndpoint(cluster.path, endpoints);
  }
};

function* inapplicableKeys({ path, value: { type } }: NamedEndpoint, { has }: Inspection): Iterable<Finding> {
  const section = outlineAt(path);
  if (type === undefined || section?.kind !== 'section') return;
  for (const key of section.keys.values()) {
    if (key.only === null || key.only.includes(type) || !has([...path, key.name])) continue;
    const types = key.only.map((one) => `\`${one}\``).join(' and ');
    const article = type === 'instance' ? 'an' : 'a';
    const message = `${article} ${type} endpoint has no \`${key.name}\``;
    yield error('inapplicable-key', [...path, key.name], message, {
      on: 'key',
      hint: `\`${key.name}\` is for ${types} endpoints`,
    });
  }
}

function* requiredByType(
  { name, path, value: { type } }: NamedEndpoint,
  { has }: Inspection,
): Iterable<Finding> {
  if (type === 'custom' && !has([...path, 'members'])) {
    yield error('missing-key', path, `custom endpoint \`${name}\` needs a key \`members\``, {
      on: 'key',
      hint: 'add `members: { static: [instance, …] }`, `{ excluded: […] }` or `{ tags: { … } }`',
    });
  }
  if (type === 'instance' && !has([...path, 'instance'])) {
    yield error('missing-key', path, `instance endpoint \`${name}\` needs a key \`instance\``, {
      on: 'key',
      hint: 'add `instance: NAME`',
    });
  }
}

function* members({ path, value }: NamedEndpoint, around: Around): Iterable<Finding> {
  if (value.type !== 'custom' || value.members === undefined) return;
  const at = [...path, 'members'];
  const given = (['static', 'excluded', 'tags'] as const).filter((key) =>
    around.inspection.has([...at, key]),
  );
  if (given.length !== 1) {
    const has = given.length === 0 ? 'none' : given.map((key) => `\`${key}\``).join(' and ');
    const message = `\`members\` needs exactly one of \`static\`, \`excluded\` and \`tags\`, and has ${has}`;
    yield error('conflicting-keys', at, message, { on: 'key' });
  }
  const { static: listed, excluded, tags } = value.members;
  if (listed?.length === 0) {
    yield error('no-member', [...at, 'static'], 'an endpoint without members serves nobody', { on: 'key' });
  }
  for (const key of ['static', 'excluded'] as const) {
    for (const [index, name] of (value.members[key] ?? []).entries()) {
      yield* named(name, [...at, key, index], around);
    }
  }
  const all = around.instances.length;
  const left = new Set(around.instances);
  for (const name of excluded ?? []) if (name !== undefined) left.delete(name);
  if (excluded && all > 0 && left.size === 0) {
    yield warning('no-member', [...at, 'excluded'], 'this excludes every instance of the cluster', {
      on: 'key',
    });
  }
  if (tags) yield* tagged(tags, [...at, 'tags'], around);
}

function* tagged(
  tags: Readonly<Record<string, string | undefined>>,
  path: Path,
  { incomplete, tags: instances, cluster }: Around,
): Iterable<Finding> {
  const wanted = Object.entries(tags);
  if (wanted.length === 0) {
    yield error('no-member', path, 'this selects by no tag at all', {
      on: 'key',
      hint: '`excluded: []` is every instance',
    });
    return;
  }
  const has = (instance: Readonly<Record<string, string | undefined>>): boolean =>
    wanted.every(([name, value]) => Object.hasOwn(instance, name) && instance[name] === value);
  if (incomplete || wanted.some(([, value]) => value === undefined) || instances.some(has)) return;
  const message = `no instance of cluster \`${cluster}\` has ${wanted.length === 1 ? 'this tag' : 'all of these tags'}`;
  yield warning('no-member', path, message, { on: 'key' });
}

function* named(name: string | undefined, path: Path, around: Around): Iterable<Finding> {
  const { inspection, instances, cluster } = around;
  if (name === undefined || instances.length === 0 || instances.includes(name)) return;
  const written = inspection.written(path);
  const suggestion = inspection.suggest(path, instances);
  const shown = written === null ? 'this name' : `\`${written}\``;
  const some = instances.slice(0, 8).map((one) => `\`${one}\``);
  const more = instances.length > some.length ? ', …' : '';
  yield error('unknown-instance', path, `cluster \`${cluster}\` has no instance ${shown}`, {
    suggestion,
    hint: suggestion === null ? `it has ${some.join(', ')}${more}` : null,
  });
}

function* preferredZone({ path, value }: NamedEndpoint, around: Around): Iterable<Finding> {
  const { inspection, zones, incomplete, cluster } = around;
  if (value.prefer_zone === undefined || incomplete || zones.includes(value.prefer_zone)) return;
  const at = [...path, 'prefer_zone'];
  yield warning('unknown-zone', at, `no instance of cluster \`${cluster}\` is in this zone`, {
    suggestion: inspection.suggest(at, zones),
  });
}

function* writerEndpoint(path: Path, endpoints: readonly NamedEndpoint[]): Iterable<Finding> {
  const unsure = endpoints.length === 0 || endpoints.some(({ value }) => value.type === undefined);
  if (unsure || endpoints.some(({ value }) => value.type === 'writer')) return;
  const message = 'no endpoint has `type: writer`: clients have nowhere to write';
  yield warning('no-writer-endpoint', [...path, 'endpoints'], message, { on: 'key' });
}
