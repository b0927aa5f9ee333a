/**
 * Writes the parts of the docs that are made from the code, each between its two markers in a file:
 *
 *   <!-- generated: NAME (npm run docs) -->  …  <!-- end of NAME -->
 *
 * (in TypeScript behind `// `). *
 * With `--check` nothing is written, and the exit code is 1 where a file is stale.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { renderFileTypes } from '../src/config/file-types.ts';
import { renderJsonSchema } from '../src/config/json-schema.ts';
import { renderReference } from '../src/config/reference.ts';
import { clusterEvents } from '../src/log/cluster-events.ts';
import { processEvents } from '../src/log/process-events.ts';
import { driversUnderTest } from '../test/drivers/failover/drivers.ts';
import { renderSnippet } from '../test/drivers/failover/snippet.ts';
import { renderDiagnosisTable } from './diagnosis-table.ts';
import { renderEventTable, renderFieldTable } from './event-tables.ts';
import { renderPrometheusSpec } from './prometheus-spec.ts';
import { renderPhaseDiagram, renderRuleTable } from './rule-table.ts';

interface GeneratedPart {
  /** From the root of the project. */
  readonly file: string;
  readonly name: string;
  readonly render: () => string;
}

const parts: readonly GeneratedPart[] = [
  { file: 'docs/config.md', name: 'configuration reference', render: renderReference },
  { file: 'src/config/config-file.ts', name: 'configuration types', render: renderFileTypes },
  { file: 'docs/failover.md', name: 'phases', render: renderPhaseDiagram },
  { file: 'docs/failover.md', name: 'rules', render: renderRuleTable },
  { file: 'docs/events.md', name: 'events of clusters', render: () => renderEventTable(clusterEvents) },
  { file: 'docs/logs.md', name: 'events of the process', render: () => renderEventTable(processEvents) },
  { file: 'docs/logs.md', name: 'events of clusters', render: () => renderEventTable(clusterEvents) },
  { file: 'docs/logs.md', name: 'fields', render: renderFieldTable },
  {
    file: 'config/kubernetes/monitoring/prometheus-rule.yaml',
    name: 'alerts',
    render: () => renderPrometheusSpec(readFileSync(pathOf('config/prometheus/aurelay.rules.yml'), 'utf8')),
  },
  { file: 'docs/doctor.md', name: 'diagnosis', render: renderDiagnosisTable },
  ...driversUnderTest.map((driver) => ({
    ...{ file: 'docs/guides/drivers.md', name: `code for ${driver.name}` },
    render: () => renderSnippet(driver),
  })),
];

const pathOf = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url));

function withPart(text: string, { file, name, render }: GeneratedPart): string {
  const mark = file.endsWith('.ts') ? '// ' : file.endsWith('.yaml') ? '# ' : '';
  const open = `${mark}<!-- generated: ${name} (npm run docs) -->`;
  const close = `${mark}<!-- end of ${name} -->`;
  const [from, to] = [text.indexOf(open), text.indexOf(close)];
  if (from === -1 || to < from) throw new Error(`${file} needs the markers "${open}" and "${close}"`);
  return `${text.slice(0, from + open.length)}\n\n${render()}\n\n${text.slice(to)}`;
}

/** Files that are nothing but generated. */
const files = [{ file: 'config/aurelay.schema.json', name: 'schema', render: renderJsonSchema }] as const;

const textOf = (file: string): string => (existsSync(pathOf(file)) ? readFileSync(pathOf(file), 'utf8') : '');

const check = process.argv.includes('--check');
for (const { file, name, render } of files) renew({ file, name }, textOf(file), render());
for (const part of parts) {
  const before = textOf(part.file);
  renew(part, before, withPart(before, part));
}

function renew({ file, name }: Pick<GeneratedPart, 'file' | 'name'>, before: string, after: string): void {
  if (after === before) return;
  if (check) {
    process.stderr.write(`${file} is stale (${name}): run \`npm run docs\`\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(pathOf(file), after);
    process.stdout.write(`wrote ${file} (${name})\n`);
  }
}
