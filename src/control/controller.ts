import { assert, unreachable } from '../base/assert.ts';
import type { InstanceId } from '../base/brand.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import type { Answer, Divergence, Effect } from '../cluster/effect.ts';
import type { Event, Happening } from '../cluster/event.ts';
import type { Instance } from '../cluster/instance.ts';
import type { ProbeFailureReason } from '../cluster/observation.ts';
import type { Receipt } from '../cluster/receipt.ts';
import { type Objection, objection } from '../cluster/reconfiguration.ts';
import { type ClusterState, initialState, type Policy } from '../cluster/state.ts';
import { step } from '../cluster/step.ts';
import type { ClusterView } from '../cluster/view.ts';
import { viewOf } from '../cluster/view-of.ts';
import type { ClusterConfig } from '../config/config.ts';
import type { Engine, ProbeResult } from '../engines/engine.ts';
import type { TlsClient } from '../tls/tls-client.ts';
import { EffectRunner } from './effects.ts';
import { narrate, type Story } from './narrate.ts';
import { PatroniProbe } from './patroni-probe.ts';
import { Prober } from './prober.ts';
import type { StateStore } from './state-store.ts';
import type { Supervisor } from './supervisor.ts';
import { targetOf } from './target.ts';
import { type AnswerEffect, UnsavedAnswers } from './unsaved-answers.ts';

export interface ControllerOptions {
  readonly config: ClusterConfig;
  readonly engine: Engine;
  /** How probes and operations speak to the servers. */
  readonly tls: TlsClient;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly store: StateStore;
  /** Who brings deposed servers back; absent or null: only SQL does, where the engine can. */
  readonly supervisor?: Supervisor | null;
  /** Cuts every session to an instance; resolves to their number when the last is gone. */
  readonly closeSessions: (instance: InstanceId) => Promise<number>;
  readonly onView: (view: ClusterView) => void;
  readonly onStory: (story: Story, view: ClusterView) => void;
  readonly onReceipt: (receipt: Receipt) => void;
  /** What bringing a server back will throw away; resolves when that is on record. */
  readonly onDiscard: (instance: InstanceId, divergence: Divergence) => Promise<void>;
  readonly onProbe: (instance: InstanceId, seconds: number, outcome: 'ok' | ProbeFailureReason) => void;
  /** An invariant is broken: nothing this process believes may be trusted any more. */
  readonly onFatal: (error: unknown) => void;
}

const tickMs = 100;
/** Events that may wait; more can only come of a fault, since each source has at most a few under way. */
const mostWaiting = 10_000;
/** Operators' requests that may wait for an answer. */
const mostRequests = 16;

/**
 * The shell around the core of one cluster: a bounded mailbox, emptied one event at a time, each through `step`; the new
 * view is published in one assignment before any effect runs.
 */
export class Controller {
  private readonly options: ControllerOptions;
  private config: ClusterConfig;
  private tls: TlsClient;
  private policy: Policy;
  private readonly probers = new Map<InstanceId, Prober>();
  private readonly effects: EffectRunner;
  private readonly mailbox: Event[] = [];
  private readonly stopping = new AbortController();
  private readonly answers = new Map<number, (answer: Answer) => void>();
  private readonly unsaved = new UnsavedAnswers();
  private state: ClusterState;
  private current: ClusterView;
  private busy = false;
  private requests = 0;
  private ticker: Timer | null = null;
  private stopped = false;

  constructor(options: ControllerOptions) {
    const { config, engine, tls, clock, store } = options;
    this.options = options;
    this.config = config;
    this.tls = tls;
    this.policy = policyOf(config, engine, options.supervisor ?? null);
    this.state = initialState(config.id, config.instances.values(), store.load(), clock.now());
    this.current = viewOf(this.state, clock.now(), this.policy.durability);
    this.effects = new EffectRunner({
      config,
      engine,
      tls,
      store,
      supervisor: options.supervisor ?? null,
      stopping: this.stopping.signal,
      closeSessions: options.closeSessions,
      onDiscard: options.onDiscard,
      report: (happening) => this.post(happening),
      isStale: (effect) => effect.epoch < this.state.epoch,
    });
    for (const instance of config.instances.values())
      this.probers.set(instance.id, this.createProber(instance));
  }

  get view(): ClusterView {
    return this.current;
  }

  start(): void {
    for (const prober of this.probers.values()) prober.start();
    const tick = (): void => {
      if (this.stopped) return;
      this.ticker = this.options.clock.after(tickMs, tick);
      this.post({ kind: 'tick' });
    };
    tick();
  }

  stop(): void {
    this.stopped = true;
    this.stopping.abort();
    this.ticker?.cancel();
    for (const prober of this.probers.values()) prober.stop();
    for (const answer of this.answers.values()) {
      answer({ ok: false, kind: 'failed', message: 'aurelay is shutting down' });
    }
    this.answers.clear();
  }

  /** Something outside saw a sign of trouble: look now rather than at the next turn. */
  lookAt(instance: InstanceId): void {
    this.probers.get(instance)?.soon(0);
  }

  /** `force`: promote whoever answers, though acknowledged commits may be lost. */
  failover(force = false): Promise<Answer> {
    return this.request((request) => ({ kind: 'failover-requested', request, force }));
  }

  switchover(to: InstanceId, dryRun = false): Promise<Answer> {
    return this.request((request) => ({ kind: 'switchover-requested', request, to, dryRun }));
  }

  drain(instance: InstanceId, drained: boolean): Promise<Answer> {
    return this.request((request) => ({ kind: 'drain-requested', request, instance, drained }));
  }

  /** Ends when the core answers: each change of the writer has deadlines of its own. */
  private request(make: (request: number) => Happening): Promise<Answer> {
    if (this.stopped || this.answers.size >= mostRequests) {
      const message = this.stopped ? 'aurelay is shutting down' : 'too many requests wait for an answer';
      return Promise.resolve({ ok: false, kind: 'conflict', message });
    }
    this.requests += 1;
    const request = this.requests;
    return new Promise((resolve) => {
      this.answers.set(request, resolve);
      this.post(make(request));
    });
  }

  /** What speaks against `config` at this moment; null: `reconfigure` may be called, in the same turn of the event loop. */
  objection(config: ClusterConfig, supervisor: Supervisor | null): Objection | null {
    if (this.stopped) return { kind: 'never', why: 'aurelay is shutting down' };
    return objection(this.state, [...config.instances.values()], this.policyFor(config, supervisor));
  }

  /** `config` is in force from here on; effects that have begun go on as they were begun. `summary`: what changed. */
  reconfigure(config: ClusterConfig, supervisor: Supervisor | null, tls: TlsClient, summary: string): void {
    assert(!this.busy && this.mailbox.length === 0, 'a configuration comes between two steps');
    const [former, before] = [this.config, this.policy];
    this.config = config;
    this.tls = tls;
    this.policy = this.policyFor(config, supervisor);
    this.effects.reconfigure(config, supervisor, tls);
    const renewed = this.renewProbers(former);
    this.post({ kind: 'reconfigured', instances: [...config.instances.values()], before, summary });
    if (!this.stopped) for (const prober of renewed) prober.start();
  }

  private policyFor(config: ClusterConfig, supervisor: Supervisor | null): Policy {
    return policyOf(config, this.options.engine, supervisor);
  }

  /** Probers of servers that are new, or are asked in another way; an answer to the old question counts no more. */
  private renewProbers(former: ClusterConfig): readonly Prober[] {
    const { instances } = this.config;
    for (const [id, prober] of this.probers) {
      const [old, current] = [former.instances.get(id), instances.get(id)];
      if (old && current && probedWith(old, former) === probedWith(current, this.config)) continue;
      prober.stop();
      this.probers.delete(id);
    }
    const missing = [...instances.values()].filter(({ id }) => !this.probers.has(id));
    return missing.map((instance) => {
      const prober = this.createProber(instance);
      this.probers.set(instance.id, prober);
      return prober;
    });
  }

  private createProber(instance: Instance): Prober {
    const { engine, clock, prng } = this.options;
    const asked = engine.createProbe(targetOf(instance, this.config, this.tls));
    const onResult = (result: ProbeResult, seconds: number): void =>
      this.probed(instance.id, result, seconds);
    const { intervalMs, timeoutMs, fall } = this.config.health;
    const { patroni } = instance;
    const probe = patroni === undefined ? asked : new PatroniProbe(asked, patroni, fall);
    return new Prober({ probe, intervalMs, timeoutMs, clock, prng, onResult });
  }

  private probed(instance: InstanceId, result: ProbeResult, seconds: number): void {
    if (this.stopped) return;
    if (result.kind === 'observed') {
      this.options.onProbe(instance, seconds, 'ok');
      this.post({ kind: 'probe-succeeded', instance, observation: result.observation });
    } else {
      this.options.onProbe(instance, seconds, result.failure.reason);
      this.post({ kind: 'probe-failed', instance, failure: result.failure });
    }
  }

  private post(happening: Happening): void {
    if (this.stopped) return;
    assert(this.mailbox.length < mostWaiting, `the mailbox of cluster "${this.options.config.id}" is full`);
    this.mailbox.push({ at: this.options.clock.now(), ...happening });
    if (this.busy) return;
    this.busy = true;
    try {
      for (let event = this.mailbox.shift(); event !== undefined; event = this.mailbox.shift())
        this.take(event);
    } catch (error) {
      this.stop();
      this.options.onFatal(error);
    } finally {
      this.busy = false;
    }
  }

  private take(event: Event): void {
    const before = this.state;
    const result = step(before, event, this.policy, this.options.engine.positions);
    this.state = result.state;
    this.current = viewOf(result.state, event.at, this.policy.durability);
    this.options.onView(this.current);
    for (const story of narrate(before, event, result, this.policy))
      this.options.onStory(story, this.current);
    if (event.kind === 'memory-saved') this.answerAll(this.unsaved.saved());
    if (event.kind === 'memory-not-saved') this.answerAll(this.unsaved.notSaved(event.why));
    for (const effect of this.unsaved.hold(event, result.effects)) this.run(effect);
  }

  private answerAll(answers: readonly AnswerEffect[]): void {
    for (const answer of answers) this.run(answer);
  }

  private run(effect: Effect): void {
    switch (effect.kind) {
      case 'probe':
        this.probers.get(effect.instance)?.soon(effect.delayMs);
        return;
      case 'answer':
        this.answers.get(effect.request)?.(effect.answer);
        this.answers.delete(effect.request);
        return;
      case 'receipt':
        this.options.onReceipt(effect.receipt);
        return;
      case 'save-memory':
      case 'close-sessions':
      case 'fence':
      case 'unfence':
      case 'promote':
      case 'seal':
      case 'require-quorum':
      case 'follow':
      case 'rejoin':
        this.effects.run(effect).catch((error: unknown) => this.options.onFatal(messageOf(error)));
        return;
      default:
        unreachable(effect);
    }
  }
}

function policyOf(config: ClusterConfig, engine: Engine, supervisor: Supervisor | null): Policy {
  const { failover, health, durability } = config;
  return {
    mode: failover.mode,
    fall: health.fall,
    rise: health.rise,
    intervalMs: health.intervalMs,
    minIntervalMs: failover.minIntervalMs,
    promoteTimeoutMs: failover.promoteTimeoutMs,
    supervised: supervisor !== null,
    formerWriterCanFollow: engine.formerWriterCanFollow,
    durability,
    maxLoss: failover.maxLoss,
  };
}

/** All that a probe is made of but its address, as a text that can be compared. */
const probedWith = (
  { address, sendProxyProtocol, patroni }: Instance,
  { monitor, serverTls, health: { intervalMs, timeoutMs, fall } }: ClusterConfig,
): string => {
  const asked = patroni === undefined ? null : { patroni, fall };
  return JSON.stringify({ address, sendProxyProtocol, monitor, serverTls, intervalMs, timeoutMs, asked });
};
