import type { InstanceId } from '../../base/brand.ts';
import { conflict, newestClaim, othersHeard, soleClaim } from '../claims.ts';
import type { Effect } from '../effect.ts';
import { begin, giveUp, lateReceipt, promote, saved } from '../plan.ts';
import { type ClusterState, withInstance } from '../state.ts';
import type { Context, Rule } from './rule.ts';
import { sinceOf } from './succession.ts';
import { holder, isPhase, noWrites, says, startTogetherMs, waiting, withPlan } from './terms.ts';

/** Who is the writer, where nobody is known to be: at the start, after a pause, or when somebody else promoted. */
export const findingRules: readonly Rule[] = [
  {
    id: 'two-writers',
    comment:
      'Two servers that Aurelay has no reason to prefer take writes: nobody gets sessions until a person decides.',
    from: ['starting', 'suspect'],
    to: ['operator-required'],
    when: (c) => conflict(c.state) !== null && !says(holder(c.state), 'writer') && othersHeard(c.state),
    then: ({ state, event }) =>
      giveUp(state, null, event.at, `more than one writable server: ${conflict(state)?.join(', ')}`),
  },
  {
    id: 'writer-seen',
    comment:
      'The holder of the epoch takes writes (again): nothing was changed meanwhile, so nothing has to be.',
    from: waiting,
    to: ['stable'],
    when: (c) =>
      askedHolder(c) &&
      says(holder(c.state), 'writer') &&
      !c.state.deposed.has(c.state.writer as InstanceId) &&
      conflictIsSettled(c.state),
    then: ({ state, policy }) => {
      const writer = state.writer as InstanceId;
      // It is back in office with this probe, not after `rise` of them: the next lost one must not be the last straw.
      const back = withInstance(state, writer, { health: 'healthy' });
      const stable: ClusterState = { ...back, proven: true, vain: 0, phase: { name: 'stable' } };
      const late: Effect[] = state.proven ? [] : [lateReceipt(state, writer, policy)];
      return saved(stable, late);
    },
  },
  {
    id: 'promoted-elsewhere',
    comment:
      'The holder has lost its office and exactly one other server takes writes: somebody else promoted it.',
    from: waiting,
    to: ['fencing'],
    when: ({ state, policy }) => {
      const known = holder(state);
      if (known === null || !(known.health === 'down' || says(known, 'replica'))) return false;
      return soleClaim(state, policy.mode) !== null;
    },
    then: ({ state, event, policy }) =>
      begin(state, {
        kind: 'adopted',
        to: soleClaim(state, policy.mode) as InstanceId,
        at: event.at,
        since: sinceOf(state, event),
        policy,
      }),
  },
  {
    id: 'promoted-elsewhere-in-spite',
    comment:
      'Observe: a server on a newer timeline takes writes, so the holder has been replaced and has not noticed.',
    from: ['stable'],
    to: ['fencing'],
    when: ({ state, policy }) => policy.mode === 'observe' && newestClaim(state) !== null,
    then: ({ state, event, policy }) =>
      begin(state, {
        kind: 'adopted',
        to: newestClaim(state) as InstanceId,
        at: event.at,
        since: event.at,
        policy,
      }),
  },
  {
    id: 'first-writer',
    comment:
      'No epoch yet, everybody was asked, and exactly one server takes writes: it holds the first epoch.',
    from: ['starting', 'operator-required'],
    to: ['fencing'],
    when: ({ state, policy }) =>
      state.writer === null && othersHeard(state) && soleClaim(state, policy.mode) !== null,
    then: ({ state, event, policy }) =>
      begin(state, {
        kind: 'elected',
        to: soleClaim(state, policy.mode) as InstanceId,
        at: event.at,
        since: event.at,
        policy,
      }),
  },
  {
    id: 'no-first-writer',
    comment:
      'No epoch yet, everybody was asked, and nobody takes writes: promoting one might lose another’s data.',
    from: ['starting'],
    to: ['operator-required'],
    when: ({ state, event }) => {
      if (state.writer !== null || !isPhase(state.phase, 'starting')) return false;
      const all = [...state.instances.values()];
      if (all.every(({ observation }) => observation !== null)) return true;
      return (
        event.at - state.phase.since >= startTogetherMs && all.every(({ health }) => health !== 'unknown')
      );
    },
    then: ({ state, event, policy }) =>
      giveUp(
        state,
        null,
        event.at,
        policy.mode === 'automatic'
          ? 'no instance takes writes and none was known to be the writer: start the writer, or run `aurelay failover`'
          : `${withheldWords(state) ?? 'no instance takes writes'}: whoever promotes here has to`,
      ),
  },
  {
    id: 'promotion-resumed',
    comment:
      'Aurelay was restarted between the decision to promote the holder and the proof: the decision stands.',
    from: ['starting'],
    to: ['promoting'],
    when: ({ state, policy }) =>
      policy.mode === 'automatic' && !state.proven && says(holder(state), 'replica'),
    then: ({ state, event, policy }) => {
      const to = state.writer as InstanceId;
      const { state: begun } = begin(
        { ...state, writer: null },
        { kind: 'failover', to, at: event.at, since: event.at, policy },
      );
      const plan = { ...withPlan(begun).plan, epoch: state.epoch };
      return promote({ ...begun, writer: to }, plan, 1, event.at, policy);
    },
  },
];

/** More than one writable server matters only until the holder of an epoch is one of them. */
const conflictIsSettled = (state: ClusterState): boolean => state.epoch > 0 || conflict(state) === null;

/** The event is about the holder: older evidence of it is not brought out again for another's sake. */
const askedHolder = ({ state, event }: Context): boolean =>
  (event.kind === 'probe-succeeded' || event.kind === 'probe-failed') && event.instance === state.writer;

/** Servers that take writes without being called the writer; null where there are none. */
function withheldWords(state: ClusterState): string | null {
  const words = [...state.instances.values()]
    .filter((known) => known.observation?.withheld !== undefined)
    .map((known) => `${known.instance.id} ${noWrites(known)}`);
  return words.length === 0 ? null : words.join('; ');
}
