import type { ClusterJson, InstanceJson } from '../../src/admin/api.ts';
import { counted, formatLag, listed } from './format.ts';

/** Something an operator can have done, by the path of the API. */
export type Action =
  | { readonly kind: 'switchover'; readonly cluster: string; readonly to: string | null }
  | { readonly kind: 'failover'; readonly cluster: string; readonly force: boolean }
  | { readonly kind: 'drain'; readonly cluster: string; readonly instance: string }
  | { readonly kind: 'undrain'; readonly cluster: string; readonly instance: string };

/** What is said before it is done, of this cluster as it is now. */
export interface Consequences {
  readonly title: string;
  /** What will happen, a sentence each. */
  readonly will: readonly string[];
  /** What speaks against it. */
  readonly warnings: readonly string[];
  /** Why it cannot be done; null: it can, as far as the page knows. */
  readonly obstacle: string | null;
  /** On the button. */
  readonly confirm: string;
  readonly isDangerous: boolean;
}

export function consequencesOf(action: Action, cluster: ClusterJson): Consequences {
  switch (action.kind) {
    case 'switchover':
      return switchover(cluster, action.to);
    case 'failover':
      return failover(cluster, action.force);
    case 'drain':
      return drain(cluster, action.instance);
    case 'undrain':
      return undrain(cluster, action.instance);
  }
}

/** Replicas that could take over as far as the page knows, the nearest first. */
export const candidatesOf = ({ instances, writer }: ClusterJson): readonly InstanceJson[] =>
  instances
    .filter(
      ({ id, health, deposed, drained, replicating }) =>
        id !== writer && health === 'healthy' && !deposed && !drained && replicating,
    )
    .sort(
      (one, other) =>
        one.promotion_tier - other.promotion_tier || (one.lag_seconds ?? 1e9) - (other.lag_seconds ?? 1e9),
    );

/** Null: Aurelay promotes nobody in this mode. */
export const isManaged = ({ mode }: ClusterJson): boolean => mode !== 'observe';

const observed = 'This cluster is in mode observe: promote with the tool that manages it, Aurelay follows.';

function switchover(cluster: ClusterJson, to: string | null): Consequences {
  const { writer } = cluster;
  const target = cluster.instances.find(({ id }) => id === to);
  const lag = target?.lag_seconds ?? null;
  return {
    title: to === null ? `Switch ${cluster.name} over` : `Make ${to} the writer of ${cluster.name}`,
    will: [
      `${to ?? 'The chosen replica'} becomes the writer. ${formerSentence(cluster)}`,
      closedSentence(cluster),
      'New connections to writer endpoints wait until it is done; most switchovers take about a second.',
      'Nothing is lost: the old writer stops taking writes first, and the change is undone where the new one does not have everything in time.',
      ...heldSentence(cluster),
    ],
    warnings:
      target !== undefined && (lag === null || lag >= 1)
        ? [
            lag === null
              ? `How far ${target.id} is behind is not known.`
              : `${target.id} is ${formatLag(lag)} behind: writes wait until it has caught up, or the change is undone.`,
          ]
        : [],
    obstacle: !isManaged(cluster)
      ? observed
      : to === writer
        ? `${to} is the writer already.`
        : to === null
          ? 'Choose who takes over.'
          : null,
    confirm: to === null ? 'Switch over' : `Make ${to} the writer`,
    isDangerous: false,
  };
}

function failover(cluster: ClusterJson, force: boolean): Consequences {
  const { writer, instances } = cluster;
  const candidates = candidatesOf(cluster);
  const present = instances.find(({ id }) => id === writer);
  const isWell = cluster.phase === 'stable' && present?.health === 'healthy';
  return {
    title: `Fail ${cluster.name} over`,
    will: [
      candidates.length === 0
        ? 'No replica is in a state to take over as far as this page knows; Aurelay says so where it is true.'
        : `${candidates.length === 1 ? '' : 'The best of '}${listed(
            candidates.map(
              ({ id, lag_seconds: lag }) =>
                `${id} (${lag === null ? 'lag unknown' : `${formatLag(lag)} behind`})`,
            ),
          )} becomes the writer.`,
      `${writer ?? 'The former writer'} is shut out and not trusted until it replicates again.`,
      closedSentence(cluster),
      ...heldSentence(cluster),
    ],
    warnings: [
      ...(isWell
        ? [
            `${writer} is healthy. A switchover loses nothing; a failover may lose what replicas have not received yet.`,
          ]
        : []),
      ...(force
        ? ['Whoever answers is promoted, at whatever loss: commits that clients were told of may be gone.']
        : []),
    ],
    obstacle: isManaged(cluster) ? null : observed,
    confirm: force ? 'Fail over at any loss' : 'Fail over',
    isDangerous: true,
  };
}

function drain(cluster: ClusterJson, instance: string): Consequences {
  const found = cluster.instances.find(({ id }) => id === instance);
  const serving = cluster.endpoints.filter(
    ({ type, members }) => type !== 'writer' && type !== 'instance' && members.includes(instance),
  );
  const bereft = serving.filter(({ members }) => members.length === 1).map(({ name }) => name);
  const isWriter = cluster.writer === instance;
  return {
    title: `Drain ${instance}`,
    will: [
      serving.length === 0
        ? `${instance} gets no new connections of reader and custom endpoints; it gets none now either.`
        : `${instance} gets no new connections of ${listed(serving.map(({ name }) => name))} any more.`,
      `Its ${counted(found?.sessions ?? 0, 'session')} ${(found?.sessions ?? 0) === 1 ? 'stays' : 'stay'} until clients end them.`,
      isWriter
        ? 'It stays the writer: the writer endpoint goes on as before.'
        : 'It is not promoted in a failover as long as it is drained.',
    ],
    warnings: [
      ...bereft.map(
        (name) => `${name} has nobody else: it falls back on the writer where it may, or refuses.`,
      ),
      ...(!isWriter &&
      candidatesOf(cluster).every(({ id }) => id === instance) &&
      candidatesOf(cluster).length > 0
        ? ['Nobody else could take over if the writer failed.']
        : []),
    ],
    obstacle: found?.drained === true ? `${instance} is drained already.` : null,
    confirm: `Drain ${instance}`,
    isDangerous: false,
  };
}

function undrain(cluster: ClusterJson, instance: string): Consequences {
  const found = cluster.instances.find(({ id }) => id === instance);
  const awaiting = cluster.endpoints
    .filter(({ out }) => out.some((one) => one.instance === instance && one.why === 'drained'))
    .map(({ name }) => name);
  return {
    title: `Put ${instance} back`,
    will: [
      awaiting.length === 0
        ? `${instance} may get new connections again, as soon as it is fit for them.`
        : `${instance} gets new connections of ${listed(awaiting)} again.`,
      'It may be promoted again.',
    ],
    warnings: [],
    obstacle: found?.drained === false ? `${instance} is not drained.` : null,
    confirm: `Put ${instance} back`,
    isDangerous: false,
  };
}

/** A former writer of MySQL is made a replica by SQL; PostgreSQL has to be started anew for it. */
function formerSentence({ writer, engine }: ClusterJson): string {
  const former = writer ?? 'The writer of now';
  if (engine !== 'postgres') return `${former} becomes a replica of it.`;
  return `${former} stays out until it was started as a replica: rejoin_command does that where it is set, otherwise you do.`;
}

function closedSentence({ instances, writer }: ClusterJson): string {
  const present = instances.find(({ id }) => id === writer);
  if (present === undefined || present.sessions === 0) {
    return `No sessions are closed${writer === null ? '' : `: ${writer} has none`}.`;
  }
  const { sessions, id } = present;
  return `${sessions === 1 ? 'The session' : `All ${counted(sessions, 'session')}`} on ${id} ${sessions === 1 ? 'is' : 'are'} closed; the clients connect again.`;
}

function heldSentence({ endpoints }: ClusterJson): string[] {
  const held = endpoints.reduce((sum, endpoint) => sum + endpoint.held, 0);
  if (held === 0) return [];
  return [
    `${counted(held, 'connection')} ${held === 1 ? 'waits' : 'wait'} for a writer now and ${held === 1 ? 'is' : 'are'} served when there is one.`,
  ];
}

/** Where the API does it. */
export function requestOf(
  action: Action,
  dryRun: boolean,
): { readonly path: string; readonly body: object | null } {
  const base = `/api/v1/clusters/${encodeURIComponent(action.cluster)}`;
  switch (action.kind) {
    case 'switchover':
      return { path: `${base}/switchover${dryRun ? '?dry_run=true' : ''}`, body: { to: action.to } };
    case 'failover':
      return { path: `${base}/failover${action.force ? '?force=true' : ''}`, body: null };
    case 'drain':
    case 'undrain':
      return { path: `${base}/instances/${encodeURIComponent(action.instance)}/${action.kind}`, body: null };
  }
}
