import type { InstanceId } from '../../base/brand.ts';
import type { Instant } from '../../base/clock.ts';
import type { Divergence, Effect } from '../effect.ts';
import { isReachedAt } from '../instance.ts';
import { meansAlive } from '../observation.ts';
import { lastPosition } from '../plan.ts';
import type { Distance, Position, PositionOrder } from '../position.ts';
import type { ClusterState, InstanceState, Stray } from '../state.ts';
import { withInstance } from '../state.ts';
import { hasDiverged, replicatesFromWriter } from './correcting.ts';
import type { Context, Rule } from './rule.ts';
import { holder, mayCorrect, stay } from './terms.ts';

/** A deposed server that comes back by itself, or that an operator is at, is left alone for this long. */
const graceMs = 5_000;
/** One that says that it starts up may be replaying its log. */
const startingGraceMs = 60_000;
const firstRetryMs = 5_000;
const longestRetryMs = 300_000;

/**
 * A deposed server becomes a replica again. All is judged when the writer has just answered, so that what the deposed
 * one said before that can be compared with what the writer has by then.
 */
export const rejoiningRules: readonly Rule[] = [
  {
    id: 'rejoin-ended',
    comment: 'Whoever brings servers back is done with one, or gave up; only a probe shows what came of it.',
    from: 'any',
    to: 'same',
    when: ({ state, event }) =>
      (event.kind === 'rejoined' || event.kind === 'not-rejoined') && event.instance === state.rejoining,
    then: ({ state, event }) => {
      const id = state.rejoining;
      if (id === null) return stay(state);
      const attempts = (state.instances.get(id)?.rejoins.attempts ?? 0) + 1;
      const rejoins = { attempts, notBefore: event.at + retryAfterMs(attempts) };
      return stay({ ...withInstance(state, id, { rejoins }), rejoining: null }, [
        { kind: 'probe', instance: id, delayMs: 0 },
      ]);
    },
  },
  {
    id: 'deposed-watched',
    comment: 'What keeps a deposed server from being a replica again has changed: from here on it is timed.',
    from: ['stable'],
    to: 'same',
    when: (c) => strayed(c).size > 0,
    then: (c) => {
      let next = c.state;
      for (const [id, stray] of strayed(c)) {
        const isOver = !next.deposed.has(id);
        const rejoins = isOver ? { attempts: 0, notBefore: c.event.at } : next.instances.get(id)?.rejoins;
        next = withInstance(next, id, { stray, ...(rejoins === undefined ? {} : { rejoins }) });
      }
      return stay(next);
    },
  },
  {
    id: 'deposed-follows',
    comment:
      'A deposed server answers, is read-only, and has nothing that the writer lacks: it is pointed at the writer.',
    from: ['stable'],
    to: 'same',
    when: (c) => c.policy.formerWriterCanFollow && ready(c).length > 0,
    then: (c) => {
      const source = c.state.writer as InstanceId;
      let next = c.state;
      const effects: Effect[] = ready(c).map((instance) => {
        next = withInstance(next, instance, { correctedAt: c.event.at });
        return { kind: 'follow', epoch: next.epoch, instance, source };
      });
      return stay(next, effects);
    },
  },
  {
    id: 'deposed-rejoin',
    comment:
      'A deposed server stays out for longer than it takes to come back by itself: have it started, rewound or rebuilt.',
    from: ['stable'],
    to: 'same',
    when: (c) => c.policy.supervised && c.state.rejoining === null && due(c).length > 0,
    then: (c) => {
      const [known] = due(c);
      const { state } = c;
      if (known?.stray == null || state.writer === null) return stay(state);
      const { why } = known.stray;
      const instance = known.instance.id;
      const reason = why === 'starting' ? 'down' : why;
      const attempt = known.rejoins.attempts + 1;
      const { epoch, writer } = state;
      return stay({ ...state, rejoining: instance }, [
        { kind: 'rejoin', epoch, instance, writer, reason, attempt, divergence: divergence(c, known) },
      ]);
    },
  },
  {
    id: 'deposed-quarantined',
    comment: 'A deposed server stays out, and nobody is there to bring it back: an operator is told, once.',
    from: ['stable'],
    to: 'same',
    when: (c) => !c.policy.supervised && untold(c).length > 0,
    then: (c) => {
      let next = c.state;
      for (const { instance, stray } of untold(c)) {
        if (stray !== null) next = withInstance(next, instance.id, { stray: { ...stray, told: true } });
      }
      return stay(next);
    },
  },
];

export const retryAfterMs = (attempts: number): number =>
  Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempts - 1, 20));

const pastFork = (began: Position | null, instance: Position, positions: PositionOrder): Distance | null =>
  began === null ? null : positions.beyond(instance, began);

/** How the data of a deposed server stands to the writer's, as both were last seen. */
export function divergence(c: Pick<Context, 'state' | 'positions'>, known: InstanceState) {
  const { state, positions } = c;
  const instance = known.lastObservation?.position ?? null;
  const writer = lastPosition(state, state.writer);
  const both = instance !== null && writer !== null;
  const measured: Divergence = {
    instance,
    writer,
    compared: both ? (hasDiverged(c, known) ? 'diverged' : positions.compare(writer, instance)) : null,
    lost: both ? (positions.missing(instance, writer) ?? pastFork(state.began, instance, positions)) : null,
  };
  return measured;
}

/** The writer has just answered, here and now, as the writer. */
const writerAnswered = ({ state, event, policy }: Context): boolean =>
  policy.mode === 'automatic' &&
  event.kind === 'probe-succeeded' &&
  event.instance === state.writer &&
  holder(state)?.observation?.role === 'writer';

type Standing = Stray['why'] | 'sound' | 'unclear';

function standing(c: Context, known: InstanceState): Standing {
  const { health, lastFailure, observation } = known;
  if (health === 'down' && observation === null) {
    if (lastFailure === null || meansAlive(lastFailure.reason)) return 'unclear';
    return lastFailure.reason === 'not-ready' ? 'starting' : 'down';
  }
  const position = holder(c.state)?.observation?.position;
  if (observation === null || position === undefined) return 'unclear';
  const compared = c.positions.compare(position, observation.position);
  if (compared === 'behind' || hasDiverged(c, known)) return 'diverged';
  return replicatesFromWriter(c, known) ? 'sound' : 'not-replicating';
}

/** Whose mark has to change, and to what. */
function strayed(c: Context): ReadonlyMap<InstanceId, Stray | null> {
  const changes = new Map<InstanceId, Stray | null>();
  if (!writerAnswered(c)) return changes;
  for (const [id, known] of c.state.instances) {
    const stray = c.state.deposed.has(id) ? strayNow(c, known) : null;
    const isOver = stray === null && known.rejoins.attempts > 0 && !c.state.deposed.has(id);
    if (stray?.why !== known.stray?.why || isOver) changes.set(id, stray);
  }
  return changes;
}

/** A reason that turns into another is no fresh start, but for a server that has begun, or ended, to start up. */
function strayNow({ state, event, ...c }: Context, known: InstanceState): Stray | null {
  const why = standing({ state, event, ...c }, known);
  if (why === 'sound') return null;
  if (why === 'unclear' || why === known.stray?.why) return known.stray;
  const isRestarted = known.stray === null || why === 'starting' || known.stray.why === 'starting';
  return { why, since: isRestarted ? event.at : (known.stray?.since ?? event.at), told: false };
}

/** Deposed servers that SQL alone can make replicas, by the engine and by their data. */
function ready(c: Context): InstanceId[] {
  const writer = holder(c.state);
  if (!writerAnswered(c) || writer === null) return [];
  return [...c.state.deposed].filter((id) => {
    const known = c.state.instances.get(id);
    const observation = known?.observation ?? null;
    if (known === undefined || observation === null || observation.writable) return false;
    if (id === c.state.rejoining || known.health === 'down' || !mayCorrect(known, c.event.at)) return false;
    const { replication } = observation;
    const isElsewhere =
      replication === null ||
      (!replication.streaming &&
        (replication.source === null || !isReachedAt(writer.instance, replication.source)));
    return isElsewhere && standing(c, known) === 'not-replicating';
  });
}

const isLate = ({ why, since }: Stray, at: Instant): boolean =>
  at - since >= (why === 'starting' ? startingGraceMs : graceMs);

/** Deposed servers that are to be brought back now. A drained one is an operator's, who may want to look at it first. */
function due(c: Context): InstanceState[] {
  return late(c).filter(({ drained, rejoins }) => !drained && c.event.at >= rejoins.notBefore);
}

const untold = (c: Context): InstanceState[] => late(c).filter(({ stray }) => stray?.told === false);

function late(c: Context): InstanceState[] {
  if (!writerAnswered(c)) return [];
  return deposedOf(c.state).filter(
    (known) =>
      known.stray !== null && isLate(known.stray, c.event.at) && standing(c, known) === known.stray.why,
  );
}

const deposedOf = ({ deposed, instances }: ClusterState): InstanceState[] =>
  [...instances.values()].filter(({ instance }) => deposed.has(instance.id));
