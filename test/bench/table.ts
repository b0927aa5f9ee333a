import type { Spread, Summary } from './summary.ts';

/**
 * A Markdown table: a row for each load and figure, a column for each contestant. A cell has the median over the rounds
 * and, in brackets, its proportion to HAProxy of the same round: the median, and the least and the most of it.
 */
export function table(summaries: readonly Summary[]): string {
  const contestants = [...new Set(summaries.map(({ contestant }) => contestant))].sort((a, b) =>
    a === 'direct' ? -1 : b === 'direct' ? 1 : a < b ? -1 : 1,
  );
  const loads = [...new Set(summaries.map(({ load }) => load))];
  const rows = loads.flatMap((load) => {
    const own = summaries.filter((summary) => summary.load === load);
    return [...new Set(own.map(({ figure }) => figure))].map((figure) => {
      const cells = contestants.map((name) =>
        cell(own.find((summary) => summary.figure === figure && summary.contestant === name)),
      );
      const unit = own.find((summary) => summary.figure === figure)?.unit ?? '';
      return [load, `${figure}, ${unit}`, ...cells];
    });
  });
  const head = ['load', 'figure', ...contestants];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join(
    '\n',
  );
}

function cell(summary: Summary | undefined): string {
  if (summary === undefined) return '';
  const { contestant, ratio, value } = summary;
  const median = number(value.median);
  return contestant === 'HAProxy' || ratio === null ? median : `${median} (${proportion(ratio)})`;
}

const proportion = ({ median, least, most, rounds }: Spread): string =>
  rounds === 1 ? `×${median.toFixed(2)}` : `×${median.toFixed(2)}, ${least.toFixed(2)} – ${most.toFixed(2)}`;

const number = (value: number): string =>
  Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
