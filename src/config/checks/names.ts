import type { Finding } from '../finding.ts';
import type { Inspection } from '../inspection.ts';
import type { Path } from '../outline.ts';
import { type Check, clustersOf, endpointsOf, error, instancesOf } from './check.ts';

const form = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const most = 100;

/** Names are well-formed, and there are neither none of a kind nor too many. */
export const checkNames: Check = function* (inspection) {
  yield* namesAt(inspection, ['clusters'], 'cluster', Object.keys(inspection.settings.clusters ?? {}));
  for (const cluster of clustersOf(inspection)) {
    const { instances, endpoints } = cluster.value;
    if (instances)
      yield* namesAt(inspection, [...cluster.path, 'instances'], 'instance', Object.keys(instances));
    if (endpoints)
      yield* namesAt(inspection, [...cluster.path, 'endpoints'], 'endpoint', Object.keys(endpoints));
    for (const { path, value } of instancesOf(cluster)) yield* tagNames([...path, 'tags'], value.tags);
    for (const { path, value } of endpointsOf(cluster)) {
      yield* tagNames([...path, 'members', 'tags'], value.members?.tags);
    }
  }
};

function* namesAt(
  inspection: Inspection,
  path: Path,
  kind: string,
  names: readonly string[],
): Iterable<Finding> {
  if (names.length === 0 && inspection.has(path)) {
    yield error('wrong-count', path, `there must be at least one ${kind}`, { on: 'key' });
  }
  if (names.length > most) {
    const message = `there are ${names.length} ${kind}s, and at most ${most} are allowed`;
    yield error('wrong-count', path, message, { on: 'key' });
  }
  for (const name of names) {
    if (form.test(name)) continue;
    const better = name
      .toLowerCase()
      .replace(/[^a-z0-9_-]+/g, '-')
      .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
      .slice(0, 63);
    yield error(
      'invalid-name',
      [...path, name],
      `this cannot be the name of ${kind === 'cluster' ? 'a' : 'an'} ${kind}`,
      {
        on: 'key',
        suggestion: form.test(better) ? better : null,
        hint: 'lower-case letters, digits, `-` and `_`, a letter or digit first, at most 63 characters',
      },
    );
  }
}

function* tagNames(path: Path, tags: Readonly<Record<string, unknown>> | undefined): Iterable<Finding> {
  for (const name of Object.keys(tags ?? {})) {
    if (/^[A-Za-z0-9][A-Za-z0-9_./-]{0,62}$/.test(name)) continue;
    yield error('invalid-name', [...path, name], 'this cannot be the name of a tag', {
      on: 'key',
      hint: 'letters, digits and `_ . / -`, a letter or digit first, at most 63 characters',
    });
  }
}
