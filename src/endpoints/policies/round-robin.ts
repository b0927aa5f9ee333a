import type { Candidate, Policy } from './policy.ts';

/**
 * Each in turn: whoever had its turn longest ago is next, so members may come and go without upsetting the order of
 * the others. A mark is the number of an instance's last turn. One that starts slowly takes only some of its turns.
 */
export const roundRobin: Policy = (candidates, state, prng) => {
  const marks = new Map(state.marks);
  let turn = state.turn;
  const byLastTurn = [...candidates].sort((a, b) => (marks.get(a.id) ?? 0) - (marks.get(b.id) ?? 0));
  const take = (candidate: Candidate) => {
    turn += 1;
    marks.set(candidate.id, turn);
  };
  for (const candidate of byLastTurn) {
    take(candidate);
    if (candidate.ramp >= 1 || prng.next() < candidate.ramp) {
      return { picked: candidate.id, state: { turn, marks } };
    }
  }
  const first = byLastTurn[0] ?? candidates[0];
  take(first);
  return { picked: first.id, state: { turn, marks } };
};
