import type { Candidate, Policy } from './policy.ts';

/**
 * The lowest load, counting the session that is to come: `(sessions + 1) / ramp`. Among equals, whoever was picked
 * longest ago, so that short sessions one after the other spread as well. A mark is the number of an instance's last
 * pick.
 */
export const leastConnections: Policy = (candidates, state) => {
  let best = candidates[0];
  for (const candidate of candidates) {
    const lighter = load(candidate) - load(best);
    const earlier = (state.marks.get(candidate.id) ?? 0) - (state.marks.get(best.id) ?? 0);
    if (lighter < 0 || (lighter === 0 && earlier < 0)) best = candidate;
  }
  const turn = state.turn + 1;
  return { picked: best.id, state: { turn, marks: new Map(state.marks).set(best.id, turn) } };
};

const load = ({ sessions, ramp }: Candidate): number => (sessions + 1) / ramp;
