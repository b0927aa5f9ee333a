import { assert, unreachable } from '../base/assert.ts';
import type { InstanceId } from '../base/brand.ts';
import { messageOf } from '../base/errors.ts';
import type { Divergence, Effect } from '../cluster/effect.ts';
import type { Happening } from '../cluster/event.ts';
import type { ClusterConfig } from '../config/config.ts';
import type { Engine, Operations } from '../engines/engine.ts';
import type { TlsClient } from '../tls/tls-client.ts';
import type { StateStore } from './state-store.ts';
import type { RejoinRequest, Supervisor } from './supervisor.ts';
import { targetOf } from './target.ts';

/** The effects that reach outside and report back. */
export type Deed = Exclude<Effect, { kind: 'probe' | 'answer' | 'receipt' }>;

export interface EffectOptions {
  readonly config: ClusterConfig;
  readonly engine: Engine;
  readonly tls: TlsClient;
  readonly store: StateStore;
  readonly supervisor: Supervisor | null;
  readonly stopping: AbortSignal;
  readonly closeSessions: (instance: InstanceId) => Promise<number>;
  readonly onDiscard: (instance: InstanceId, divergence: Divergence) => Promise<void>;
  readonly report: (happening: Happening) => void;
  /** The effect belongs to an epoch that is over. */
  readonly isStale: (effect: Deed) => boolean;
}

const fenceTimeoutMs = 5_000;
const followTimeoutMs = 10_000;
/** A copy that takes longer does without; less than the core waits for it. */
const sealTimeoutMs = 5_000;

/**
 * Does what the core wants done. What changes one server is done one after the other, in the order of the decisions: a
 * `fence` that is still under way must not overtake the `unfence` that took it back.
 */
export class EffectRunner {
  private readonly options: EffectOptions;
  private config: ClusterConfig;
  private supervisor: Supervisor | null;
  private operations: ReadonlyMap<InstanceId, Operations>;
  private readonly chains = new Map<InstanceId, Promise<void>>();
  /** How often a `fence` of an instance was taken back. */
  private readonly unfenced = new Map<InstanceId, number>();
  /** The newest order to each instance of what its commits wait for; an older one must not be carried out after it. */
  private readonly quorums = new Map<InstanceId, Deed>();

  constructor(options: EffectOptions) {
    this.options = options;
    this.config = options.config;
    this.supervisor = options.supervisor;
    this.operations = this.operationsOf(options.config, options.tls);
  }

  /** What has begun goes on as it was begun. */
  reconfigure(config: ClusterConfig, supervisor: Supervisor | null, tls: TlsClient): void {
    this.config = config;
    this.supervisor = supervisor;
    this.operations = this.operationsOf(config, tls);
    for (const id of this.chains.keys()) {
      if (config.instances.has(id)) continue;
      this.chains.delete(id);
      this.quorums.delete(id);
      this.unfenced.delete(id);
    }
  }

  private operationsOf(config: ClusterConfig, tls: TlsClient): ReadonlyMap<InstanceId, Operations> {
    const { engine } = this.options;
    const operations = [...config.instances.values()].map(
      (instance) => [instance.id, engine.createOperations(targetOf(instance, config, tls))] as const,
    );
    return new Map(operations);
  }

  async run(effect: Deed): Promise<void> {
    const { store, closeSessions, report } = this.options;
    const { epoch } = effect;
    switch (effect.kind) {
      case 'save-memory':
        report(
          await store.save(effect.memory).then(
            () => ({ kind: 'memory-saved', epoch, secured: effect.memory.durability.secured }) as const,
            (error: unknown) => ({ kind: 'memory-not-saved', epoch, why: messageOf(error) }) as const,
          ),
        );
        return;
      case 'close-sessions': {
        const { instance } = effect;
        report({ kind: 'sessions-closed', epoch, instance, count: await closeSessions(instance) });
        return;
      }
      case 'fence':
      case 'unfence':
      case 'promote':
      case 'seal':
      case 'require-quorum':
      case 'follow': {
        const isTakenBack = this.watchFor(effect);
        if (effect.kind === 'require-quorum') this.quorums.set(effect.instance, effect);
        await this.inTurn(effect.instance, async () => {
          if (this.options.isStale(effect) || isTakenBack()) return;
          if (effect.kind === 'require-quorum' && this.quorums.get(effect.instance) !== effect) {
            return report({
              kind: 'quorum-not-set',
              epoch,
              instance: effect.instance,
              why: 'a newer order replaced it',
            });
          }
          const happening = await this.operate(effect);
          if (happening !== null && !isTakenBack()) report(happening);
        });
        return;
      }
      case 'rejoin':
        // Not in turn: it may take hours, and a server that comes back writable meanwhile has to be fenced.
        report(await this.rejoin(effect));
        return;
      default:
        unreachable(effect);
    }
  }

  /**
   * Whether an `unfence` came after it. A `fence` that was taken back must not be done after all; nor may it answer for
   * that of the next switchover, which has the same epoch, while the `unfence` between them is still to come.
   */
  private watchFor(effect: Deed & { readonly instance: InstanceId }): () => boolean {
    const { instance } = effect;
    if (effect.kind === 'unfence') this.unfenced.set(instance, (this.unfenced.get(instance) ?? 0) + 1);
    const before = this.unfenced.get(instance);
    return () => effect.kind === 'fence' && this.unfenced.get(instance) !== before;
  }

  private async operate(
    effect: Extract<Deed, { kind: 'fence' | 'unfence' | 'promote' | 'follow' | 'seal' | 'require-quorum' }>,
  ): Promise<Happening | null> {
    const { config } = this;
    const { epoch, instance } = effect;
    const operations = this.operations.get(instance);
    if (operations === undefined) return null;
    switch (effect.kind) {
      case 'promote': {
        const { attempt, quorum } = effect;
        return operations.promote(config.failover.promoteTimeoutMs, quorum).then(
          (position) => ({ kind: 'promoted', epoch, instance, attempt, position }) as const,
          (error: unknown) =>
            ({ kind: 'not-promoted', epoch, instance, attempt, why: messageOf(error) }) as const,
        );
      }
      case 'fence':
        return operations.fence(fenceTimeoutMs).then(
          (position) => ({ kind: 'fenced', epoch, instance, position }) as const,
          (error: unknown) => ({ kind: 'not-fenced', epoch, instance, why: messageOf(error) }) as const,
        );
      case 'unfence':
        // The core sees by probe whether it worked, and asks again if not.
        return operations.unfence(fenceTimeoutMs).then(
          () => null,
          () => null,
        );
      case 'seal':
        return operations.seal(sealTimeoutMs).then(
          (position) => ({ kind: 'sealed', epoch, instance, position }) as const,
          (error: unknown) => ({ kind: 'not-sealed', epoch, instance, why: messageOf(error) }) as const,
        );
      case 'require-quorum': {
        const { quorum } = effect;
        return operations.requireQuorum(quorum, followTimeoutMs).then(
          () => ({ kind: 'quorum-set', epoch, instance, count: quorum.count }) as const,
          (error: unknown) => ({ kind: 'quorum-not-set', epoch, instance, why: messageOf(error) }) as const,
        );
      }
      case 'follow': {
        const source = config.instances.get(effect.source);
        if (source === undefined) return null;
        const at = source.replicationAddress ?? source.address;
        const acknowledging = config.durability !== null && (config.instances.get(instance)?.copy ?? false);
        return operations.follow(at, config.replication, acknowledging, followTimeoutMs).then(
          () => ({ kind: 'following', epoch, instance }) as const,
          (error: unknown) => ({ kind: 'not-following', epoch, instance, why: messageOf(error) }) as const,
        );
      }
    }
  }

  private async rejoin(effect: Extract<Deed, { kind: 'rejoin' }>): Promise<Happening> {
    const { config, supervisor } = this;
    const { stopping } = this.options;
    const { epoch, reason, divergence } = effect;
    const instance = config.instances.get(effect.instance);
    const writer = config.instances.get(effect.writer);
    assert(instance !== undefined && writer !== undefined, 'the core knows configured instances only');
    assert(supervisor !== null, 'nobody is asked to bring a server back where there is nobody');
    const request: RejoinRequest = {
      cluster: config.id,
      instance,
      writer,
      writerAddress: writer.replicationAddress ?? writer.address,
      epoch,
      positions: { instance: divergence.instance, writer: divergence.writer },
      reason,
    };
    await this.options.onDiscard(instance.id, divergence);
    return supervisor.rejoin(request, config.rejoinTimeoutMs, stopping).then(
      () => ({ kind: 'rejoined', epoch, instance: instance.id }) as const,
      (error: unknown) =>
        ({ kind: 'not-rejoined', epoch, instance: instance.id, why: messageOf(error) }) as const,
    );
  }

  private inTurn(instance: InstanceId, deed: () => Promise<void>): Promise<void> {
    const turn = (this.chains.get(instance) ?? Promise.resolve()).then(deed);
    this.chains.set(
      instance,
      turn.catch(() => {}),
    );
    return turn;
  }
}
