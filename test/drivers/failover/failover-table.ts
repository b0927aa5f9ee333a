import { percentile } from '../../chaos/bench-report.ts';
import { allSettings, type Settings } from './drivers.ts';
import { type DriverFault, type DriverRun, driverFaults } from './measure.ts';

/** What the runs of one driver come to, with one kind of settings, in one fault. */
export interface DriverSummary {
  readonly driver: string;
  readonly title: string;
  readonly version: string;
  readonly settings: Settings;
  readonly fault: DriverFault;
  readonly runs: number;
  /** Median and maximum of the longest gap, in milliseconds, rounded; null where a run did not go on. */
  readonly gapMs: { readonly p50: number; readonly max: number } | null;
  readonly hung: number;
  readonly died: number;
  /** Over all runs, by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly again: Readonly<Record<string, number>>;
  readonly missing: number;
  readonly twice: number;
}

export function summarise(runs: readonly DriverRun[]): DriverSummary[] {
  const groups = new Map<string, DriverRun[]>();
  for (const run of runs) {
    const key = `${run.driver} ${run.settings} ${run.fault}`;
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { driver, title, version, settings, fault } = first;
    const gaps = group.flatMap(({ gapMs }) => (gapMs === null ? [] : [gapMs]));
    const count = (end: DriverRun['end']) => group.filter((run) => run.end === end).length;
    return {
      ...{ driver, title, version, settings, fault, runs: group.length },
      gapMs:
        gaps.length < group.length
          ? null
          : { p50: Math.round(percentile(gaps, 0.5)), max: Math.round(Math.max(...gaps)) },
      ...{ hung: count('hung'), died: count('died') },
      errors: total(group.map(({ errors }) => errors)),
      again: total(group.map(({ again }) => again)),
      missing: sum(group.map(({ missing }) => missing)),
      twice: sum(group.map(({ twice }) => twice)),
    };
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

function total(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const count of counts) {
    for (const [code, times] of Object.entries(count)) all[code] = (all[code] ?? 0) + times;
  }
  return all;
}

/** Markdown, for the terminal and docs/guides/drivers.md: a table for each kind of settings. */
export function failoverTables(summaries: readonly DriverSummary[]): string {
  return allSettings
    .flatMap((settings) => {
      const own = summaries.filter((summary) => summary.settings === settings);
      if (own.length === 0) return [];
      return `**${captions[settings]}**\n\n${tableOf(own)}`;
    })
    .join('\n\n');
}

const captions: Readonly<Record<Settings, string>> = {
  defaults: 'Without any settings, each row tried once',
  recommended: 'As recommended, each row tried until it is in',
};

function tableOf(summaries: readonly DriverSummary[]): string {
  const drivers = [...new Set(summaries.map(({ driver }) => driver))];
  const faults = driverFaults.filter((fault) => summaries.some((summary) => summary.fault === fault));
  const head = ['driver', ...faults];
  const rows = drivers.map((driver) => {
    const own = summaries.filter((summary) => summary.driver === driver);
    const [first] = own;
    return [
      first === undefined ? driver : `${first.title} ${first.version}`,
      ...faults.map((fault) => cellOf(own.find((summary) => summary.fault === fault))),
    ];
  });
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function cellOf(summary: DriverSummary | undefined): string {
  if (summary === undefined) return '';
  const { gapMs, hung, died, runs, errors, again, missing, twice } = summary;
  const times = (word: string, count: number) =>
    count === 0 ? [] : [count === runs ? word : `${word} in ${count} of ${runs}`];
  const rows = (word: string, count: number) => (count === 0 ? [] : [`${count} ${word}`]);
  return [
    ...(gapMs === null
      ? []
      : [gapMs.p50 === gapMs.max ? `${gapMs.p50} ms` : `${gapMs.p50} ms (≤ ${gapMs.max})`]),
    ...times('**died**', died),
    ...times('**hung**', hung),
    ...codes('gave up', errors),
    ...codes('again', again),
    ...rows('acknowledged and lost', missing),
    ...rows('twice', twice),
  ].join('; ');
}

function codes(what: string, counts: Readonly<Record<string, number>>): string[] {
  const named = Object.entries(counts).sort(([, x], [, y]) => y - x);
  if (named.length === 0) return [];
  return [`${what}: ${named.map(([code, count]) => `${count} × ${code}`).join(', ')}`];
}
