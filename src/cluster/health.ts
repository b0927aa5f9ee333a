import type { InstanceId } from '../base/brand.ts';
import type { Instant } from '../base/clock.ts';
import { isSilence, meansAlive, type Observation, type ProbeFailure } from './observation.ts';
import { type ClusterState, type InstanceState, type Policy, withInstance } from './state.ts';

/** A good probe: fresh evidence, and one step towards healthy. */
export function afterSuccess(
  known: InstanceState,
  observation: Observation,
  at: Instant,
  policy: Policy,
): InstanceState {
  const successes = known.successes + 1;
  const wasDown = known.health === 'down';
  const health = wasDown && successes < policy.rise ? 'down' : 'healthy';
  const streams = observation.replication?.streaming === true;
  return {
    ...known,
    health,
    successes,
    failures: 0,
    lastFailure: null,
    observation,
    lastObservation: observation,
    heardAt: heardAt(observation, at) ?? known.heardAt,
    lastStreamingAt: streams ? at : known.lastStreamingAt,
    lastStreamingLag: streams ? observation.lagSeconds : known.lastStreamingLag,
    returnedAt: wasDown && health === 'healthy' ? at : known.returnedAt,
  };
}

function heardAt({ replication }: Observation, at: Instant): Instant | null {
  const ago = replication?.heardSecondsAgo ?? null;
  return ago === null ? null : at - ago * 1000;
}

/**
 * A failed probe. Silence takes the evidence away and counts towards `fall`. A failure that only a live server gives
 * does neither, and brings back the evidence that an earlier silence took: load is not death, and a server too full to
 * be asked has not changed its role.
 */
export function afterFailure(
  known: InstanceState,
  failure: ProbeFailure,
  at: Instant,
  policy: Policy,
): InstanceState {
  if (failure.reason === 'local-stall') return known;
  if (meansAlive(failure.reason)) {
    if (known.health === 'down' || known.lastObservation === null) {
      return { ...known, failures: 0, lastFailure: failure };
    }
    return {
      ...known,
      health: 'healthy',
      failures: 0,
      lastFailure: failure,
      observation: known.lastObservation,
    };
  }
  const counts = !isRepetition(known, failure, at, policy);
  const failures = known.failures + (counts ? 1 : 0);
  const down = failures >= policy.fall;
  return {
    ...known,
    health: down ? 'down' : known.health === 'healthy' ? 'suspect' : known.health,
    successes: 0,
    failures,
    lastFailure: failure,
    failedAt: counts ? at : known.failedAt,
    observation: null,
  };
}

/**
 * A server that says once more, before its turn, that it starts or stops. It is asked often so that the end of that is
 * seen at once; but each answer is a sign of life, and `fall` of them in a row are no reason to replace a server that
 * restarts after the crash of a session, or still sends its last writes to the replicas.
 */
const isRepetition = (known: InstanceState, { reason }: ProbeFailure, at: Instant, policy: Policy): boolean =>
  reason === 'not-ready' &&
  known.lastFailure?.reason === 'not-ready' &&
  known.failedAt !== null &&
  at - known.failedAt < policy.intervalMs;

/**
 * `heard` answers after nobody did. All that silence may have been Aurelay's own: a holder that was found down in it is
 * in doubt again, and has to stay silent while others answer before it is replaced. Whoever happens to be asked first
 * after an outage of Aurelay's network must not take over from a writer that was well all the time. Null where that is
 * not the case.
 */
export function doubtedAgain(state: ClusterState, heard: InstanceId): ClusterState | null {
  const holder = state.writer === null ? undefined : state.instances.get(state.writer);
  if (holder === undefined || holder.instance.id === heard || holder.health !== 'down') return null;
  if (holder.lastFailure === null || !isSilence(holder.lastFailure.reason)) return null;
  if ([...state.instances.values()].some(({ observation }) => observation !== null)) return null;
  // Not 0: a question that was asked in the silence may still fail.
  return withInstance(state, holder.instance.id, { health: 'suspect', failures: -1 });
}
