import type { Rule } from '../src/cluster/rules/rule.ts';
import { requestRules, rules } from '../src/cluster/rules/table.ts';
import type { PhaseName } from '../src/cluster/view.ts';

const phases: readonly PhaseName[] = [
  'starting',
  'stable',
  'suspect',
  'cut-off',
  'fencing',
  'promoting',
  'verifying',
  'operator-required',
];

/** The rules of the failover core as a table, in the order in which they are asked. */
export function renderRuleTable(): string {
  const row = ({ id, from, to, comment }: Rule): string =>
    `| \`${id}\` | ${from === 'any' ? 'any' : from.join(', ')} | ${to === 'same' ? '' : to.join(', ')} | ${comment} |`;
  const table = (title: string, list: readonly Rule[]): string =>
    `**${title}**\n\n| rule | in phase | leads to | |\n|---|---|---|---|\n${list.map(row).join('\n')}`;
  return `${table('What happens by itself', rules)}\n\n${table('What an operator asks for', requestRules)}`;
}

/** The phases and the ways between them, as a Mermaid diagram. */
export function renderPhaseDiagram(): string {
  const ways = new Map<string, string[]>();
  for (const { id, from, to } of [...rules, ...requestRules]) {
    if (to === 'same') continue;
    for (const start of from === 'any' ? phases : from) {
      for (const end of to) {
        if (start === end) continue;
        const way = `${start} --> ${end}`;
        ways.set(way, [...(ways.get(way) ?? []), id]);
      }
    }
  }
  const name = (text: string): string => text.replace('operator-required', 'operator_required');
  const lines = [...ways].map(([way, ids]) => `  ${name(way)}: ${ids.join(', ')}`);
  return ['```mermaid', 'stateDiagram-v2', '  [*] --> starting', ...lines, '```'].join('\n');
}
