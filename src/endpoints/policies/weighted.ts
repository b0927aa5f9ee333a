import type { Policy } from './policy.ts';

/**
 * Smooth weighted round robin (nginx, `ngx_http_upstream_round_robin.c`): in proportion to `weight × ramp`, and
 * interleaved rather than in bursts. A mark is an instance's credit: all gain their weight with each pick, and the
 * picked one pays for everybody, so credits add up to nothing and stay small.
 */
export const weighted: Policy = (candidates, state) => {
  const marks = new Map(state.marks);
  let total = 0;
  let best = candidates[0];
  let bestCredit = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    const gain = candidate.weight * candidate.ramp;
    const credit = (marks.get(candidate.id) ?? 0) + gain;
    marks.set(candidate.id, credit);
    total += gain;
    if (credit > bestCredit) {
      best = candidate;
      bestCredit = credit;
    }
  }
  marks.set(best.id, bestCredit - total);
  return { picked: best.id, state: { turn: state.turn + 1, marks } };
};
