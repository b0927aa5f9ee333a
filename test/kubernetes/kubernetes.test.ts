import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { fakeControls } from '../admin/fake-controls.ts';
import { runAdmin } from '../admin/running-admin.ts';
import {
  files,
  isKustomization,
  kustomizationOf,
  type Manifest,
  manifests,
  ofKind,
  read,
  resourcesOf,
  root,
  type Workload,
  workloads,
} from './manifests.ts';
import { hasType, typeErrors } from './typed.ts';

/** What can be said of the manifests without a cluster. */

const secretFile = 'secret.example.yaml';
const ways = ['automatic', 'observe', 'monitoring'];

/** Where the container finds what it is given, by the path of a file. */
const mountOf = ({ container }: Workload, volume: string): string =>
  container.volumeMounts?.find(({ name }) => name === volume)?.mountPath ?? assert.fail(`no mount ${volume}`);

/** The configuration of a way, as the real loader reads it, with the secrets of the example. */
function configOf(workload: Workload): Config {
  const [secret] = ofKind('Secret', [secretFile]);
  const folder = mountOf(workload, 'secrets');
  const result = loadConfig({
    text: read(`${workload.name}/aurelay.yaml`),
    file: `${workload.name}/aurelay.yaml`,
    env: {},
    readFile: (path) =>
      secret?.stringData?.[path.slice(folder.length + 1)] ?? assert.fail(`${path} is not in ${secretFile}`),
  });
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

const only = <Value>(values: Iterable<Value>): Value => {
  const [first, ...rest] = values;
  assert.ok(first !== undefined && rest.length === 0, 'exactly one');
  return first;
};

const portsOf = ({ container }: Workload): Map<string, number> =>
  new Map((container.ports ?? []).map(({ name, containerPort }) => [name ?? '', containerPort]));

test('Kubernetes knows every key, and what it may be', () => {
  const typed = manifests.filter(hasType);
  assert.ok(typed.length >= 8, 'most manifests have a type');
  assert.equal(typeErrors(typed), '');
});

test('the types refuse what Kubernetes does', () => {
  const misspelt = structuredClone(manifests.find(({ value }) => value.kind === 'Deployment')) as Manifest;
  const { spec } = misspelt.value as unknown as { spec: Record<string, unknown> };
  spec.replica = 2;
  assert.match(typeErrors([misspelt]), /'replica' does not exist|may only specify known properties/);
  spec.replicas = 'two';
  delete spec.replica;
  assert.match(typeErrors([misspelt]), /not assignable to type 'number'/);
});

test('nothing is written that only some YAML parsers take', () => {
  // Go's, which Kubernetes reads with, takes a bare `?` in braces for the beginning of a key.
  for (const file of files) assert.doesNotMatch(read(file), /\{[^'"}\n]*\?/, file);
});

test('every file belongs to something that can be applied', () => {
  const applied = ways.flatMap(resourcesOf);
  for (const file of files) {
    if (isKustomization(file) || file === secretFile || file.endsWith('/aurelay.yaml')) continue;
    assert.ok(applied.includes(file), `${file} is in no kustomization`);
  }
  for (const file of applied) assert.ok(files.includes(file), `${file} does not exist`);
});

test('no manifest says which namespace it is for, and each is labelled', () => {
  for (const { file, value } of manifests) {
    assert.equal(value.metadata?.namespace, undefined, file);
    assert.deepEqual(value.metadata?.labels, { 'app.kubernetes.io/name': 'aurelay' }, file);
  }
});

test('the alerts are those of Prometheus', () => {
  const { value } = only(manifests.filter(({ value: { kind } }) => kind === 'PrometheusRule'));
  assert.deepEqual(
    value.spec,
    parse(readFileSync(join(root, 'config/prometheus/aurelay.rules.yml'), 'utf8')),
  );
});

test('Prometheus scrapes a port of the pods', () => {
  const { value } = only(manifests.filter(({ value: { kind } }) => kind === 'PodMonitor'));
  const { selector, podMetricsEndpoints } = value.spec as {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints: readonly { readonly port: string }[];
  };
  for (const workload of workloads) {
    assert.deepEqual(selector.matchLabels, workload.labels);
    assert.equal(portsOf(workload).get(only(podMetricsEndpoints).port), configOf(workload).admin.listen.port);
  }
});

for (const workload of workloads) {
  const { name, among, object, labels, pod, container } = workload;

  test(`${name}: Aurelay takes its configuration, and needs a name for it that exists`, () => {
    const { name: map, files: sources } = only(kustomizationOf(name).configMapGenerator ?? []);
    const volume = pod.volumes?.find(({ configMap }) => configMap?.name === map);
    assert.ok(volume, `no volume of the ConfigMap ${map}`);
    const file = join(mountOf(workload, volume.name), basename(only(sources)));
    assert.deepEqual(container.args, ['start', '-c', file]);
    const config = configOf(workload);
    assert.equal(config.reload.watch, true);
    assert.equal(kustomizationOf(name).generatorOptions?.disableNameSuffixHash, true);
    for (const { subPath } of container.volumeMounts ?? []) {
      assert.equal(subPath, undefined, 'a single file never changes');
    }
    assert.equal(only(config.clusters.values()).failover.mode, name);
  });

  test(`${name}: the ports are those that the configuration listens on`, () => {
    const { admin, clusters } = configOf(workload);
    const { endpoints } = only(clusters.values());
    const listening = [...endpoints].map(([id, { listen }]) => [id as string, listen.port] as const);
    assert.deepEqual(portsOf(workload), new Map([...listening, ['admin', admin.listen.port]]));
    for (const { listen } of [...endpoints.values(), { listen: admin.listen }]) {
      assert.equal(listen.host, '0.0.0.0', 'a pod is reached by its own address');
    }
  });

  test(`${name}: Services, budget and network policy are about these pods and their ports`, () => {
    const ports = portsOf(workload);
    for (const { spec } of ofKind('Service', among)) {
      assert.deepEqual(spec?.selector, labels);
      for (const { targetPort } of spec?.ports ?? []) assert.ok(ports.has(String(targetPort)));
      assert.notEqual(String(only(spec?.ports ?? []).targetPort), 'admin');
    }
    const policy = only(ofKind('NetworkPolicy', among));
    assert.deepEqual(policy.spec?.podSelector.matchLabels, labels);
    const opened = (policy.spec?.ingress ?? []).flatMap(({ ports: opened = [] }) => opened);
    assert.deepEqual(new Set(opened.map(({ port }) => String(port))), new Set(ports.keys()));
    const budget = only(ofKind('PodDisruptionBudget', among));
    assert.deepEqual(budget.spec?.selector?.matchLabels, labels);
    assert.deepEqual(object.spec?.selector.matchLabels, labels);
    // It never forbids every eviction, and where there are two one of them stays.
    assert.equal(budget.spec?.maxUnavailable, 1);
  });

  test(`${name}: the probes ask what there is, and a cluster without a writer keeps its endpoints`, async (t) => {
    const controls = fakeControls();
    controls.change('orders', { writer: null, phase: 'suspect', reason: 'it is gone' });
    const { url } = await runAdmin(t, controls);
    const paths = [container.startupProbe, container.readinessProbe, container.livenessProbe].map((probe) => {
      assert.equal(probe?.httpGet?.port, 'admin');
      return probe?.httpGet?.path ?? '';
    });
    assert.equal((await fetch(`${url}/readyz`)).status, 503, 'there is no writer');
    for (const path of paths) assert.equal((await fetch(`${url}${path}`)).status, 200, path);
    controls.stopping = true;
    assert.equal((await fetch(`${url}${container.readinessProbe?.httpGet?.path}`)).status, 503);
    assert.equal((await fetch(`${url}${container.livenessProbe?.httpGet?.path}`)).status, 200);
  });

  test(`${name}: it has the time to end`, () => {
    const command = container.lifecycle?.preStop?.exec?.command?.join(' ') ?? '';
    const pauseMs = Number(/(\d+)\)$/.exec(command)?.[1] ?? 0);
    const { drainTimeoutMs } = configOf(workload).shutdown;
    const graceMs = (pod.terminationGracePeriodSeconds ?? 30) * 1000;
    assert.ok(graceMs >= pauseMs + drainTimeoutMs + 10_000, `${graceMs} ms are not enough`);
  });

  test(`${name}: the image is this version, and runs as a plain user without any right`, () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    assert.equal(container.image, `aurelay:${version}`);
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
    const [, user, group] = /^USER (\d+):(\d+)$/m.exec(dockerfile) ?? assert.fail('the image has a user');
    const { runAsUser, runAsGroup, fsGroup, runAsNonRoot, seccompProfile } = pod.securityContext ?? {};
    assert.deepEqual([runAsUser, runAsGroup, fsGroup].map(String), [user, group, group]);
    assert.equal(runAsNonRoot, true);
    assert.equal(seccompProfile?.type, 'RuntimeDefault');
    assert.deepEqual(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.serviceAccountName, only(ofKind('ServiceAccount', among)).metadata?.name);
    const secrets = pod.volumes?.find(({ secret }) => secret !== undefined)?.secret;
    assert.equal(secrets?.secretName, only(ofKind('Secret', [secretFile])).metadata?.name);
    assert.equal(secrets?.defaultMode, 0o440);
    assert.ok(container.resources?.limits?.memory, 'memory is bounded');
    assert.equal(container.resources?.limits?.cpu, undefined, 'a late probe looks like a dead server');
  });
}

test('one decides, and remembers; two observe, and one of them always serves', () => {
  const [automatic, observe] = workloads;
  assert.ok(automatic && observe);
  const stateful = only(ofKind('StatefulSet', automatic.among));
  assert.equal(stateful.spec?.replicas, 1);
  const claim = only(stateful.spec?.volumeClaimTemplates ?? []).metadata?.name ?? '';
  assert.equal(configOf(automatic).stateDir, mountOf(automatic, claim));
  assert.equal(configOf(observe).stateDir, null);
  const deployment = only(ofKind('Deployment', observe.among));
  assert.ok((deployment.spec?.replicas ?? 1) >= 2);
  assert.deepEqual(deployment.spec?.strategy?.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });
});
