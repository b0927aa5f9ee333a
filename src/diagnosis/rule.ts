import type { Step } from './fix.ts';
import type {
  ClusterSubject,
  InstanceSubject,
  MachineSubject,
  MysqlSubject,
  PostgresSubject,
  ServerSubject,
} from './subject.ts';

/**
 * `error` would break a failover, lose commits or refuse sessions · `warning` makes one slower, riskier or dependent on
 * luck · `advice` could be better.
 */
export type Severity = 'error' | 'warning' | 'advice';

export type Verdict =
  | { readonly kind: 'passed' }
  /** Nothing to judge: another version, another role, something else is not configured. */
  | { readonly kind: 'not-applicable' }
  | { readonly kind: 'not-checked'; readonly why: string }
  | { readonly kind: 'found'; readonly found: string; readonly fix: readonly Step[] };

/** One row of the table. Rows say their severity, so that one look at the table tells what is how bad. */
interface Row<Scope extends string, Subject> {
  /** Stable: people silence and search for it. */
  readonly id: string;
  readonly severity: Severity;
  readonly scope: Scope;
  /** What is well when it passes. */
  readonly expects: string;
  /** Why it matters, in one sentence. */
  readonly why: string;
  /** What to do about it, in general; a finding has it exactly. */
  readonly remedy: string;
  readonly look: (subject: Subject) => Verdict | readonly Verdict[];
}

export type MachineRule = Row<'machine', MachineSubject>;
export type ClusterRule = Row<'cluster', ClusterSubject>;
/** Of every instance, whether it answered or not. */
export type InstanceRule = Row<'instance', InstanceSubject>;
/** Of every server that answered. */
export type ServerRule = Row<'server', ServerSubject>;
export type PostgresRule = Row<'postgres', PostgresSubject>;
export type MysqlRule = Row<'mysql', MysqlSubject>;
export type Rule = MachineRule | ClusterRule | InstanceRule | ServerRule | PostgresRule | MysqlRule;

export const passed: Verdict = { kind: 'passed' };
export const notApplicable: Verdict = { kind: 'not-applicable' };
export const notChecked = (why: string): Verdict => ({ kind: 'not-checked', why });

export const found = (what: string, ...fix: readonly Step[]): Verdict => ({
  kind: 'found',
  found: what,
  fix,
});
