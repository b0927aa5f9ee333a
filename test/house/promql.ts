import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Queries of the alert rules and the dashboards, read as far as METRICS.md can be held against them. */
const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** What the scrape adds (config/prometheus/prometheus.yml). */
export const labelsOfTheScrape = ['aurelay', 'job'];

export interface Documented {
  readonly labels: readonly string[];
  /** The whole row, whose backticks name the values. */
  readonly row: string;
}

/** METRICS.md by the names of the series. */
export const documented = new Map<string, Documented>(
  [...read('METRICS.md').matchAll(/^\| `(aurelay_\w+)` *\| (\w+) *\| (.+?) *\|.*$/gm)].flatMap(
    ([row, name = '', type, text = '']): [string, Documented][] => {
      const labels = [...text.matchAll(/`(\w+)`/g)].map(([, label]) => label as string);
      if (type !== 'histogram') return [[name, { labels, row }]];
      return [
        [`${name}_bucket`, { labels: [...labels, 'le'], row }],
        [`${name}_sum`, { labels, row }],
        [`${name}_count`, { labels, row }],
      ];
    },
  ),
);

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

export const selectorsOf = (expr: string): Selector[] =>
  [...expr.matchAll(/\b(aurelay_\w+|up)\b(?:\{([^}]*)\})?/g)].map(([, metric = '', inside = '']) => ({
    metric,
    matchers: [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].map(
      ([, label = '', value = '']) => ({ label, values: value.split('|') }),
    ),
  }));

export const labelsOf = (metric: string): readonly string[] =>
  metric === 'up' ? [] : (documented.get(metric)?.labels ?? assert.fail(`${metric} is not in METRICS.md`));

export const promtool = (...args: string[]) => spawnSync('promtool', args, { cwd: root, encoding: 'utf8' });
const missing = promtool('--version').error !== undefined;
export const skipWithoutPromtool = missing && 'promtool is not installed (apt-get install prometheus)';
