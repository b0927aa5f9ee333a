import type { InstanceId } from '../base/brand.ts';
import { formatDuration } from '../base/duration.ts';
import type { LogLevel } from '../base/errors.ts';
import type { Effect } from '../cluster/effect.ts';
import type { Event } from '../cluster/event.ts';
import { isSilence, type ProbeFailureReason } from '../cluster/observation.ts';
import type { Receipt } from '../cluster/receipt.ts';
import type { ClusterState, InstanceState, Policy } from '../cluster/state.ts';
import type { Step } from '../cluster/step.ts';
import { viewOf } from '../cluster/view-of.ts';
import type { ClusterEventName } from '../log/cluster-events.ts';
import type { ClusterEvent } from './cluster-event.ts';

/** An event without what the log adds. */
export type Story = Pick<ClusterEvent, 'level' | 'instance' | 'rule' | 'message' | 'details'> & {
  readonly name: ClusterEventName;
};

interface Line {
  readonly level: LogLevel;
  readonly name: ClusterEventName;
  /** Null: nothing to tell after all. */
  readonly tell: (scene: Scene) => string | null;
  readonly about?: (scene: Scene) => InstanceId | null;
}

interface Scene {
  readonly before: ClusterState;
  readonly after: ClusterState;
  readonly event: Event;
  readonly reason: string;
  readonly policy: Policy;
}

const writer = ({ after }: Scene): InstanceId | null => after.writer;
const probedInstance = ({ event }: Scene): InstanceId | null => ('instance' in event ? event.instance : null);
const target = ({ after }: Scene): InstanceId | null => ('plan' in after.phase ? after.phase.plan.to : null);

const rejoined = ({ before, after }: Scene): InstanceId[] =>
  [...before.deposed].filter((id) => !after.deposed.has(id));

const quarantined = ({ before, after }: Scene): InstanceState[] =>
  [...after.instances.values()].filter(
    ({ instance, stray }) => stray?.told === true && before.instances.get(instance.id)?.stray?.told !== true,
  );

const lostWords = ({ policy }: Scene): string =>
  policy.durability?.onLostQuorum === 'degrade'
    ? `wait, and go on unprotected after ${formatDuration(policy.durability.degradeAfterMs)}`
    : 'wait until there are enough';

const strayWords = {
  down: 'does not answer',
  starting: 'has been starting up for long',
  diverged: 'has data that the writer lacks',
  'not-replicating': 'does not replicate from the writer',
} as const;

const quarantineWords = (scene: Scene): string =>
  quarantined(scene)
    .map(
      ({ instance, stray }) =>
        `${instance.id} was deposed and ${stray === null ? '' : strayWords[stray.why]}`,
    )
    .join('; ')
    .concat(': it stays out until somebody makes it a replica again (docs/rejoin.md)');

/** What is told when a rule fires; rules that only carry a change on are not told of. */
export const storyOfRule: Readonly<Record<string, Line>> = {
  'two-writers': { level: 'error', name: 'operator.required', tell: (s) => s.reason },
  'writer-seen': {
    level: 'info',
    name: 'writer.available',
    tell: (s) => `${s.after.writer} takes writes`,
    about: writer,
  },
  'promoted-elsewhere': {
    level: 'warn',
    name: 'failover.started',
    tell: (s) => `somebody else promoted ${target(s)}: it is followed`,
    about: target,
  },
  'promoted-elsewhere-in-spite': {
    level: 'warn',
    name: 'failover.started',
    tell: (s) =>
      `somebody else promoted ${target(s)}, and ${s.before.writer} has not noticed: ${target(s)} is followed`,
    about: target,
  },
  'no-first-writer': { level: 'error', name: 'operator.required', tell: (s) => s.reason },
  'promotion-resumed': {
    level: 'warn',
    name: 'failover.started',
    tell: (s) => `the promotion of ${s.after.writer}, decided before the restart, goes on`,
    about: writer,
  },
  'holder-missing': { level: 'warn', name: 'writer.suspected', tell: (s) => s.reason, about: writer },
  'writer-suspected': { level: 'warn', name: 'writer.suspected', tell: (s) => s.reason, about: writer },
  'writer-demoted': { level: 'warn', name: 'writer.demoted', tell: (s) => s.reason, about: writer },
  'still-fenced': {
    level: 'warn',
    name: 'writer.unfenced',
    tell: (s) =>
      `${s.after.writer} is still read-only after a switchover that was given up: it is opened again`,
    about: writer,
  },
  'cut-off': { level: 'error', name: 'writer.cut-off', tell: (s) => s.reason, about: writer },
  'no-longer-heard': { level: 'error', name: 'writer.suspected', tell: (s) => s.reason, about: writer },
  'demoted-for-good': { level: 'error', name: 'operator.required', tell: (s) => s.reason },
  'failover-too-soon': { level: 'error', name: 'operator.required', tell: (s) => s.reason },
  'writer-lost': {
    level: 'error',
    name: 'failover.started',
    tell: (s) => `${s.before.writer} is gone: ${target(s)} takes over`,
    about: target,
  },
  'no-candidate': { level: 'error', name: 'failover.blocked', tell: (s) => s.reason },
  'switchover-target-lost': { level: 'warn', name: 'switchover.undone', tell: (s) => s.reason },
  'switchover-not-fenced': { level: 'warn', name: 'switchover.undone', tell: (s) => s.reason },
  'switchover-too-slow': { level: 'warn', name: 'switchover.undone', tell: (s) => s.reason },
  'not-recorded': { level: 'error', name: 'state.not-saved', tell: (s) => s.reason },
  'promotion-retried': {
    level: 'warn',
    name: 'promotion.failed',
    tell: (s) => `${whyOf(s.event)}; once more`,
    about: probedInstance,
  },
  'promotion-failed': {
    level: 'error',
    name: 'promotion.failed',
    tell: (s) => whyOf(s.event),
    about: probedInstance,
  },
  'candidate-lost': {
    level: 'error',
    name: 'promotion.failed',
    tell: (s) => `the candidate stopped answering: ${s.reason}`,
  },
  'promotion-too-slow': {
    level: 'error',
    name: 'promotion.failed',
    tell: (s) => `the candidate was too slow: ${s.reason}`,
  },
  'deposed-rejoined': {
    level: 'info',
    name: 'deposed.rejoined',
    tell: (s) => `${rejoined(s).join(', ')} replicates from ${s.after.writer}: a replica again`,
    about: (s) => rejoined(s)[0] ?? null,
  },
  'deposed-writable': {
    level: 'error',
    name: 'deposed.writable',
    tell: (s) => `${probedInstance(s)} was deposed and takes writes: it is made read-only`,
    about: probedInstance,
  },
  'second-writer': {
    level: 'error',
    name: 'writer.second',
    tell: (s) =>
      `${probedInstance(s)} takes writes beside ${s.after.writer}: it is not trusted until it replicates`,
    about: probedInstance,
  },
  'deposed-quarantined': {
    level: 'warn',
    name: 'deposed.quarantined',
    tell: (s) => quarantineWords(s),
    about: (s) => quarantined(s)[0]?.instance.id ?? null,
  },
  'replica-diverged': {
    level: 'error',
    name: 'replica.diverged',
    tell: (s) => {
      const now = [...s.after.deposed].filter((id) => !s.before.deposed.has(id));
      return `${now.join(', ')} has data that the writer ${s.after.writer} lacks: it is not trusted until it was rebuilt`;
    },
    about: (s) => [...s.after.deposed].find((id) => !s.before.deposed.has(id)) ?? null,
  },
  'too-few-sealed': { level: 'error', name: 'failover.blocked', tell: (s) => s.reason },
  'quorum-broken': {
    level: 'error',
    name: 'durability.broken',
    tell: (s) =>
      `${s.after.writer} was found not to wait for its write quorum: commits may have been acknowledged unprotected`,
    about: writer,
  },
  'durability-secured': {
    level: 'info',
    name: 'durability.secured',
    tell: (s) =>
      `every commit that ${s.after.writer} acknowledges is on ${s.after.durability.secured} copies`,
    about: writer,
  },
  'quorum-lost': {
    level: 'error',
    name: 'quorum.lost',
    tell: (s) => `${s.after.writer} has too few copies that acknowledge: commits ${lostWords(s)}`,
    about: writer,
  },
  'quorum-regained': {
    level: 'info',
    name: 'quorum.regained',
    tell: (s) =>
      s.before.durability.told ? `${s.after.writer} has enough copies that acknowledge again` : null,
    about: writer,
  },
  'durability-degraded': {
    level: 'error',
    name: 'durability.degraded',
    tell: (s) =>
      `too few copies acknowledged for too long: commits on ${s.after.writer} go on unprotected until enough are back`,
    about: writer,
  },
  'durability-dropped': {
    level: 'warn',
    name: 'durability.dropped',
    tell: (s) => `durability is async now: commits on ${s.after.writer} wait for nobody`,
    about: writer,
  },
  'replica-astray': {
    level: 'warn',
    name: 'replica.astray',
    tell: (s) =>
      `${probedInstance(s)} does not receive from the writer as it should: it is pointed at ${s.after.writer}`,
    about: probedInstance,
  },
  reconfigured: {
    level: 'info',
    name: 'config.reloaded',
    tell: ({ event }) => (event.kind === 'reconfigured' ? event.summary : null),
  },
  'promise-lowered': {
    level: 'warn',
    name: 'durability.lowered',
    tell: (s) =>
      s.after.durability.secured > 1
        ? `by the new configuration ${s.after.durability.secured} copies have each commit that was acknowledged, until more have it`
        : 'by the new configuration commits that were acknowledged may be on one copy only, until more have them',
    about: writer,
  },
  drain: {
    level: 'info',
    name: 'instance.drained',
    tell: ({ event }) =>
      event.kind === 'drain-requested'
        ? `${event.instance} ${event.drained ? 'takes no new connections' : 'takes connections again'}`
        : '',
    about: probedInstance,
  },
  'switchover-requested': {
    level: 'info',
    name: 'switchover.started',
    tell: (s) => `${s.before.writer} hands over to ${target(s)}`,
    about: target,
  },
  'failover-requested': {
    level: 'warn',
    name: 'failover.started',
    tell: (s) => `an operator asked for a failover: ${target(s) ?? 'nobody'} takes over`,
    about: target,
  },
};

const whyOf = (event: Event): string => ('why' in event ? event.why : '');

/** Everything worth telling about one step, in the order in which it came about. The only place where it is put in words. */
export function narrate(before: ClusterState, event: Event, step: Step, policy: Policy): Story[] {
  const after = step.state;
  const reason = viewOf(after, event.at, policy.durability).reason ?? '';
  const scene: Scene = { before, after, event, reason, policy };
  const stories: Story[] = [...healthStories(before, after, event), ...reportStories(event, after)];
  for (const rule of step.fired) {
    const line = storyOfRule[rule];
    if (line === undefined) continue;
    const details = { phase: after.phase.name };
    const message = line.tell(scene);
    if (message === null) continue;
    const instance = line.about?.(scene) ?? null;
    stories.push({ level: line.level, name: line.name, instance, rule, message, details });
    if (after.phase.name === 'operator-required' && line.name === 'promotion.failed') {
      stories.push({
        level: 'error',
        name: 'operator.required',
        instance: null,
        rule,
        message: scene.reason,
        details,
      });
    }
  }
  for (const effect of step.effects) stories.push(...receiptStories(effect), ...rejoinStories(effect));
  return stories;
}

function healthStories(before: ClusterState, after: ClusterState, event: Event): Story[] {
  if (event.kind !== 'probe-succeeded' && event.kind !== 'probe-failed') return [];
  const was = before.instances.get(event.instance);
  const is = after.instances.get(event.instance);
  if (was === undefined || is === undefined) return [];
  const stories: Story[] = [];
  const tell = (
    level: LogLevel,
    name: ClusterEventName,
    message: string,
    details: Story['details'] = {},
  ): void => {
    stories.push({ level, name, instance: event.instance, rule: null, message, details });
  };
  const failure = is.lastFailure === null ? '' : ` (${is.lastFailure.reason}: ${is.lastFailure.detail})`;
  if (was.health !== is.health) {
    const reason = { reason: is.lastFailure?.reason ?? null };
    if (is.health === 'healthy') {
      const seen = { role: is.observation?.role ?? null };
      tell('info', 'instance.up', `${event.instance} is healthy${roleWords(is)}`, seen);
    }
    if (is.health === 'down') tell('error', 'instance.down', `${event.instance} is down${failure}`, reason);
    if (is.health === 'suspect')
      tell('warn', 'instance.suspect', `${event.instance} did not answer a probe${failure}`, reason);
  } else if (
    event.kind === 'probe-failed' &&
    is.health !== 'suspect' &&
    isNews(was.lastFailure?.reason, is.lastFailure?.reason)
  ) {
    const reason = { reason: is.lastFailure?.reason ?? null };
    tell('warn', 'instance.probe-failed', `${event.instance} could not be asked${failure}`, reason);
  }
  const role = is.observation?.role;
  const roleBefore = was.lastObservation?.role;
  if (role !== undefined && roleBefore !== undefined && role !== roleBefore) {
    const why = is.observation?.withheld === undefined ? '' : `: ${is.observation.withheld}`;
    tell('info', 'instance.role', `${event.instance} is a ${role} now${why}`, {
      role,
      role_before: roleBefore,
    });
  }
  return stories;
}

/** A server that is gone is silent in two ways by turns, as its neighbours forget it: that is no news. */
const isNews = (before: ProbeFailureReason | undefined, now: ProbeFailureReason | undefined): boolean =>
  before !== now && (before === undefined || now === undefined || !isSilence(before) || !isSilence(now));

const roleWords = ({ observation }: InstanceState): string =>
  observation === null ? '' : ` (${observation.role}, ${observation.version})`;

/** What an effect reported and no rule speaks of. */
function reportStories(event: Event, { deposed }: ClusterState): Story[] {
  const story = (
    level: LogLevel,
    name: ClusterEventName,
    message: string,
    details: Story['details'] = {},
  ): Story[] => [
    { level, name, instance: 'instance' in event ? event.instance : null, rule: null, message, details },
  ];
  switch (event.kind) {
    case 'following':
      return story(
        'info',
        'replica.repointed',
        `${event.instance} follows the writer of epoch ${event.epoch}`,
      );
    case 'not-following':
      return story(
        // Of a former writer that is nothing to worry about: it is brought back otherwise.
        deposed.has(event.instance) ? 'warn' : 'error',
        'replica.not-repointed',
        `${event.instance} could not be pointed at the writer: ${event.why}`,
      );
    case 'quorum-set':
      return story(
        'info',
        'quorum.set',
        event.count === 0
          ? `commits on ${event.instance} wait for nobody`
          : `commits on ${event.instance} wait for ${event.count} of the other copies`,
        { copies: event.count },
      );
    case 'quorum-not-set':
      return story(
        'error',
        'quorum.not-set',
        `${event.instance} could not be made to wait for its write quorum: ${event.why}`,
      );
    case 'sealed':
      return story('info', 'copy.sealed', `${event.instance} is sealed at ${event.position}`, {
        position: event.position,
      });
    case 'not-sealed':
      return story('warn', 'copy.not-sealed', `${event.instance} could not be sealed: ${event.why}`);
    case 'rejoined':
      return story('info', 'rejoin.done', `${event.instance} was started as a replica`);
    case 'not-rejoined':
      return story(
        'error',
        'rejoin.failed',
        `${event.instance} could not be brought back as a replica: ${event.why}`,
      );
    case 'not-fenced':
      return story('warn', 'fence.failed', `${event.instance} could not be made read-only: ${event.why}`);
    case 'fenced':
      return story('info', 'fence.done', `${event.instance} is read-only, its clients are gone`);
    case 'sessions-closed':
      return story('info', 'sessions.closed', `${event.count} sessions to ${event.instance} were closed`, {
        sessions: event.count,
      });
    default:
      return [];
  }
}

/** Told before anything is done to the server: what a rewind throws away is on record first. */
function rejoinStories(effect: Effect): Story[] {
  if (effect.kind !== 'rejoin') return [];
  const { instance, writer, reason, attempt, divergence } = effect;
  const { compared, lost } = divergence;
  const isDiverged = compared === 'diverged' || compared === 'behind';
  const losing = !isDiverged
    ? ''
    : lost === null
      ? '; what it has and the writer lacks is lost'
      : lost.unit === 'bytes'
        ? `; ${lost.amount} bytes of its log that the writer lacks are thrown away`
        : `; ${lost.amount} transactions that the writer lacks are lost`;
  return [
    {
      level: isDiverged ? 'warn' : 'info',
      name: 'rejoin.started',
      instance,
      rule: 'deposed-rejoin',
      message: `${instance} was deposed and ${strayWords[reason]}: it is made a replica of ${writer}${losing}`,
      details: {
        writer,
        reason,
        attempt,
        position: divergence.instance,
        writer_position: divergence.writer,
        diverged: compared === null ? null : isDiverged,
        lost: lost === null ? 'unknown' : lost.amount,
        lost_unit: lost?.unit ?? null,
      },
    },
  ];
}

function receiptStories(effect: Effect): Story[] {
  if (effect.kind !== 'receipt') return [];
  const { receipt } = effect;
  if (receipt.outcome === 'undone' && receipt.to === receipt.from) {
    const message = `${receipt.to} is the writer again, in epoch ${receipt.epoch}: ${receipt.reason}`;
    return [
      {
        ...{ level: 'warn', name: 'switchover.undone', instance: receipt.to, rule: null, message },
        details: { kind: receipt.kind, attempts: receipt.attempts },
      },
    ];
  }
  if (receipt.outcome !== 'completed') return [];
  return [
    {
      level: receipt.kind === 'elected' || receipt.kind === 'switchover' ? 'info' : 'warn',
      name: receipt.kind === 'elected' ? 'writer.elected' : 'failover.completed',
      instance: receipt.to,
      rule: null,
      message: receiptWords(receipt),
      details: {
        kind: receipt.kind,
        from: receipt.from,
        to: receipt.to,
        from_position: receipt.fromPosition,
        to_position: receipt.toPosition,
        lost: receipt.lost === null ? 'unknown' : receipt.lost.amount,
        lost_unit: receipt.lost?.unit ?? null,
        sessions_closed: receipt.sessionsClosed,
        attempts: receipt.attempts,
        duration_seconds: Math.round(receipt.durationMs) / 1000,
        durability: receipt.durability.mode,
        refused: receipt.refused.map(({ instance, why }) => `${instance}: ${why}`).join('; '),
      },
    },
  ];
}

function receiptWords({
  kind,
  from,
  to,
  epoch,
  durationMs,
  lost,
  fromPosition,
  toPosition,
  durability,
}: Receipt): string {
  if (kind === 'elected') return `${to} is the writer of epoch ${epoch}`;
  const known =
    lost === null
      ? 'what was lost is unknown'
      : `${kind === 'switchover' ? '' : 'at least '}${lost.amount} ${lost.unit} behind its last known position`;
  const kept =
    kind === 'failover' && durability.mode === 'quorum'
      ? 'nothing lost that a client was told of'
      : kind === 'switchover' && lost?.amount === 0
        ? 'nothing lost'
        : null;
  const loss = kept ?? known;
  const positions = `${fromPosition ?? 'unknown'} -> ${toPosition ?? 'unknown'}`;
  return `${to} is the writer of epoch ${epoch} after ${from ?? 'nobody'} (${kind} in ${formatDuration(durationMs)}, ${positions}, ${loss})`;
}
