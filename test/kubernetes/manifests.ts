import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DaemonSet, Deployment, StatefulSet } from 'kubernetes-types/apps/v1.js';
import type {
  ConfigMap,
  Container,
  PodSpec,
  Secret,
  Service,
  ServiceAccount,
} from 'kubernetes-types/core/v1.js';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import { parse, parseAllDocuments } from 'yaml';

export const root = join(import.meta.dirname, '../..');
const folder = join(root, 'config/kubernetes');

/** A document of a file. What it says is checked against Kubernetes' types by a test. */
export interface Manifest {
  /** From `config/kubernetes`. */
  readonly file: string;
  readonly value: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly labels?: object };
    readonly [key: string]: unknown;
  };
}

export const isKustomization = (file: string): boolean => file.endsWith('kustomization.yaml');

/** Every file, from `config/kubernetes`. */
export const files: readonly string[] = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort();

export const read = (file: string): string => readFileSync(join(folder, file), 'utf8');

const documents = (file: string): Manifest[] =>
  parseAllDocuments(read(file), { version: '1.1' }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return { file, value: document.toJS() as Manifest['value'] };
  });

/** Everything that is written down, but Aurelay's own configurations and the kustomizations. */
export const manifests: readonly Manifest[] = files
  .filter((file) => !isKustomization(file) && !file.endsWith('/aurelay.yaml'))
  .flatMap(documents);

export interface Kustomization {
  readonly resources: readonly string[];
  readonly configMapGenerator?: readonly { readonly name: string; readonly files: readonly string[] }[];
  readonly generatorOptions?: { readonly disableNameSuffixHash?: boolean };
}

export const kustomizationOf = (name: string): Kustomization => parse(read(`${name}/kustomization.yaml`));

/** The files that a kustomization is made of, those of its bases included. */
export function resourcesOf(name: string): readonly string[] {
  return kustomizationOf(name).resources.flatMap((resource) => {
    const path = relative(folder, join(folder, name, resource));
    return path.endsWith('.yaml') ? [path] : resourcesOf(path);
  });
}

interface Kinds {
  readonly Deployment: Deployment;
  readonly StatefulSet: StatefulSet;
  readonly DaemonSet: DaemonSet;
  readonly Service: Service;
  readonly ServiceAccount: ServiceAccount;
  readonly Secret: Secret;
  readonly ConfigMap: ConfigMap;
  readonly NetworkPolicy: NetworkPolicy;
  readonly PodDisruptionBudget: PodDisruptionBudget;
}

/** Of the files, the objects of a kind. */
export const ofKind = <Kind extends keyof Kinds>(
  kind: Kind,
  among: readonly string[],
): readonly Kinds[Kind][] =>
  manifests
    .filter(({ file, value }) => among.includes(file) && value.kind === kind)
    .map(({ value }) => value as unknown as Kinds[Kind]);

/** A way of running Aurelay: what runs, and the container of it. */
export interface Workload {
  readonly name: 'automatic' | 'observe';
  readonly among: readonly string[];
  readonly object: Deployment | StatefulSet;
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: PodSpec;
  readonly container: Container;
}

export const workloads: readonly Workload[] = (['automatic', 'observe'] as const).map((name) => {
  const among = resourcesOf(name);
  const objects = [...ofKind('StatefulSet', among), ...ofKind('Deployment', among)];
  const [object] = objects;
  const template = object?.spec?.template;
  const [container] = template?.spec?.containers ?? [];
  if (objects.length !== 1 || object === undefined || !template?.spec || container === undefined) {
    throw new Error(`${name} runs exactly one thing`);
  }
  return { name, among, object, labels: template.metadata?.labels ?? {}, pod: template.spec, container };
});
