import { clusterId, epoch, type InstanceId, instanceId } from '../../src/base/brand.ts';
import type { Requirement } from '../../src/cluster/durability.ts';
import type { Effect } from '../../src/cluster/effect.ts';
import type { Event, Happening } from '../../src/cluster/event.ts';
import type { Instance } from '../../src/cluster/instance.ts';
import type { Memory } from '../../src/cluster/memory.ts';
import type { Observation, ProbeFailureReason } from '../../src/cluster/observation.ts';
import type { Position, PositionOrder } from '../../src/cluster/position.ts';
import { objection } from '../../src/cluster/reconfiguration.ts';
import { type ClusterState, initialState, type Policy } from '../../src/cluster/state.ts';
import { type Step, step } from '../../src/cluster/step.ts';
import { viewWriter } from '../../src/cluster/view-of.ts';

/** Positions that people can read: a whole number, the higher the further. `150x` went another way than all without an `x`. */
export const numbers: PositionOrder = {
  compare(a, b) {
    if (a.endsWith('x') !== b.endsWith('x')) return 'diverged';
    const [first, second] = [Number.parseInt(a, 10), Number.parseInt(b, 10)];
    if (first === second) return 'equal';
    return first > second ? 'ahead' : 'behind';
  },
  beyond: (a, fork) => ({ amount: Number.parseInt(a, 10) - Number.parseInt(fork, 10), unit: 'bytes' }),
  missing(a, b) {
    if (a.endsWith('x') !== b.endsWith('x')) return null;
    return { amount: Math.max(0, Number.parseInt(a, 10) - Number.parseInt(b, 10)), unit: 'bytes' };
  },
};

export const testInstance = (id: string, options: Partial<Instance> = {}): Instance => ({
  id: instanceId(id),
  address: { host: id, port: 5432 },
  replicationAddress: null,
  zone: null,
  promotionTier: 1,
  weight: 1,
  tags: {},
  copy: true,
  ...options,
});

/** One machine that runs a scenario file: a command a line in, the trace of what the core did out. */
export class Scenario {
  private at = 0;
  private state: ClusterState | null = null;
  private readonly instances: Instance[] = [];
  private memory: Memory | null = null;
  private policy: Policy = {
    mode: 'automatic',
    fall: 3,
    rise: 2,
    intervalMs: 500,
    minIntervalMs: 60_000,
    promoteTimeoutMs: 10_000,
    supervised: false,
    formerWriterCanFollow: false,
    durability: null,
    maxLoss: null,
  };

  private readonly onStep: (before: ClusterState, event: Event, step: Step, policy: Policy) => void;

  constructor(onStep: Scenario['onStep'] = () => {}) {
    this.onStep = onStep;
  }

  /** Runs one command line; returns the lines of its trace. */
  run(line: string): string[] {
    const [command = '', ...rest] = line.trim().split(/\s+/);
    const options = new Map(
      rest.flatMap((word) => (word.includes('=') ? [word.split('=', 2) as [string, string]] : [])),
    );
    const words = rest.filter((word) => !word.includes('='));
    switch (command) {
      case 'policy':
        return this.setPolicy(words, options);
      case 'instance':
        this.instances.push(
          testInstance(words[0] as string, {
            promotionTier: Number(options.get('tier') ?? 1),
            weight: Number(options.get('weight') ?? 1),
            copy: options.get('copy') !== 'no',
          }),
        );
        return [];
      case 'remember':
        this.memory = {
          epoch: epoch(Number(options.get('epoch'))),
          writer: options.has('writer') ? instanceId(options.get('writer') as string) : null,
          promoting: words.includes('promoting'),
          deposed: (options.get('deposed') ?? '').split(',').filter(Boolean).map(instanceId),
          drained: [],
          durability: {
            secured: Number(options.get('secured') ?? 1),
            degraded: words.includes('degraded'),
            copies: (options.get('copies') ?? '').split(',').filter(Boolean).map(instanceId),
          },
          began: null,
          followers: [],
        };
        return [];
      case 'reconfigure':
        return this.reconfigure(words, options);
      case 'wait':
        this.at += Number(words[0]);
        return this.feed({ kind: 'tick' });
      default:
        return this.feed(this.happening(command, words, options));
    }
  }

  private setPolicy(words: string[], options: Map<string, string>): string[] {
    if (words.includes('observe')) this.policy = { ...this.policy, mode: 'observe' };
    if (words.includes('supervised')) this.policy = { ...this.policy, supervised: true };
    if (words.includes('follows')) this.policy = { ...this.policy, formerWriterCanFollow: true };
    const quorum = options.get('quorum')?.split('of').map(Number);
    if (quorum !== undefined) {
      const [writeQuorum = 0, copies = 0] = quorum;
      const onLostQuorum = words.includes('degrade') ? 'degrade' : 'stall';
      const durability = { copies, writeQuorum, onLostQuorum, degradeAfterMs: 10_000 } as const;
      this.policy = { ...this.policy, durability };
    }
    const maxLoss = options.get('max_loss');
    if (maxLoss !== undefined) this.policy = { ...this.policy, maxLoss: Number(maxLoss) };
    const minInterval = options.get('min_interval');
    if (minInterval !== undefined) this.policy = { ...this.policy, minIntervalMs: Number(minInterval) };
    return [];
  }

  /** `reconfigure pg-1 pg-2@elsewhere pg-3/no-copy quorum=2of2`; without `quorum` and `async` the durability stays. */
  private reconfigure(words: string[], options: Map<string, string>): string[] {
    const before = this.policy;
    if (words.includes('async')) this.policy = { ...before, durability: null };
    this.setPolicy(words, options);
    const instances = words
      .filter((word) => !['async', 'degrade', 'observe'].includes(word))
      .map((word) => {
        const [place = '', flag] = word.split('/');
        const [id = '', host = id] = place.split('@');
        return testInstance(id, { address: { host, port: 5432 }, copy: flag !== 'no-copy' });
      });
    const against = this.state === null ? null : objection(this.state, instances, this.policy);
    if (against === null) return this.feed({ kind: 'reconfigured', instances, before, summary: 'as said' });
    this.policy = before;
    return [`${against.kind}: ${against.why}`];
  }

  private happening(command: string, words: string[], options: Map<string, string>): Happening {
    const instance = instanceId(words[0] ?? '');
    const plan = this.state !== null && 'plan' in this.state.phase ? this.state.phase.plan : null;
    const term = options.has('epoch')
      ? epoch(Number(options.get('epoch')))
      : (plan?.epoch ?? this.state?.epoch ?? epoch(0));
    const attempt = this.state !== null && 'attempt' in this.state.phase ? this.state.phase.attempt : 1;
    switch (command) {
      case 'ok':
        return { kind: 'probe-succeeded', instance, observation: observation(words, options) };
      case 'fail':
        return {
          kind: 'probe-failed',
          instance,
          failure: { reason: words[1] as ProbeFailureReason, detail: 'as the scenario says' },
        };
      case 'saved':
        return { kind: 'memory-saved', epoch: term, secured: Number(options.get('secured') ?? 1) };
      case 'not-saved':
        return { kind: 'memory-not-saved', epoch: term, why: 'disk full' };
      case 'closed':
        return { kind: 'sessions-closed', epoch: term, instance, count: Number(words[1] ?? 0) };
      case 'fenced':
        return { kind: 'fenced', epoch: term, instance, position: words[1] as Position };
      case 'not-fenced':
        return { kind: 'not-fenced', epoch: term, instance, why: words.slice(1).join(' ') };
      case 'promoted':
        return {
          kind: 'promoted',
          epoch: term,
          instance,
          attempt,
          position: (words[1] ?? this.state?.instances.get(instance)?.lastObservation?.position) as Position,
        };
      case 'sealed':
        return { kind: 'sealed', epoch: term, instance, position: words[1] as Position };
      case 'not-sealed':
        return { kind: 'not-sealed', epoch: term, instance, why: words.slice(1).join(' ') };
      case 'not-promoted':
        return { kind: 'not-promoted', epoch: term, instance, attempt, why: words.slice(1).join(' ') };
      case 'quorum-set':
        return { kind: 'quorum-set', epoch: term, instance, count: Number(words[1]) };
      case 'rejoined':
        return { kind: 'rejoined', epoch: term, instance };
      case 'not-rejoined':
        return { kind: 'not-rejoined', epoch: term, instance, why: words.slice(1).join(' ') };
      case 'failover':
        return { kind: 'failover-requested', request: 1, force: words.includes('force') };
      case 'switchover':
        return { kind: 'switchover-requested', request: 1, to: instance, dryRun: words.includes('dry-run') };
      case 'drain':
      case 'undrain':
        return { kind: 'drain-requested', request: 1, instance, drained: command === 'drain' };
      default:
        throw new Error(`no such command in a scenario: ${command}`);
    }
  }

  private feed(happening: Happening): string[] {
    const before = this.state ?? initialState(clusterId('test'), this.instances, this.memory, 0);
    const event: Event = { at: this.at, ...happening };
    const taken = step(before, event, this.policy, numbers);
    const { state, effects, fired } = taken;
    this.onStep(before, event, taken, this.policy);
    this.state = state;
    const trace = fired.map((rule) => `rule ${rule}`);
    trace.push(...effects.map(describe));
    const was = summary(before);
    const is = summary(state);
    if (was !== is) trace.push(is);
    return trace;
  }
}

/** `ok pg-2 replica 100 from=pg-1 timeline=1 lag=2 stopped`; `withheld`: it takes writes, and Patroni disagrees. */
function observation(words: string[], options: Map<string, string>): Observation {
  const [, role, position] = words;
  const from = options.get('from');
  return {
    role: role === 'writer' ? 'writer' : 'replica',
    writable: role === 'writer' || words.includes('withheld'),
    identity: 'cluster',
    timeline: options.has('timeline') ? Number(options.get('timeline')) : null,
    position: position as Position,
    lagSeconds: Number(options.get('lag') ?? 0),
    replication:
      from === undefined
        ? null
        : {
            source: { host: from, port: 5432 },
            streaming: !words.includes('stopped'),
            heardSecondsAgo: options.has('heard') ? Number(options.get('heard')) : null,
            error: null,
            stopped: words.includes('idle'),
            acknowledges: options.has('acknowledges') ? options.get('acknowledges') === 'yes' : null,
          },
    acknowledgement: acknowledgement(options.get('waits')),
    version: 'test',
    ...(words.includes('withheld') ? { withheld: 'Patroni does not call it the leader' } : {}),
  };
}

/** `waits=1:pg-2,pg-3:2`: for one of these, of which two are connected; `waits=0::2` for nobody. */
function acknowledgement(text: string | undefined): Observation['acknowledgement'] {
  if (text === undefined) return null;
  const [count = '0', from = '', connected = '0'] = text.split(':');
  return {
    count: Number(count),
    from: from.split(',').filter(Boolean).map(instanceId),
    connected: Number(connected),
    most: null,
  };
}

function describe(effect: Effect): string {
  switch (effect.kind) {
    case 'probe':
      return `effect probe ${effect.instance} in ${effect.delayMs}ms`;
    case 'save-memory': {
      const { writer, promoting, deposed, drained, durability } = effect.memory;
      const lists = `deposed=[${deposed.join(' ')}] drained=[${drained.join(' ')}]`;
      const promise = `${durability.secured > 1 ? ` secured=${durability.secured}` : ''}${durability.degraded ? ' degraded' : ''}`;
      return `effect save epoch=${effect.memory.epoch} writer=${writer}${promoting ? ' promoting' : ''} ${lists}${promise}`;
    }
    case 'promote':
      return `effect promote ${effect.instance} epoch=${effect.epoch} attempt=${effect.attempt}${quorumText(effect.quorum)}`;
    case 'require-quorum':
      return `effect require-quorum ${effect.instance}${quorumText(effect.quorum)}`;
    case 'follow':
      return `effect follow ${effect.instance} source=${effect.source}`;
    case 'rejoin': {
      const { instance, writer, reason, attempt, divergence } = effect;
      const { instance: old, writer: current, compared, lost } = divergence;
      const loss = lost === null ? 'unknown' : `${lost.amount} ${lost.unit}`;
      return `effect rejoin ${instance} writer=${writer} reason=${reason} attempt=${attempt} ${old ?? '-'} -> ${current ?? '-'} (${compared ?? 'unknown'}, lost=${loss})`;
    }
    case 'receipt': {
      const { kind, outcome, from, to, lost, refused, durationMs, timeline } = effect.receipt;
      const others = refused
        .map((r: { instance: InstanceId; why: string }) => `${r.instance}: ${r.why}`)
        .join('; ');
      const { durability } = effect.receipt;
      const answered = durability.mode === 'async' ? '' : `:${durability.answered ?? '-'}`;
      const promise = durability.mode === 'async' ? '' : ` ${durability.mode}${answered}`;
      const loss = lost === null ? 'unknown' : `${lost.amount} ${lost.unit}`;
      const phases = timeline.map(({ phase, afterMs }) => `${phase}@${afterMs}`).join(' ');
      return `effect receipt ${kind} ${outcome} ${from} -> ${to}${promise} lost=${loss} in ${durationMs}ms (${phases}) refused=[${others}]`;
    }
    case 'answer':
      return `effect answer ${effect.answer.ok ? 'ok' : effect.answer.kind}: ${effect.answer.message}`;
    default:
      return `effect ${effect.kind} ${effect.instance}`;
  }
}

const quorumText = (quorum: Requirement | null): string =>
  quorum === null ? '' : ` quorum=${quorum.count} of [${quorum.from.join(' ')}]`;

function summary(state: ClusterState): string {
  const { phase, epoch: term, deposed } = state;
  const stage = phase.name === 'fencing' ? `/${phase.stage}` : '';
  const gone = deposed.size > 0 ? ` deposed=[${[...deposed].join(' ')}]` : '';
  const reason = 'reason' in phase ? ` (${phase.reason})` : '';
  return `state ${phase.name}${stage} epoch=${term} writer=${viewWriter(state) ?? '-'}${gone}${reason}`;
}
