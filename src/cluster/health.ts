import type { Instant } from '../base/clock.ts';
import { meansAlive, type Observation, type ProbeFailure } from './observation.ts';
import type { InstanceState, Policy } from './state.ts';

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
  return {
    ...known,
    health,
    successes,
    failures: 0,
    lastFailure: null,
    observation,
    lastObservation: observation,
    heardAt: heardAt(observation, at) ?? known.heardAt,
    lastStreamingAt: observation.replication?.streaming === true ? at : known.lastStreamingAt,
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
export function afterFailure(known: InstanceState, failure: ProbeFailure, policy: Policy): InstanceState {
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
  const failures = known.failures + 1;
  const down = failures >= policy.fall;
  return {
    ...known,
    health: down ? 'down' : known.health === 'healthy' ? 'suspect' : known.health,
    successes: 0,
    failures,
    lastFailure: failure,
    observation: null,
  };
}
