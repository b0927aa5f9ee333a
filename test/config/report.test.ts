// biome-ignore-all lint/suspicious/noControlCharactersInRegex: they are what is looked for
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Diagnostic, diagnosticJson, formatDiagnostic } from '../../src/config/diagnostic.ts';
import { loadConfig } from '../../src/config/load.ts';
import { checkReport } from '../../src/config/report.ts';
import { goodText, readSecretFile } from './fixtures.ts';

const load = (text: string) => loadConfig({ text, file: 'a.yaml', env: {}, readFile: readSecretFile });

const diagnostic: Diagnostic = {
  severity: 'error',
  code: 'unknown-key',
  file: 'a.yaml',
  line: 12,
  column: 5,
  path: 'clusters.x.writter',
  message: 'unknown key `writter`',
  suggestion: 'writer',
  hint: 'a hint',
  excerpt: { text: '    writter: 1', start: 4, length: 7 },
};

test('a diagnostic is drawn with its place, its line, a caret and its hint', () => {
  assert.equal(
    formatDiagnostic(diagnostic),
    `error[unknown-key]: unknown key \`writter\`: did you mean \`writer\`?
  --> a.yaml:12:5
   |
12 |     writter: 1
   |     ^^^^^^^
   = hint: a hint`,
  );
});

test('colours change nothing but colours', () => {
  const colored = formatDiagnostic(diagnostic, { color: true });
  assert.match(colored, /\u001b\[1;31m/u);
  assert.equal(colored.replace(/\u001b\[[\d;]*m/gu, ''), formatDiagnostic(diagnostic));
});

test('the JSON form is flat', () => {
  assert.deepEqual(diagnosticJson(diagnostic), {
    severity: 'error',
    code: 'unknown-key',
    file: 'a.yaml',
    line: 12,
    column: 5,
    path: 'clusters.x.writter',
    message: 'unknown key `writter`',
    suggestion: 'writer',
    hint: 'a hint',
    source: '    writter: 1',
  });
});

test('the report says what a good file has', () => {
  assert.equal(
    checkReport(load(goodText)),
    'The configuration is good: 1 cluster, 2 instances, 3 endpoints.\n',
  );
});

test('the report as JSON counts errors and warnings', () => {
  assert.deepEqual(JSON.parse(checkReport(load(goodText), { json: true })), {
    ok: true,
    errors: 0,
    warnings: 0,
    diagnostics: [],
  });
  const text = goodText
    .replace('engine:', 'engin:')
    .replace('max_lag: 5s', 'max_lag: 5s, slow_start: 0s')
    .replace('failover: { mode: automatic }', 'failover: { mode: automatic, promote_timeout: 60s }');
  const report = JSON.parse(checkReport(load(text), { json: true }));
  assert.deepEqual([report.ok, report.errors, report.warnings, report.diagnostics.length], [false, 2, 1, 3]);
});

test('terminal escapes and marks of direction in the file are not printed', () => {
  const report = checkReport(load(`"\\e[31madmn": 1\nbad\u202ekey: \u001b[2J\n`));
  assert.doesNotMatch(report, /[\u0000-\u0009\u000b-\u001f\u202e]/u);
});
