import type { ClusterEventName } from './cluster-events.ts';
import type { LineLogger } from './tell.ts';

/** What happened to a cluster, as the log needs it. */
export interface ClusterLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly name: ClusterEventName;
  readonly message: string;
  readonly details: Readonly<Record<string, string | number | boolean | null>>;
  readonly cluster: string;
  readonly instance: string | null;
  readonly epoch: number;
  readonly rule: string | null;
  readonly seq: number;
}

/**
 * The one way to write a line of the log about a cluster. Its details stand on the line itself, and are never of two
 * types: a store that has seen a number in a field may refuse a word there.
 */
export function tellOfCluster(logger: LineLogger, line: ClusterLine): void {
  const { level, name, message, details, cluster, instance, epoch, rule, seq } = line;
  const lost = details.lost === 'unknown' ? { lost: null } : {};
  logger[level]({ event: name, cluster, instance, epoch, rule, seq, ...details, ...lost }, message);
}
