import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import type { QuorumPolicy } from './durability.ts';
import type { ClusterState, InstanceState, Plan } from './state.ts';
import type { ClusterView, DurabilityView, InstanceView } from './view.ts';

/** A replica that has lost its source may go on serving for as long as a failover takes. */
const sourceGraceMs = 10_000;

/** Who may be given writer sessions in this state; null while nobody. */
export function viewWriter(state: ClusterState): InstanceId | null {
  if (state.phase.name !== 'stable' || state.writer === null) return null;
  return state.instances.get(state.writer)?.observation?.role === 'writer' ? state.writer : null;
}

/** The snapshot of `state` for everybody outside the core. */
export function viewOf(state: ClusterState, at: Instant, quorum: QuorumPolicy | null): ClusterView {
  const writer = viewWriter(state);
  const instances = new Map<InstanceId, InstanceView>();
  for (const [id, known] of state.instances) {
    instances.set(id, instanceView(known, state.deposed.has(id), writer !== null, at));
  }
  const { cluster, epoch, phase } = state;
  const durability = quorum === null ? null : durabilityView(state, writer, quorum);
  return { cluster, epoch, phase: phase.name, reason: reasonOf(state), writer, instances, durability };
}

function durabilityView(
  { durability, instances }: ClusterState,
  writer: InstanceId | null,
  { copies, writeQuorum }: QuorumPolicy,
): DurabilityView {
  const { secured, degraded, lostAt } = durability;
  const known = writer === null ? undefined : instances.get(writer);
  const connected = known?.observation?.acknowledgement?.connected ?? null;
  const own = known?.instance.copy === true ? 1 : 0;
  const lost = lostAt === null ? (secured > 1 ? 'secured' : 'securing') : 'lost';
  return {
    copies,
    writeQuorum,
    secured,
    acknowledging: connected === null ? null : connected + own,
    state: degraded ? 'degraded' : lost,
  };
}

function instanceView(
  known: InstanceState,
  deposed: boolean,
  clusterHasWriter: boolean,
  at: Instant,
): InstanceView {
  const { instance, observation, lastObservation, health, lastFailure, drained, returnedAt } = known;
  return {
    instance,
    role: observation?.role ?? null,
    health,
    lastFailure,
    lagSeconds: lagOf(known, clusterHasWriter, at),
    position: (observation ?? lastObservation)?.position ?? null,
    replicating: isReplicating(known, clusterHasWriter, at),
    drained,
    deposed,
    returnedAt,
    version: lastObservation?.version ?? null,
    ...(observation?.withheld === undefined ? {} : { withheld: observation.withheld }),
  };
}

/** While the cluster has no writer, a silent source says nothing against a replica. */
function isReplicating(known: InstanceState, clusterHasWriter: boolean, at: Instant): boolean {
  const { observation, lastStreamingAt } = known;
  if (observation === null || observation.role === 'writer') return false;
  // It takes writes that nobody may receive: no session of a reader endpoint either.
  if (observation.withheld !== undefined) return false;
  if (observation.replication?.streaming === true) return true;
  if (!clusterHasWriter) return true;
  if (observation.replication === null || observation.replication.error !== null) return false;
  return lastStreamingAt !== null && at - lastStreamingAt <= sourceGraceMs;
}

/**
 * Without its source a replica cannot tell its lag (MySQL says NULL), or counts the time since (PostgreSQL). It is no
 * further behind than it was when it last heard its source, and, where there is a writer, by the time since then.
 */
function lagOf(known: InstanceState, clusterHasWriter: boolean, at: Instant): number | null {
  const { observation, lastStreamingAt, lastStreamingLag } = known;
  if (observation === null) return null;
  const { lagSeconds, replication } = observation;
  if (replication === null || replication.streaming || !isReplicating(known, clusterHasWriter, at)) {
    return lagSeconds;
  }
  if (lastStreamingAt === null || lastStreamingLag === null) return lagSeconds;
  const bound = lastStreamingLag + (clusterHasWriter ? (at - lastStreamingAt) / 1000 : 0);
  return lagSeconds === null ? bound : Math.min(lagSeconds, bound);
}

function reasonOf({ phase, instances }: ClusterState): string | null {
  switch (phase.name) {
    case 'stable':
      return null;
    case 'starting': {
      const silent = [...instances.values()].filter((known) => known.lastObservation === null);
      if (silent.length === 0) return 'looking for the writer';
      const words = silent.map(({ instance, lastFailure }) =>
        lastFailure === null ? instance.id : `${instance.id} (${lastFailure.reason}: ${lastFailure.detail})`,
      );
      return `waiting for an answer of ${words.join(', ')}`;
    }
    case 'suspect':
    case 'cut-off':
    case 'operator-required':
      return phase.reason;
    case 'fencing':
      return `${changeOf(phase.plan)}${phase.trouble === null ? '' : `: ${phase.trouble}`}`;
    case 'promoting':
    case 'verifying':
      return changeOf(phase.plan);
  }
}

const changeOf = ({ kind, from, to }: Plan): string => `${kind} from ${from ?? 'nobody'} to ${to}`;
