import { type Choice, chooseCandidate, type Terms } from '../candidate.ts';
import type { Event } from '../event.ts';
import { begin, lastPosition, type Outcome } from '../plan.ts';
import type { ClusterState } from '../state.ts';
import type { Context } from './rule.ts';
import { isPhase, stay } from './terms.ts';

/** How long the holder has been gone already, so that the outage is counted from the first sign. */
export const sinceOf = (state: ClusterState, event: Event) =>
  isPhase(state.phase, 'suspect', 'cut-off') ? state.phase.since : event.at;

/** `forced`: an operator wants whoever is there, at whatever loss. */
export function startFailover(context: Context, request: number | null, forced = false): Outcome {
  const { state, event, policy } = context;
  const choice = choiceNow(context, forced);
  if (choice.candidate === null) return noCandidate(context);
  return begin(state, {
    kind: 'failover',
    to: choice.candidate.instance.id,
    at: event.at,
    since: sinceOf(state, event),
    refused: choice.refused,
    request,
    forced,
    policy,
  });
}

export function noCandidate(context: Context): Outcome {
  const { state, event } = context;
  const refusals = refusalsNow(context).join('; ');
  const reason = `the writer ${state.writer} is gone and nobody can take over (${refusals})`;
  const since = sinceOf(state, event);
  return stay({ ...state, phase: { name: 'suspect', since, cause: 'lost', reason } });
}

/** Before a change has begun; `anyLoss` as in `Terms`. */
export const termsNow = ({ state, positions, policy, event }: Context, anyLoss: boolean): Terms => {
  const last = lastPosition(state, state.writer);
  return { positions, policy, at: event.at, last, sealed: null, anyLoss };
};

export const choiceNow = (c: Context, anyLoss = false): Choice =>
  chooseCandidate(c.state, termsNow(c, anyLoss));

export const hasCandidate = (c: Context, anyLoss = false): boolean =>
  choiceNow(c, anyLoss).candidate !== null;

export const refusalsNow = (c: Context, anyLoss = false): string[] =>
  choiceNow(c, anyLoss).refused.map((r) => `${r.instance}: ${r.why}`);
