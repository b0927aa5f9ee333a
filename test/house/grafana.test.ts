import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  documented,
  labelsOf,
  labelsOfTheScrape,
  promtool,
  selectorsOf,
  skipWithoutPromtool,
} from './promql.ts';

/** The Grafana dashboards ask for what there is, and in sentences that Prometheus understands. */

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat?: string }[];
  readonly panels?: readonly Panel[];
  readonly gridPos: { readonly x: number; readonly w: number };
}

const folder = new URL('../../config/grafana/dashboards/', import.meta.url);
const dashboards = readdirSync(folder).map((file) => ({
  file,
  ...(JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { readonly panels: readonly Panel[] }),
}));
const flat = (panels: readonly Panel[]): readonly Panel[] =>
  panels.flatMap((panel) => [panel, ...flat(panel.panels ?? [])]);
const panels = dashboards.flatMap((dashboard) => flat(dashboard.panels));
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat = '' }) => ({ title, expr, legend: legendFormat })),
);

test('every panel asks for something, and has a place of its own', () => {
  assert.ok(queries.length > 30, `${queries.length} queries`);
  for (const { title, type, targets = [], gridPos } of panels) {
    if (type !== 'row') assert.ok(targets.length > 0, title);
    assert.ok(gridPos.x + gridPos.w <= 24, title);
  }
  for (const { file, panels: own } of dashboards) {
    const ids = flat(own).map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, `${file}: an id stands twice`);
  }
});

test('every metric, label and value that a panel asks for is in METRICS.md', () => {
  for (const { title, expr, legend } of queries) {
    const selectors = selectorsOf(expr);
    assert.ok(selectors.length > 0, title);
    const known = new Set([...selectors.flatMap(({ metric }) => labelsOf(metric)), ...labelsOfTheScrape]);
    for (const { metric, matchers } of selectors) {
      for (const { label, values } of matchers) {
        assert.ok(
          [...labelsOf(metric), ...labelsOfTheScrape].includes(label),
          `${title}: ${metric} has no ${label}`,
        );
        for (const value of values.filter((one) => !one.startsWith('$'))) {
          assert.ok(documented.get(metric)?.row.includes(`\`${value}\``), `${title}: ${label}="${value}"`);
        }
      }
    }
    const grouped = [...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
      list.split(','),
    );
    const told = [...legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, label = '']) => label);
    for (const label of [...grouped.map((each) => each.trim()), ...told]) {
      assert.ok(known.has(label), `${title}: nothing has the label ${label}`);
    }
  }
});

test('Prometheus understands every query', { skip: skipWithoutPromtool }, (t) => {
  const place = mkdtempSync(join(tmpdir(), 'aurelay-grafana-'));
  t.after(() => rmSync(place, { recursive: true }));
  const file = join(place, 'queries.yml');
  // As Grafana fills them in.
  const filledIn = ({ expr }: { readonly expr: string }): string =>
    expr.replaceAll('$__rate_interval', '1m').replaceAll('$__range', '30m').replaceAll('$cluster', '.+');
  const rules = queries.map((query, n) => ({ record: `dashboard:query_${n}`, expr: filledIn(query) }));
  assert.ok(!JSON.stringify(rules).includes('$'), 'another variable of Grafana');
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const { status, stdout, stderr } = promtool('check', 'rules', file);
  assert.equal(status, 0, stdout + stderr);
});
