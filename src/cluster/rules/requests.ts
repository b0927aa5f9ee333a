import type { InstanceId } from '../../base/brand.ts';
import { ineligible } from '../candidate.ts';
import { conflict } from '../claims.ts';
import { begin, type Outcome, saved } from '../plan.ts';
import { type ClusterState, withInstance } from '../state.ts';
import type { Context, Rule } from './rule.ts';
import { choiceNow, hasCandidate, refusalsNow, startFailover, termsNow } from './succession.ts';
import { settled, stay, waiting } from './terms.ts';

/** How an operator’s request is met: exactly one row fires, and answers it or begins the change that will. */
export const requestRules: readonly Rule[] = [
  {
    id: 'drain',
    comment: 'An operator takes an instance out, or puts it back.',
    from: 'any',
    to: 'same',
    when: ({ event }) => event.kind === 'drain-requested',
    then: ({ state, event }) => {
      if (event.kind !== 'drain-requested') return stay(state);
      const { request, instance, drained } = event;
      const before = state.instances.get(instance);
      if (before === undefined) return reject(state, request, `no instance "${instance}"`);
      const next = withInstance(state, instance, { drained });
      const message = drained
        ? `${instance} takes no new connections`
        : `${instance} takes connections again`;
      return saved(next, [{ kind: 'answer', request, answer: { ok: true, message } }]);
    },
  },
  {
    id: 'request-refused',
    comment: 'An operator asked for a change of the writer that cannot be made now.',
    from: 'any',
    to: 'same',
    when: (c) => requestRefusal(c) !== null,
    then: (c) => {
      const request = 'request' in c.event ? c.event.request : 0;
      return reject(c.state, request, requestRefusal(c) ?? '');
    },
  },
  {
    id: 'switchover-rehearsed',
    comment: 'An operator wants to know whether a switchover could be begun now: it could.',
    from: ['stable'],
    to: 'same',
    when: ({ event }) => event.kind === 'switchover-requested' && event.dryRun,
    then: ({ state, event }) => {
      if (event.kind !== 'switchover-requested') return stay(state);
      const message = `${state.writer} could hand over to ${event.to} now (dry run: nothing was done)`;
      return stay(state, [{ kind: 'answer', request: event.request, answer: { ok: true, message } }]);
    },
  },
  {
    id: 'switchover-requested',
    comment: 'An operator moves the office of a writer that lives: nothing may be lost.',
    from: ['stable'],
    to: ['fencing'],
    when: ({ event }) => event.kind === 'switchover-requested' || event.kind === 'failover-requested',
    then: (c) => {
      const { state, event, policy } = c;
      const candidate = choiceNow(c, true).candidate?.instance.id;
      const to = event.kind === 'switchover-requested' ? event.to : (candidate as InstanceId);
      const request = 'request' in event ? event.request : null;
      return begin(state, { kind: 'switchover', to, at: event.at, since: event.at, request, policy });
    },
  },
  {
    id: 'failover-requested',
    comment: 'An operator wants a new writer in place of one that does not answer, `min_interval` or not.',
    from: waiting,
    to: ['fencing'],
    when: ({ event }) => event.kind === 'failover-requested',
    then: (c) =>
      startFailover(
        c,
        'request' in c.event ? c.event.request : null,
        c.event.kind === 'failover-requested' && c.event.force,
      ),
  },
];

const reject = (state: ClusterState, request: number, message: string): Outcome =>
  stay(state, [{ kind: 'answer', request, answer: { ok: false, kind: 'conflict', message } }]);

function requestRefusal(c: Context): string | null {
  const { state, event, policy } = c;
  if (event.kind !== 'switchover-requested' && event.kind !== 'failover-requested') return null;
  if (policy.mode === 'observe') {
    return `cluster "${state.cluster}" is in mode observe: promote with the tool that manages it`;
  }
  if (!settled.includes(state.phase.name)) return `a change of the writer is under way (${state.phase.name})`;
  const disputed = conflict(state);
  if (disputed !== null && state.phase.name !== 'stable') {
    return `${disputed.join(' and ')} take writes: make all but the right one read-only, or stop them`;
  }
  if (event.kind === 'failover-requested') {
    const anyLoss = event.force || state.phase.name === 'stable';
    if (hasCandidate(c, anyLoss)) return null;
    const forced =
      !anyLoss && hasCandidate(c, true) ? '; with --force the best of them is promoted at whatever loss' : '';
    return `nobody can take over: ${refusalsNow(c, anyLoss).join('; ')}${forced}`;
  }
  const target = state.instances.get(event.to);
  if (target === undefined) return `no instance "${event.to}" in cluster "${state.cluster}"`;
  if (event.to === state.writer && state.phase.name === 'stable')
    return `"${event.to}" is the writer already`;
  if (state.phase.name !== 'stable') {
    return `the writer does not answer, so nothing can be handed over in order: use \`aurelay failover ${state.cluster}\``;
  }
  const why = ineligible(target, state, termsNow(c, true));
  if (why !== null) return `"${event.to}" cannot become the writer: ${why}`;
  return target.observation?.replication?.streaming === true
    ? null
    : `"${event.to}" does not receive from the writer now, so it could not catch up`;
}
