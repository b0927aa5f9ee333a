import type { Policy } from './policy.ts';

/** Drawn by lot, each candidate with a chance in proportion to its ramp. Remembers nothing. */
export const random: Policy = (candidates, state, prng) => {
  let lot = prng.next() * candidates.reduce((sum, { ramp }) => sum + ramp, 0);
  let picked = candidates[0];
  for (const candidate of candidates) {
    picked = candidate;
    lot -= candidate.ramp;
    if (lot < 0) break;
  }
  return { picked: picked.id, state };
};
