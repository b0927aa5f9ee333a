import type { InstanceId } from '../../base/brand.ts';
import { isReachedAt } from '../instance.ts';
import type { Observation } from '../observation.ts';
import { saved } from '../plan.ts';
import { isCovered } from '../position.ts';
import { type InstanceState, withInstance } from '../state.ts';
import type { Context, Rule } from './rule.ts';
import { holder, mayCorrect, probed, says, stay } from './terms.ts';

/** While there is a writer, everybody else is brought into line with it. */
export const correctingRules: readonly Rule[] = [
  {
    id: 'deposed-rejoined',
    comment:
      'A deposed writer replicates from the current one, which has all that the deposed one had: it is a replica again.',
    from: ['stable'],
    to: 'same',
    when: (c) => rejoined(c).length > 0,
    then: (c) => {
      const back = rejoined(c);
      const next = { ...c.state, deposed: new Set([...c.state.deposed].filter((id) => !back.includes(id))) };
      return saved(next);
    },
  },
  {
    id: 'deposed-writable',
    comment:
      'A deposed writer takes writes: it gets no sessions here, and is made read-only for everybody else.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || c.policy.mode !== 'automatic' || !mayCorrect(known, c.event.at)) return false;
      return c.state.deposed.has(known.instance.id) && known.observation?.writable === true;
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded') return stay(state);
      const marked = withInstance(state, event.instance, { correctedAt: event.at });
      return stay(marked, [{ kind: 'fence', epoch: state.epoch, instance: event.instance }]);
    },
  },
  {
    id: 'second-writer',
    comment:
      'Somebody opened another server for writes beside the writer: it is not trusted until it replicates.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || c.policy.mode !== 'automatic' || known === holder(c.state)) return false;
      return says(known, 'writer') && !c.state.deposed.has(known.instance.id);
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded') return stay(state);
      const next = { ...state, deposed: new Set([...state.deposed, event.instance]) };
      return saved(next);
    },
  },
  {
    id: 'beginning-known',
    comment:
      'The promotion’s own answer came after the proof that it worked: it says where the new history begins.',
    from: ['stable'],
    to: 'same',
    when: ({ state, event }) =>
      event.kind === 'promoted' &&
      event.epoch === state.epoch &&
      event.instance === state.writer &&
      state.began === null,
    then: ({ state, event }) => {
      const next = { ...state, began: event.kind === 'promoted' ? event.position : null };
      return saved(next);
    },
  },
  {
    id: 'follower-seen',
    comment: 'A replica was seen to replicate from the writer, so that its history is the writer’s.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || c.policy.mode !== 'automatic') return false;
      const { id } = known.instance;
      if (c.state.followers.has(id) || c.state.deposed.has(id)) return false;
      return replicatesFromWriter(c, known) && !hasDiverged(c, known);
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded') return stay(state);
      const next = { ...state, followers: new Set([...state.followers, event.instance]) };
      return saved(next);
    },
  },
  {
    id: 'replica-diverged',
    comment:
      'A replica has what the writer lacks, from before or beside its promotion: it cannot follow, and is treated as a deposed server.',
    from: ['stable'],
    to: 'same',
    when: (c) => diverged(c).length > 0,
    then: (c) => {
      const next = { ...c.state, deposed: new Set([...c.state.deposed, ...diverged(c)]) };
      return saved(next);
    },
  },
  {
    id: 'replica-astray',
    comment:
      'A replica waits for a server that is not the writer, or is a copy that does not acknowledge: it is pointed at the writer.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      if (known === null || c.policy.mode !== 'automatic') return false;
      return mayCorrect(known, c.event.at) && isAstray(c, known);
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded' || state.writer === null) return stay(state);
      const marked = withInstance(state, event.instance, { correctedAt: event.at });
      return stay(marked, [
        { kind: 'follow', epoch: state.epoch, instance: event.instance, source: state.writer },
      ]);
    },
  },
];

/** Replicates from a server that is not the writer, and gets nothing from there; or is a copy that does not acknowledge. */
function isAstray(c: Context, known: InstanceState): boolean {
  const { state, policy } = c;
  const writer = holder(state);
  const replication = known.observation?.replication;
  if (writer === null || known === writer || state.deposed.has(known.instance.id)) return false;
  if (!says(known, 'replica') || replication == null || hasDiverged(c, known)) return false;
  if (policy.durability !== null && known.instance.copy && !known.drained) {
    const isIdle = replication.stopped && replication.error === null;
    if (isIdle || replication.acknowledges === false) return true;
  }
  if (replication.source === null) return false;
  const { source } = replication;
  const fromWriter = isReachedAt(writer.instance, source);
  const fromDeposed = [...state.instances.values()].some(
    (other) => state.deposed.has(other.instance.id) && isReachedAt(other.instance, source),
  );
  return fromDeposed || (!fromWriter && !replication.streaming);
}

/** Judged when the writer has just answered, and so has all that a sound replica said that it has. */
function diverged(c: Context): InstanceId[] {
  const { state, event, policy } = c;
  if (policy.mode !== 'automatic' || event.kind !== 'probe-succeeded' || event.instance !== state.writer)
    return [];
  if (!says(holder(state), 'writer')) return [];
  return [...state.instances.values()]
    .filter((known) => !state.deposed.has(known.instance.id) && hasDiverged(c, known))
    .map(({ instance }) => instance.id);
}

/**
 * It has what the writer lacks: by the writer's position now; or by being past the beginning of the writer's history
 * without ever having followed it, for then it came past there by another one.
 */
export function hasDiverged(
  { state, positions }: Pick<Context, 'state' | 'positions'>,
  known: InstanceState,
): boolean {
  const writer = holder(state)?.observation ?? null;
  const { observation } = known;
  if (known === holder(state) || writer === null || observation?.role !== 'replica') return false;
  if (positions.compare(writer.position, observation.position) === 'diverged') return true;
  const { began } = state;
  if (began === null || isCovered(positions, observation.position, began)) return false;
  if (isOnOlderTimeline(observation, writer)) return true;
  const source = observation.replication?.source ?? null;
  const isElsewhere = source !== null && !isReachedAt((holder(state) as InstanceState).instance, source);
  return isElsewhere && !state.followers.has(known.instance.id);
}

const isOnOlderTimeline = (observation: Observation, writer: Observation): boolean =>
  observation.timeline !== null && writer.timeline !== null && observation.timeline < writer.timeline;

/**
 * Asked when the writer has just answered: what a replica said before that, the writer must have by then. Otherwise the
 * replica holds transactions of its own, which MySQL replicates past without a word.
 */
function rejoined(c: Context): InstanceId[] {
  const { state, event, positions } = c;
  const position = holder(state)?.observation?.position;
  if (event.kind !== 'probe-succeeded' || event.instance !== state.writer || position === undefined)
    return [];
  return [...state.deposed].filter((id) => {
    const known = state.instances.get(id);
    if (known?.observation == null || !replicatesFromWriter(c, known)) return false;
    return isCovered(positions, known.observation.position, position);
  });
}

/** By its address, or by the timeline that only this writer has. */
export function replicatesFromWriter({ state }: Context, known: InstanceState): boolean {
  const writer = holder(state);
  const replication = known.observation?.replication;
  if (writer === null || !says(known, 'replica') || replication?.streaming !== true) return false;
  if (replication.source !== null && isReachedAt(writer.instance, replication.source)) return true;
  // Its source is one of us, and not the writer: the same number may be another server's timeline.
  const isOther = [...state.instances.values()].some(
    ({ instance }) => replication.source !== null && isReachedAt(instance, replication.source),
  );
  if (isOther) return false;
  const timeline = known.observation?.timeline ?? null;
  return timeline !== null && timeline === writer.observation?.timeline;
}
