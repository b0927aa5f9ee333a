import { type Address, isReachedAt } from '../instance.ts';
import { type InstanceState, memoryOf, withInstance } from '../state.ts';
import type { Context, Rule } from './rule.ts';
import { holder, mayCorrect, probed, says, stay } from './terms.ts';

/** While there is a writer, everybody else is brought into line with it. */
export const correctingRules: readonly Rule[] = [
  {
    id: 'deposed-rejoined',
    comment: 'A deposed writer was seen replicating from the current one: it is a replica like any other.',
    from: ['stable'],
    to: 'same',
    when: (c) => {
      const known = probed(c);
      return known !== null && c.state.deposed.has(known.instance.id) && isRejoined(c, known);
    },
    then: ({ state, event }) => {
      if (event.kind !== 'probe-succeeded') return stay(state);
      const deposed = new Set([...state.deposed].filter((id) => id !== event.instance));
      const next = { ...state, deposed };
      return stay(next, [{ kind: 'save-memory', epoch: state.epoch, memory: memoryOf(next, false) }]);
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
      return stay(next, [{ kind: 'save-memory', epoch: state.epoch, memory: memoryOf(next, false) }]);
    },
  },
  {
    id: 'replica-astray',
    comment: 'A replica waits for a server that is not the writer: it is pointed at the writer.',
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

/** Replicates from a server that is not the writer, and gets nothing from there. */
function isAstray({ state }: Context, known: InstanceState): boolean {
  const writer = holder(state);
  const replication = known.observation?.replication;
  if (writer === null || known === writer || state.deposed.has(known.instance.id)) return false;
  if (!says(known, 'replica') || replication == null || replication.source === null) return false;
  const { source } = replication;
  const fromWriter = isAt(writer, source);
  const fromDeposed = [...state.instances.values()].some(
    (other) => state.deposed.has(other.instance.id) && isAt(other, source),
  );
  return fromDeposed || (!fromWriter && !replication.streaming);
}

/** Seen replicating from the current writer: by its address, or by the timeline that only this writer has. */
function isRejoined({ state }: Context, known: InstanceState): boolean {
  const writer = holder(state);
  const replication = known.observation?.replication;
  if (writer === null || !says(known, 'replica') || replication?.streaming !== true) return false;
  if (replication.source !== null && isAt(writer, replication.source)) return true;
  const timeline = known.observation?.timeline ?? null;
  return timeline !== null && timeline === writer.observation?.timeline;
}

const isAt = ({ instance }: InstanceState, source: Address): boolean => isReachedAt(instance, source);
