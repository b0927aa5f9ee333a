import { type BenchFault, type BenchRun, benchFaults } from './failover-bench.ts';

/** What the runs of one engine and fault come to. */
export interface BenchSummary {
  readonly engine: string;
  readonly fault: BenchFault;
  readonly runs: number;
  /** Of the outage that the client saw, in milliseconds, rounded. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Median of what Aurelay's receipts say. */
  readonly ownP50: number | null;
  readonly lostRows: number;
  /** Runs in which any row was lost. */
  readonly runsWithLoss: number;
}

/** The smallest value that at least `share` of them do not exceed (nearest rank): of 20, p99 is the largest. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (found === undefined) throw new Error('no values');
  return found;
}

export function summarise(runs: readonly BenchRun[]): BenchSummary[] {
  const engines = [...new Set(runs.map(({ engine }) => engine))];
  return engines.flatMap((engine) =>
    benchFaults.flatMap((fault) => {
      const own = runs.filter((run) => run.engine === engine && run.fault === fault);
      if (own.length === 0) return [];
      const outages = own.map(({ outageMs }) => outageMs);
      const durations = own.flatMap(({ ownMs }) => (ownMs === null ? [] : [ownMs]));
      return {
        ...{ engine, fault, runs: own.length },
        p50: Math.round(percentile(outages, 0.5)),
        p99: Math.round(percentile(outages, 0.99)),
        max: Math.round(Math.max(...outages)),
        ownP50: durations.length === 0 ? null : percentile(durations, 0.5),
        lostRows: own.reduce((sum, { lostRows }) => sum + lostRows, 0),
        runsWithLoss: own.filter(({ lostRows }) => lostRows > 0).length,
      };
    }),
  );
}

/** A Markdown table: for the terminal and for docs/performance.md. */
export function benchTable(summaries: readonly BenchSummary[]): string {
  const head = [
    ...['engine', 'fault', 'runs', 'p50', 'p99', 'max'],
    ...['Aurelay, p50', 'acknowledged rows lost'],
  ];
  const rows = summaries.map((summary) => [
    summary.engine,
    summary.fault,
    String(summary.runs),
    ...[summary.p50, summary.p99, summary.max].map((ms) => `${ms} ms`),
    summary.ownP50 === null ? '' : `${summary.ownP50} ms`,
    summary.lostRows === 0 ? '0' : `${summary.lostRows} in ${summary.runsWithLoss} of ${summary.runs} runs`,
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

const lowestMs = 10;
const highestMs = 20_000;
const bins = 44;
const plot = { left: 190, width: 660, row: 56, top: 34 };

const share = (ms: number): number =>
  Math.log(Math.min(Math.max(ms, lowestMs), highestMs - 1) / lowestMs) / Math.log(highestMs / lowestMs);

/** Histograms of the outages, one an engine and fault, over one logarithmic axis of time. */
export function benchChart(runs: readonly BenchRun[]): string {
  const summaries = summarise(runs);
  const height = plot.top + summaries.length * plot.row + 30;
  const floor = plot.top + summaries.length * plot.row;
  const ticks = [10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000].map((ms) => {
    const x = (plot.left + (Math.log(ms / lowestMs) / Math.log(highestMs / lowestMs)) * plot.width).toFixed(
      1,
    );
    const label = ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
    return (
      `<line x1="${x}" x2="${x}" y1="${plot.top}" y2="${floor}" stroke="#ddd"/>` +
      `<text x="${x}" y="${floor + 16}" text-anchor="middle">${label}</text>`
    );
  });
  const rows = summaries.map((summary, index) => chartRow(summary, runs, plot.top + index * plot.row));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="880" height="${height}" font-family="sans-serif" font-size="11">`,
    '<title>Write outage that a client sees, by engine and fault</title>',
    `<rect width="880" height="${height}" fill="#fff"/>`,
    '<text x="10" y="20" font-size="13">Write outage that a client sees: last row acknowledged before to first after</text>',
    ...ticks,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

function chartRow(summary: BenchSummary, runs: readonly BenchRun[], top: number): string {
  const counts = new Array<number>(bins).fill(0);
  for (const { engine, fault, outageMs } of runs) {
    if (engine !== summary.engine || fault !== summary.fault) continue;
    const bin = Math.floor(share(outageMs) * bins);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const floor = top + plot.row - 6;
  const width = plot.width / bins;
  const most = Math.max(...counts);
  const bars = counts.flatMap((count, bin) => {
    if (count === 0) return [];
    const tall = (count / most) * (plot.row - 14);
    const place = `x="${(plot.left + bin * width).toFixed(1)}" y="${(floor - tall).toFixed(1)}"`;
    return `<rect ${place} width="${(width - 1).toFixed(1)}" height="${tall.toFixed(1)}" fill="#3465a4"><title>${count}</title></rect>`;
  });
  const label = `<text x="10" y="${top + 26}">${summary.engine}: ${summary.fault}</text>`;
  const note = `<text x="10" y="${top + 40}" fill="#666">p50 ${summary.p50} ms, p99 ${summary.p99} ms</text>`;
  return [label, note, ...bars].join('');
}
