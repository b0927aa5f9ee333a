import type { ClusterId, Epoch, InstanceId } from '../base/brand.ts';
import type { LogLevel } from '../base/errors.ts';

/**
 * Something that happened to a cluster, for people and programs: one log line, one server-sent event, and what the
 * metrics are counted from. Derived in one place, from the core's event, the rules that fired and their effects.
 */
export interface ClusterEvent {
  /** Grows by one with each event of this process. */
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly cluster: ClusterId;
  readonly level: LogLevel;
  /** A stable name, `writer.lost`; docs/events.md lists them. */
  readonly name: string;
  readonly epoch: Epoch;
  readonly instance: InstanceId | null;
  /** The rule of the core that fired, where one did. */
  readonly rule: string | null;
  /** One sentence for an operator. */
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
}
