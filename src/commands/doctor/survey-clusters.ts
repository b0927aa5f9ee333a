import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseIp } from '../../base/ip.ts';
import type { Instance } from '../../cluster/instance.ts';
import type { Observation } from '../../cluster/observation.ts';
import type { ClusterConfig } from '../../config/config.ts';
import { targetOf } from '../../control/target.ts';
import type { ClusterSubject, InstanceSubject } from '../../diagnosis/subject.ts';
import { withDeadline } from '../../engines/deadline.ts';
import type { Target } from '../../engines/engine.ts';
import { engines } from '../../engines/engines.ts';
import type { Survey } from '../../engines/survey.ts';
import type { TlsClient } from '../../tls/tls-client.ts';
import { inParallel } from './in-parallel.ts';

/** Servers that are asked at a time. */
const atATime = 16;
/** Between two looks at a writer that seems to lack something: its last transactions may not show yet. */
const secondThoughtMs = 500;

export interface SurveyOptions {
  /** For one server. */
  readonly timeoutMs: number;
  /** For all of them together: who was not asked by then, is not. */
  readonly totalMs: number;
  readonly tlsOf: (cluster: ClusterConfig) => TlsClient;
}

interface Asked {
  readonly cluster: ClusterConfig;
  readonly instance: Instance;
  readonly survey: Survey;
  readonly resolved: readonly string[];
}

/** Asks every server of `clusters`. Never rejects: who does not answer is a failed survey. */
export async function surveyClusters(
  clusters: readonly ClusterConfig[],
  options: SurveyOptions,
): Promise<readonly ClusterSubject[]> {
  const due = performance.now() + options.totalMs;
  const all = clusters.flatMap((cluster) =>
    [...cluster.instances.values()].map((instance) => ({ cluster, instance })),
  );
  const asked = await inParallel(all, atATime, ({ cluster, instance }) =>
    ask(cluster, instance, options, Math.min(options.timeoutMs, due - performance.now())),
  );
  return inParallel(clusters, atATime, (cluster) =>
    subjectOf(
      cluster,
      asked.filter((one) => one.cluster === cluster),
      options,
    ),
  );
}

async function ask(
  cluster: ClusterConfig,
  instance: Instance,
  options: SurveyOptions,
  timeoutMs: number,
): Promise<Asked> {
  const target = targetOf(instance, cluster, options.tlsOf(cluster));
  if (timeoutMs <= 0) {
    const detail = `there was no time left to ask it (${options.totalMs}ms for all servers)`;
    return {
      cluster,
      instance,
      resolved: [],
      survey: { kind: 'failed', failure: { reason: 'timeout', detail } },
    };
  }
  const [survey, resolved] = await Promise.all([
    engines[cluster.engine].survey(target, timeoutMs),
    addressesOf(instance.address.host, timeoutMs),
  ]);
  return { cluster, instance, survey, resolved };
}

async function addressesOf(host: string, timeoutMs: number): Promise<readonly string[]> {
  if (parseIp(host) !== null || host.startsWith('/')) return [];
  const outcome = await withDeadline(lookup(host, { all: true }), timeoutMs);
  return outcome.kind === 'done' ? [...new Set(outcome.value.map(({ address }) => address))] : [];
}

async function subjectOf(
  cluster: ClusterConfig,
  asked: readonly Asked[],
  options: SurveyOptions,
): Promise<ClusterSubject> {
  const { positions } = engines[cluster.engine];
  const instances: InstanceSubject[] = [];
  const subject: ClusterSubject = { cluster, positions, instances, now: Date.now() };
  for (const one of asked) {
    instances.push({ ...one, of: subject, later: await lookAgain(one, asked, options) });
  }
  return subject;
}

/** What the others had received a moment ago, a writer has by now: so it is asked once more, after all of them. */
async function lookAgain(
  { cluster, instance, survey }: Asked,
  asked: readonly Asked[],
  options: SurveyOptions,
): Promise<Observation | null> {
  if (survey.kind === 'failed' || survey.facts.observation.role !== 'writer') return null;
  const target = targetOf(instance, cluster, options.tlsOf(cluster));
  const first = await observe(cluster, target, options.timeoutMs);
  const { positions } = engines[cluster.engine];
  const seemsToLack = asked.some(
    (one) =>
      one.survey.kind === 'answered' &&
      first !== null &&
      ['ahead', 'diverged'].includes(
        positions.compare(one.survey.facts.observation.position, first.position),
      ),
  );
  if (!seemsToLack) return first;
  await sleep(secondThoughtMs);
  return observe(cluster, target, options.timeoutMs);
}

async function observe(
  { engine }: ClusterConfig,
  target: Target,
  timeoutMs: number,
): Promise<Observation | null> {
  const probe = engines[engine].createProbe(target);
  try {
    const result = await probe.probe(timeoutMs);
    return result.kind === 'observed' ? result.observation : null;
  } finally {
    probe.close();
  }
}
