import { assert } from '../../base/assert.ts';
import type { Effect } from '../effect.ts';
import type { Outcome } from '../plan.ts';
import type { ClusterState, InstanceState, Phase } from '../state.ts';
import type { PhaseName } from '../view.ts';
import type { Context } from './rule.ts';

/** The words that the rules are written in. */
export const waiting: readonly PhaseName[] = ['starting', 'suspect', 'cut-off', 'operator-required'];

export const settled: readonly PhaseName[] = [...waiting, 'stable'];

export const isPhase = <N extends PhaseName>(
  phase: Phase,
  ...names: N[]
): phase is Extract<Phase, { name: N }> => (names as readonly string[]).includes(phase.name);

export const holder = ({ writer, instances }: ClusterState): InstanceState | null =>
  writer === null ? null : (instances.get(writer) ?? null);

export const says = (known: InstanceState | null, role: 'writer' | 'replica'): boolean =>
  known?.observation?.role === role;

/** How a server that answers takes no writes, for people. */
export const noWrites = (known: InstanceState | null): string => {
  const withheld = known?.observation?.withheld;
  return withheld === undefined ? 'answers, but takes no writes' : `takes writes, but ${withheld}`;
};

export const probed = ({ state, event }: Context): InstanceState | null =>
  event.kind === 'probe-succeeded' ? (state.instances.get(event.instance) ?? null) : null;

export const withPlan = (state: ClusterState) => {
  const { phase } = state;
  assert(isPhase(phase, 'fencing', 'promoting', 'verifying'), 'no change is under way');
  return phase;
};

/** The event was dealt with once in this step already when the mark is its own time. */
export const askedBefore = ({ state, event }: Context): boolean =>
  state.instances.get(withPlan(state).plan.to)?.correctedAt !== event.at;

/** A correction that did not help is not tried again for this long. */
export const correctAgainMs = 5_000;

export const mayCorrect = (known: InstanceState, at: number): boolean =>
  known.correctedAt === null || at - known.correctedAt >= correctAgainMs;

/** How often a candidate is asked whether it is there yet. */
export const lookAgainMs = 50;

export const stay = (state: ClusterState, effects: readonly Effect[] = []): Outcome => ({ state, effects });

/** Servers that start together with Aurelay (after a power cut, say) may take this long to answer. */
export const startTogetherMs = 10_000;
