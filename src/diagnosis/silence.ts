import type { MysqlSubject, PostgresSubject } from './subject.ts';

/** How long a writer may say nothing until Aurelay gives it up (docs/failover.md, "How long it takes"). */
export const patienceMs = ({ of }: Pick<MysqlSubject | PostgresSubject, 'of'>): number =>
  of.cluster.health.fall * of.cluster.health.timeoutMs;

/** A timeout of replicas, in whole seconds, whose half is well within `patienceMs`. */
export const silenceSeconds = (limitMs: number): number => Math.max(1, Math.floor((limitMs * 4) / 3 / 1000));
