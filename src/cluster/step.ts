import { assert } from '../base/assert.ts';
import type { Effect } from './effect.ts';
import type { Event } from './event.ts';
import { afterFailure, afterSuccess, doubtedAgain } from './health.ts';
import { checkInvariants } from './invariants.ts';
import type { PositionOrder } from './position.ts';
import type { Rule } from './rules/rule.ts';
import { requestRules, rules } from './rules/table.ts';
import type { ClusterState, InstanceState, Policy } from './state.ts';

export interface Step {
  readonly state: ClusterState;
  readonly effects: readonly Effect[];
  /** The rules that fired, in order. */
  readonly fired: readonly string[];
}

/** More rules than can follow from one event: reaching it is a circle in the table. */
const mostRules = 12;
/** A server that failed is asked again after this long rather than at its next turn. */
const lookCloserMs = 50;
/** In `observe` everybody is asked this often while nobody is the writer, because nobody says when he promotes. */
const lookOutMs = 100;
/** A cluster that is without a writer for longer is one that somebody stopped. */
const lookOutForMs = 60_000;

/** One event in; the next state, what is to be done, and which rules said so, out. No I/O, no clock, no chance. */
export function step(state: ClusterState, event: Event, policy: Policy, positions: PositionOrder): Step {
  const absorbed = absorb(state, event, policy);
  let current = absorbed.state;
  const effects: Effect[] = [...absorbed.effects];
  const fired: string[] = [];
  const apply = (rule: Rule): void => {
    const outcome = rule.then({ state: current, event, policy, positions });
    const [was, is] = [current.phase.name, outcome.state.phase.name];
    assert(
      rule.to === 'same' ? is === was : rule.to.includes(is),
      `rule ${rule.id} led from ${was} to ${is}`,
    );
    current = outcome.state;
    effects.push(...outcome.effects);
    fired.push(rule.id);
    assert(fired.length <= mostRules, `the rules go round in circles: ${fired.join(' ')}`);
  };
  const find = (table: readonly Rule[]): Rule | undefined =>
    table.find(
      ({ id, from, to, when }) =>
        (from === 'any' || from.includes(current.phase.name)) &&
        !(to === 'same' && fired.includes(id)) &&
        when({ state: current, event, policy, positions }),
    );
  if ('request' in event) {
    const rule = find(requestRules);
    assert(rule !== undefined, `no rule answers ${event.kind}`);
    apply(rule);
  }
  for (let rule = find(rules); rule !== undefined; rule = find(rules)) apply(rule);
  checkInvariants(state, current, event);
  assert(policy.mode === 'automatic' || !effects.some(touchesServer), 'observe must not touch a server');
  return { state: current, effects, fired };
}

const touchesServer = ({ kind }: Effect): boolean =>
  kind === 'promote' ||
  kind === 'follow' ||
  kind === 'fence' ||
  kind === 'unfence' ||
  kind === 'rejoin' ||
  kind === 'seal' ||
  kind === 'require-quorum';

type ProbeEvent = Extract<Event, { kind: 'probe-succeeded' | 'probe-failed' }>;

function absorb(
  state: ClusterState,
  event: Event,
  policy: Policy,
): { state: ClusterState; effects: Effect[] } {
  if (event.kind !== 'probe-succeeded' && event.kind !== 'probe-failed') return { state, effects: [] };
  const before = state.instances.get(event.instance);
  if (before === undefined) return { state, effects: [] };
  const after =
    event.kind === 'probe-succeeded'
      ? afterSuccess(before, event.observation, event.at, policy)
      : afterFailure(before, event.failure, event.at, policy);
  const doubted = event.kind === 'probe-succeeded' ? doubtedAgain(state, event.instance) : null;
  const known = doubted ?? state;
  const instances = new Map(known.instances).set(event.instance, after);
  const effects = [...lookCloser(after), ...lookOut(state, event, policy)];
  if (doubted?.writer != null) effects.push({ kind: 'probe', instance: doubted.writer, delayMs: 0 });
  return { state: { ...known, instances }, effects };
}

/** Between the first failure and the verdict, do not wait for the next turn. */
function lookCloser(known: InstanceState): Effect[] {
  const undecided = known.failures > 0 && known.health !== 'down';
  const returning = known.health === 'down' && known.successes > 0;
  if (!undecided && !returning) return [];
  return [{ kind: 'probe', instance: known.instance.id, delayMs: lookCloserMs }];
}

function lookOut({ phase }: ClusterState, { instance, at }: ProbeEvent, { mode }: Policy): Effect[] {
  if (mode !== 'observe' || (phase.name !== 'suspect' && phase.name !== 'operator-required')) return [];
  if (at - phase.since > lookOutForMs) return [];
  return [{ kind: 'probe', instance, delayMs: lookOutMs }];
}
