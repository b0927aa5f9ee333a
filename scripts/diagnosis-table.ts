import type { Rule } from '../src/diagnosis/rule.ts';
import { ruleGroups } from '../src/diagnosis/table.ts';

/** The rules of `aurelay doctor`, in the order in which they are asked. */
export function renderDiagnosisTable(): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const row = ({ id, severity, expects, why, remedy }: Rule): string =>
    `| \`${id}\` | ${severity} | ${cell(sentence(expects))} ${cell(why)} | ${cell(sentence(remedy))} |`;
  return ruleGroups
    .map(
      ({ title, rules }) =>
        `### ${title}\n\n| rule | severity | what is expected, and why | what to do |\n|---|---|---|---|\n${rules.map(row).join('\n')}`,
    )
    .join('\n\n');
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
