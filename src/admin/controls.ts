import type { ClusterId, EndpointId, InstanceId } from '../base/brand.ts';
import type { ClusterView } from '../cluster/view.ts';
import type { ClusterConfig } from '../config/config.ts';
import type { Diagnostic } from '../config/diagnostic.ts';
import type { ClusterEvent } from '../control/cluster-event.ts';
import type { FailoverRecord } from '../control/failover-record.ts';

/** All that the admin API can see and do; implemented where the rooms are wired together. */
export interface Controls {
  /** Every configured cluster. */
  clusters(): readonly ClusterId[];
  config(cluster: ClusterId): ClusterConfig;
  view(cluster: ClusterId): ClusterView;
  /** Sessions and held connections now. */
  load(cluster: ClusterId): ClusterLoad;
  /** Whether each endpoint's listener accepts; an endpoint that could not listen has an error. */
  listening(
    cluster: ClusterId,
  ): ReadonlyMap<EndpointId, { readonly ok: boolean; readonly error: string | null }>;
  /** Ids of the members that would get a new connection now (all of them, best first is not implied). */
  members(cluster: ClusterId, endpoint: EndpointId): readonly InstanceId[];
  /** `force`: promote whoever answers, though acknowledged commits may be lost. */
  failover(cluster: ClusterId, force: boolean): Promise<CommandResult>;
  /** `dryRun`: only say whether it could be begun now. */
  switchover(cluster: ClusterId, to: InstanceId, dryRun: boolean): Promise<CommandResult>;
  /** What became of each change of the writer, the newest last; at most the last 100 are kept. */
  failovers(cluster: ClusterId): readonly FailoverRecord[];
  drain(cluster: ClusterId, instance: InstanceId, drained: boolean): Promise<CommandResult>;
  /** Reads the configuration again, and puts all of it in force or nothing. */
  reload(): Promise<ReloadResult>;
  /** The latest events with `seq` above `since`, oldest first; at most the last 1,000 are kept. */
  eventsSince(since: number): readonly ClusterEvent[];
  /** Calls `listener` with each new event until the returned function is called. */
  onEvent(listener: (event: ClusterEvent) => void): () => void;
  /** Calls `listener` with each new view of any cluster until the returned function is called. */
  onView(listener: (view: ClusterView) => void): () => void;
  /** True from SIGTERM on. */
  shuttingDown(): boolean;
}

export interface ClusterLoad {
  readonly sessionsByInstance: ReadonlyMap<InstanceId, number>;
  readonly sessionsByEndpoint: ReadonlyMap<EndpointId, number>;
  readonly heldByEndpoint: ReadonlyMap<EndpointId, number>;
  /** Where the sessions of each endpoint are. */
  readonly instancesByEndpoint: ReadonlyMap<EndpointId, ReadonlyMap<InstanceId, number>>;
  readonly waitingByInstance: ReadonlyMap<InstanceId, number>;
}

export type ReloadResult =
  | { readonly ok: true; readonly outcome: 'applied' | 'unchanged'; readonly message: string }
  | {
      readonly ok: false;
      /** What was read is no good configuration. */
      readonly outcome: 'invalid';
      readonly message: string;
      readonly diagnostics: readonly Diagnostic[];
    }
  /** It is one, and cannot be put in force without a restart, or not now. */
  | { readonly ok: false; readonly outcome: 'refused'; readonly message: string };

export type CommandResult =
  | {
      readonly ok: true;
      readonly message: string;
      readonly writer: InstanceId | null;
      readonly epoch: number;
    }
  /** `conflict`: the cluster is in no state for it. `failed`: it was tried and undone, or needs an operator. */
  | { readonly ok: false; readonly kind: 'conflict' | 'failed' | 'timeout'; readonly message: string };
