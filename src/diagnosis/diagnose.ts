import type { ClusterId, InstanceId } from '../base/brand.ts';
import type { Step } from './fix.ts';
import type { Rule, Severity, Verdict } from './rule.ts';
import { type ClusterSubject, type MachineSubject, mysqlOf, postgresOf, serversOf } from './subject.ts';
import { rules } from './table.ts';

/** Something that is not as it should be, with all that there is to say about it. */
export interface Finding extends Place {
  readonly severity: Severity;
  readonly rule: string;
  readonly found: string;
  readonly why: string;
  readonly fix: readonly Step[];
}

interface Place {
  /** Null: it is about this machine. */
  readonly cluster: ClusterId | null;
  /** Null: it is about the cluster as a whole. */
  readonly instance: InstanceId | null;
}

export interface Passed extends Place {
  readonly rule: string;
  readonly expects: string;
}

export interface NotChecked extends Place {
  readonly rule: string;
  readonly why: string;
}

export interface Diagnosis {
  /** Errors first, then in the order of the table. */
  readonly findings: readonly Finding[];
  readonly passed: readonly Passed[];
  readonly notChecked: readonly NotChecked[];
}

const severities: readonly Severity[] = ['error', 'warning', 'advice'];

/** Asks every rule about everything that it is about. */
export function diagnose(
  machine: MachineSubject,
  clusters: readonly ClusterSubject[],
  table: readonly Rule[] = rules,
): Diagnosis {
  const told = table.flatMap((rule) => judge(rule, machine, clusters).map((case_) => ({ rule, ...case_ })));
  const findings = told.flatMap(({ rule, place, verdict }): readonly Finding[] =>
    verdict.kind === 'found'
      ? [
          {
            severity: rule.severity,
            rule: rule.id,
            ...place,
            ...{ found: verdict.found, why: rule.why, fix: verdict.fix },
          },
        ]
      : [],
  );
  return {
    findings: severities.flatMap((severity) => findings.filter((one) => one.severity === severity)),
    passed: told.flatMap(({ rule, place, verdict }) =>
      verdict.kind === 'passed' ? [{ rule: rule.id, ...place, expects: rule.expects }] : [],
    ),
    notChecked: told.flatMap(({ rule, place, verdict }) =>
      verdict.kind === 'not-checked' ? [{ rule: rule.id, ...place, why: verdict.why }] : [],
    ),
  };
}

interface Case {
  readonly place: Place;
  readonly verdict: Verdict;
}

function judge(rule: Rule, machine: MachineSubject, clusters: readonly ClusterSubject[]): readonly Case[] {
  const each = <Subject>(
    subjects: readonly Subject[],
    look: (subject: Subject) => Verdict | readonly Verdict[],
    placeOf: (subject: Subject) => Place,
  ): readonly Case[] =>
    subjects.flatMap((subject) =>
      [look(subject)].flat().map((verdict) => ({ place: placeOf(subject), verdict })),
    );
  const ofInstance = (one: { of: ClusterSubject; instance: { id: InstanceId } }): Place => ({
    cluster: one.of.cluster.id,
    instance: one.instance.id,
  });
  switch (rule.scope) {
    case 'machine':
      return each([machine], rule.look, () => ({ cluster: null, instance: null }));
    case 'cluster':
      return each(clusters, rule.look, ({ cluster }) => ({ cluster: cluster.id, instance: null }));
    case 'instance':
      return each(
        clusters.flatMap(({ instances }) => instances),
        rule.look,
        ofInstance,
      );
    case 'server':
      return each(clusters.flatMap(serversOf), rule.look, ofInstance);
    case 'postgres':
      return each(clusters.flatMap(postgresOf), rule.look, ofInstance);
    case 'mysql':
      return each(clusters.flatMap(mysqlOf), rule.look, ofInstance);
  }
}
