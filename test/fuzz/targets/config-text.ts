import { readFileSync } from 'node:fs';
import type { Prng } from '../../../src/base/prng.ts';
import type { LoadResult } from '../../../src/config/load.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { checkReport } from '../../../src/config/report.ts';
import { goodText, readSecretFile } from '../../config/fixtures.ts';
import { listOf, pick, utf8 } from '../bytes.ts';
import { type FuzzTarget, promise } from '../target.ts';

const example = readFileSync(new URL('../../../config/aurelay.example.yaml', import.meta.url), 'utf8');
const tokens = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ': ',
    '- ',
    ', ',
    '? ',
    '#',
    ' #',
    '&a ',
    '*a',
    '!t ',
    '|',
    '>',
    '|2-',
    '"',
    "'",
    '\\',
    '%YAML 1.2\n',
  ],
  ...[
    '\n',
    '\n  ',
    '\t',
    ' ',
    '---\n',
    '...\n',
    '<<: ',
    '~',
    '$' + '{',
    '$' + '{X}',
    '$' + '{X:-y}',
    '$$',
    '\r',
    '\r\n',
  ],
  ...[
    '\ufeff',
    '\u0000',
    '\u2028',
    '\u2029',
    '\u0085',
    '\u00a0',
    '\ue100',
    '\ud83d',
    '\u{1f600}',
    '\u202e',
    '__proto__',
    'constructor',
  ],
  ...[
    'clusters',
    'orders',
    'monitor',
    'password',
    'password_file',
    'endpoints',
    'writer',
    'instances',
    'failover',
    'listen',
    'null',
  ],
];

/** The text of a configuration file. */
export const configText: FuzzTarget = {
  name: 'config-text',
  seeds: [
    goodText,
    example,
    '',
    '\ufeff',
    'a: &a [*a]\n',
    'clusters: {a: {engine: postgres}}',
    '- - - -\n? a\n: b\n',
  ].map(utf8),
  dictionary: tokens.map(utf8),
  maxBytes: 8_192,
  batch: 24,
  generate: (prng: Prng) =>
    utf8(listOf(prng, 40, () => pick(prng, tokens as [string, ...string[]])).join('')),
  run(input) {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(input);
    const env = { X: 'zq-from-the-environment' };
    const result = loadConfig({ text, file: 'fuzz.yaml', env, readFile: readSecretFile });
    assertSound(text.replace(/^\ufeff/, ''), result);
  },
};

/** A configuration, or at least one error; every diagnostic within the file and its excerpt, and nothing secret in any. */
function assertSound(text: string, result: LoadResult): void {
  const diagnostics = result.ok ? result.warnings : result.diagnostics;
  promise(result.ok || diagnostics.some(({ severity }) => severity === 'error'), 'refused without an error');
  const lines = text.split('\n');
  for (const { line, column, excerpt } of diagnostics) {
    const found = lines[line - 1];
    promise(found !== undefined, `line ${line} of ${lines.length}`);
    promise(column >= 1 && column <= found.length + 1, `column ${column} of ${found.length}`);
    promise(excerpt.start <= excerpt.text.length + 1 && excerpt.length >= 1, 'it underlines nothing');
    promise(excerpt.text.length <= 122, 'an excerpt is too long');
  }
  const shown = checkReport(result, { color: true }) + checkReport(result, { json: true });
  promise(
    !shown.includes('zq-from-the-environment') || text.includes('zq-from-the-environment'),
    'a secret is shown',
  );
}
