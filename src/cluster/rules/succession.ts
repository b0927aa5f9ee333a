import { chooseCandidate } from '../candidate.ts';
import type { Event } from '../event.ts';
import { begin, type Outcome } from '../plan.ts';
import type { ClusterState } from '../state.ts';
import type { Context } from './rule.ts';
import { isPhase, stay } from './terms.ts';

/** How long the holder has been gone already, so that the outage is counted from the first sign. */
export const sinceOf = (state: ClusterState, event: Event) =>
  isPhase(state.phase, 'suspect', 'cut-off') ? state.phase.since : event.at;

export function startFailover(context: Context, request: number | null): Outcome {
  const { state, event, positions } = context;
  const choice = chooseCandidate(state, positions, new Set(), event.at);
  if (choice.candidate === null) return noCandidate(context);
  return begin(state, {
    kind: 'failover',
    to: choice.candidate.instance.id,
    at: event.at,
    since: sinceOf(state, event),
    refused: choice.refused,
    request,
  });
}

export function noCandidate(context: Context): Outcome {
  const { state, event } = context;
  const refusals = refusalsNow(context).join('; ');
  const reason = `the writer ${state.writer} is gone and nobody can take over (${refusals})`;
  const since = sinceOf(state, event);
  return stay({ ...state, phase: { name: 'suspect', since, cause: 'lost', reason } });
}

export const hasCandidate = ({ state, positions, event }: Context): boolean =>
  chooseCandidate(state, positions, new Set(), event.at).candidate !== null;

export const refusalsNow = ({ state, positions, event }: Context): string[] =>
  chooseCandidate(state, positions, new Set(), event.at).refused.map((r) => `${r.instance}: ${r.why}`);
