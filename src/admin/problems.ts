import type { ClusterJson, EndpointJson } from './api.ts';
import { whyOut } from './why-out.ts';

export interface Problem {
  readonly cluster: string;
  /** An instance or an endpoint; null: the cluster itself. */
  readonly subject: string | null;
  readonly problem: string;
}

/** What is not well, the gravest of each cluster first. That an instance is drained is as an operator wished. */
export const problemsOf = (clusters: readonly ClusterJson[]): readonly Problem[] =>
  clusters.flatMap((cluster) => [
    ...ofCluster(cluster).map((problem) => ({ cluster: cluster.name, subject: null, problem })),
    ...cluster.endpoints.flatMap((endpoint) =>
      ofEndpoint(endpoint).map((problem) => ({ cluster: cluster.name, subject: endpoint.name, problem })),
    ),
    ...cluster.instances.flatMap((instance) => {
      const reasons = whyOut(instance, cluster.endpoints).filter((why) => why !== 'drained');
      if (instance.health !== 'healthy') reasons.unshift(instance.health);
      if (reasons.length === 0) return [];
      return [{ cluster: cluster.name, subject: instance.id, problem: reasons.join(', ') }];
    }),
  ]);

function ofCluster({ phase, reason, writer, durability }: ClusterJson): string[] {
  const problems: string[] = [];
  if (writer === null) problems.push('no writer');
  if (phase !== 'stable') problems.push(reason === null ? phase : `${phase}: ${reason}`);
  if (durability.mode === 'quorum' && durability.state !== 'secured') {
    problems.push(`write quorum ${durability.state}`);
  }
  return problems;
}

function ofEndpoint({ listening, listen_error, members }: EndpointJson): string[] {
  if (!listening) return [`not listening: ${listen_error ?? 'not started'}`];
  return members.length === 0 ? ['no members: new connections wait or are refused'] : [];
}

/** What `aurelay status --check` prints: a line each. */
export function problemsText(problems: readonly Problem[]): string {
  if (problems.length === 0) return 'all is well\n';
  return problems
    .map(({ cluster, subject, problem }) => `${[cluster, subject, problem].filter(Boolean).join(': ')}`)
    .map((line) => `${line.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')}\n`)
    .join('');
}
