import { commonFields, logFields } from '../src/log/fields.ts';
import { type EventRow, levelsOf } from '../src/log/row.ts';

const code = (text: string): string => `\`${text}\``;
const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** For docs/logs.md and docs/events.md: every event of a table in the code. */
export function renderEventTable(events: Readonly<Record<string, EventRow>>): string {
  return tableOf(
    ['event', 'level', 'when', 'fields of its own', 'what to do'],
    Object.entries(events).map(([name, row]) => [
      code(name),
      levelsOf(row).join(', '),
      row.when,
      [...row.fields.map(code), ...(row.sometimes ?? []).map((field) => `(${code(field)})`)].join(', '),
      whatToDo(row),
    ]),
  );
}

function whatToDo({ remedy, alert }: EventRow): string {
  const paragraph = alert === undefined ? [] : [`[${alert}](runbook.md#${alert.toLowerCase()})`];
  return [...(remedy === undefined ? [] : [remedy]), ...paragraph].join('; ');
}

/** For docs/logs.md: what each field means, those that every line has first. */
export function renderFieldTable(): string {
  const common = Object.entries(commonFields).map(([name, about]) => [code(name), 'text', about]);
  const own = Object.entries(logFields).map(([name, field]) => [
    code(name),
    field.type === 'texts' ? 'list of texts' : field.type,
    'isPersonal' in field ? `${field.about} **Personal data**` : field.about,
  ]);
  return tableOf(['field', 'type', 'meaning'], [...common, ...own]);
}
