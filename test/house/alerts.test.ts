import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { createMetrics } from '../../src/admin/metrics.ts';
import { clusterEvents } from '../../src/log/cluster-events.ts';
import { processEvents } from '../../src/log/process-events.ts';

import {
  documented,
  labelsOf,
  labelsOfTheScrape,
  promtool,
  selectorsOf,
  skipWithoutPromtool,
} from './promql.ts';

/** The alert rules, the metrics and the runbook agree. */

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook_url', string>>;
}

const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const rulesFile = 'config/prometheus/aurelay.rules.yml';
const unitTestsFile = 'config/prometheus/aurelay.rules.test.yml';

const { groups } = parse(read(rulesFile)) as { groups: readonly { readonly rules: readonly Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const runbook = read('docs/runbook.md');
/** Each `### heading` with what is below it. */
const paragraphs = new Map(
  runbook
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...lines] = section.split(/^## /m)[0]?.split('\n') ?? [];
      return [heading, lines.join('\n')] as const;
    }),
);

test('every alert says how bad it is, what happened with its value, and where to read on', () => {
  assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length, 'a name stands twice');
  for (const { alert, expr, labels, annotations } of alerts) {
    assert.match(labels.severity, /^(critical|warning)$/, alert);
    assert.ok(annotations.summary.length > 10, alert);
    if (!expr.includes('absent(')) assert.match(annotations.description, /\{\{ \$value/, alert);
    assert.equal(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`);
  }
});

test('every metric, label and value of the rules is in METRICS.md', () => {
  for (const { alert, expr } of alerts) {
    const selectors = selectorsOf(expr);
    assert.ok(selectors.length > 0, `${alert} asks for nothing`);
    for (const { metric, matchers } of selectors) {
      const labels = [...labelsOf(metric), ...labelsOfTheScrape];
      for (const { label, values } of matchers) {
        assert.ok(labels.includes(label), `${alert}: ${metric} has no label ${label}`);
        if (metric === 'up' || label === 'le') continue;
        for (const value of values) {
          assert.ok(documented.get(metric)?.row.includes(`\`${value}\``), `${alert}: ${label}="${value}"`);
        }
      }
    }
  }
});

test('rules group by, and tell of, labels that their metrics have', () => {
  for (const { alert, expr, annotations } of alerts) {
    const labels = selectorsOf(expr).flatMap(({ metric }) => labelsOf(metric));
    const known = new Set([...labels, ...labelsOfTheScrape]);
    const grouped = [...expr.matchAll(/\b(?:by|on)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
      list.split(','),
    );
    const told = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(
      ([, label]) => label ?? '',
    );
    for (const label of [...grouped.map((each) => each.trim()), ...told]) {
      assert.ok(known.has(label), `${alert}: nothing has the label ${label}`);
    }
  }
});

test('buckets that rules ask for exist', (t) => {
  const metrics = createMetrics({ version: '1.2.3', build: 'abc1234', relay: 'stream' });
  t.after(() => metrics.close());
  for (const { alert, expr } of alerts) {
    for (const { metric, matchers } of selectorsOf(expr)) {
      for (const bound of matchers.filter(({ label }) => label === 'le').flatMap(({ values }) => values)) {
        const name = metric.replace(/_bucket$/, '');
        const { upperBounds } = metrics.registry.getSingleMetric(name) as unknown as {
          upperBounds: number[];
        };
        assert.ok(upperBounds.includes(Number(bound)), `${alert}: no bucket ${bound}`);
        // Prometheus 3 writes whole bounds as 1.0, Prometheus 2 as 1.
        assert.match(bound, /\.\d*[1-9]$/, alert);
      }
    }
  }
});

test('every alert has a paragraph in the runbook, and every paragraph an alert', () => {
  assert.deepEqual([...paragraphs.keys()].sort(), alerts.map(({ alert }) => alert).sort());
});

test('every paragraph says what it means, where to look, what to do and what not to do', () => {
  const parts =
    /^\s*\*\*Means\.\*\* .+^\*\*Look first\.\*\*\n\n```sh\n.+?```.*^\*\*Do\.\*\*\s.+^\*\*Do not\.\*\* /ms;
  for (const [heading, text] of paragraphs) assert.match(text, parts, heading);
});

test('what the runbook links to, runs and greps for exists', () => {
  for (const [, page, anchor] of runbook.matchAll(/\]\(([\w./-]*)#([\w-]+)\)/g)) {
    const target = page === '' ? runbook : read(join('docs', page ?? ''));
    const anchors = [...target.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
    assert.ok(anchors.includes(anchor ?? ''), `${page}#${anchor}`);
  }
  const cli = read('src/cli.ts');
  for (const [, command] of runbook.matchAll(/^aurelay ([a-z]+)|`aurelay\s([a-z]+)/gm)) {
    if (command !== undefined) assert.ok(cli.includes(`command('${command}')`), `aurelay ${command}`);
  }
  for (const [, event = ''] of runbook.matchAll(/"event":"([\w.-]+)"/g)) {
    assert.ok(event in processEvents || event in clusterEvents, event);
  }
});

test('Prometheus reads the rules', () => {
  const { rule_files: files } = parse(read('config/prometheus/prometheus.yml')) as { rule_files: string[] };
  for (const file of files) assert.ok(existsSync(join(root, 'config/prometheus', file)), file);
  assert.ok(files.map((file) => join('config/prometheus', file)).includes(rulesFile));
});

test('each alert is seen to fire, and not to, in its unit tests', () => {
  const { tests } = parse(read(unitTestsFile)) as {
    tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
  };
  const cases = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
  for (const { alert } of alerts) {
    const own = cases.filter(({ alertname }) => alertname === alert);
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length > 0),
      `${alert} never fires`,
    );
    assert.ok(
      own.some(({ exp_alerts }) => exp_alerts.length === 0),
      `${alert} is never quiet`,
    );
  }
});

for (const args of [
  ['check', 'config', 'config/prometheus/prometheus.yml'],
  ['check', 'rules', rulesFile],
  ['test', 'rules', unitTestsFile],
]) {
  test(`promtool ${args.join(' ')}`, { skip: skipWithoutPromtool }, () => {
    const { status, stdout, stderr } = promtool(...args);
    assert.equal(status, 0, stdout + stderr);
  });
}
