import { assert } from '../../base/assert.ts';
import type { Event } from '../event.ts';
import { saved } from '../plan.ts';
import { objection, promiseLeft, withInstances } from '../reconfiguration.ts';
import { withInstance } from '../state.ts';
import type { Rule } from './rule.ts';
import { settled, stay } from './terms.ts';

/** Another configuration. These come first: everything else is judged by it. */
export const reconfiguringRules: readonly Rule[] = [
  {
    id: 'promise-lowered',
    comment:
      'By the new configuration there are fewer copies, or the writer waits for fewer: commits are on fewer of them than was promised. That is on disk before the writer is told.',
    from: 'any',
    to: 'same',
    when: ({ state, event, policy }) => {
      if (!isReconfigured(event)) return false;
      return promiseLeft(state, event.instances, event.before, policy).secured < state.durability.secured;
    },
    then: ({ state, event, policy }) => {
      if (!isReconfigured(event)) return stay(state);
      const left = promiseLeft(state, event.instances, event.before, policy);
      return stay({ ...state, durability: { ...left, unsavedSince: event.at } });
    },
  },
  {
    id: 'reconfigured',
    comment: 'The configuration was reloaded: who belongs to the cluster, and by which rules.',
    from: 'any',
    to: 'same',
    when: ({ event }) => isReconfigured(event),
    then: ({ state, event, policy }) => {
      if (!isReconfigured(event)) return stay(state);
      const { instances, before } = event;
      const against = objection(state, instances, policy);
      assert(against === null, `a configuration came into force that may not: ${against?.why}`);
      const isLowered = state.durability.unsavedSince === event.at;
      const durability = isLowered ? state.durability : promiseLeft(state, instances, before, policy);
      const next = withInstances({ ...state, durability }, instances, event.at);
      const isOther = policy.durability !== null && (isLowered || durability !== state.durability);
      // The writer is told at once what its commits wait for now.
      return saved(
        isOther && next.writer !== null ? withInstance(next, next.writer, { correctedAt: null }) : next,
      );
    },
  },
  {
    id: 'smaller-quorum',
    comment:
      'Aurelay was started anew to have the writer wait for fewer copies than was promised: that is on disk before the writer is told.',
    from: settled,
    to: 'same',
    when: ({ state, policy }) =>
      policy.durability !== null && state.durability.secured > policy.durability.writeQuorum,
    then: ({ state, event, policy }) => {
      const { durability } = state;
      const secured = policy.durability?.writeQuorum ?? 1;
      return saved({ ...state, durability: { ...durability, secured, mark: null, unsavedSince: event.at } });
    },
  },
];

type Reconfigured = Extract<Event, { kind: 'reconfigured' }>;

const isReconfigured = (event: Event): event is Reconfigured => event.kind === 'reconfigured';
