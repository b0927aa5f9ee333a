import type { Rule } from './rule.ts';
import { capacityRules } from './rules/capacity.ts';
import { clockRules, clusterClockRules } from './rules/clocks.ts';
import { differenceRules } from './rules/differences.ts';
import { machineRules } from './rules/machine.ts';
import { mysqlDurabilityRules } from './rules/mysql/durability.ts';
import { mysqlPrivilegeRules } from './rules/mysql/privileges.ts';
import { mysqlSuccessionRules } from './rules/mysql/succession.ts';
import { mysqlWitnessRules } from './rules/mysql/witnesses.ts';
import { postgresDurabilityRules } from './rules/postgres/durability.ts';
import { postgresPrivilegeRules } from './rules/postgres/privileges.ts';
import { postgresReplicationRules } from './rules/postgres/replication.ts';
import { postgresSuccessionRules } from './rules/postgres/succession.ts';
import { healthRules, reachRules } from './rules/reach.ts';
import { replicaRules, topologyRules } from './rules/topology.ts';

/** A part of the table, as the docs show it. */
export interface RuleGroup {
  readonly title: string;
  readonly rules: readonly Rule[];
}

export const ruleGroups: readonly RuleGroup[] = [
  { title: 'Reaching the servers', rules: [...reachRules, ...healthRules] },
  { title: 'Who is the writer, and who follows', rules: [...topologyRules, ...replicaRules] },
  { title: 'PostgreSQL: what the monitor user may do', rules: postgresPrivilegeRules },
  { title: 'PostgreSQL: succession', rules: postgresSuccessionRules },
  { title: 'PostgreSQL: replication', rules: postgresReplicationRules },
  { title: 'PostgreSQL: commits', rules: postgresDurabilityRules },
  { title: 'MySQL and MariaDB: what the monitor user may do', rules: mysqlPrivilegeRules },
  { title: 'MySQL and MariaDB: succession', rules: [...mysqlSuccessionRules, ...mysqlWitnessRules] },
  { title: 'MySQL and MariaDB: commits and logs', rules: mysqlDurabilityRules },
  { title: 'Room for sessions, and settings that differ', rules: [...capacityRules, ...differenceRules] },
  { title: 'Clocks and certificates of the servers', rules: [...clockRules, ...clusterClockRules] },
  { title: 'This machine', rules: machineRules },
];

/** Every rule, in the order in which findings of one severity are told. */
export const rules: readonly Rule[] = ruleGroups.flatMap((group) => group.rules);
