import { readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { DriverUnderTest } from './drivers.ts';

const languages: Readonly<Record<string, string>> = {
  '.mjs': 'js',
  '.py': 'python',
  '.php': 'php',
  '.java': 'java',
  '.sh': 'sh',
};

/** The recommended code of a driver as the harness runs it, for the guide. */
export function renderSnippet({ snippet }: DriverUnderTest): string {
  const code = readFileSync(join(import.meta.dirname, 'programs', snippet), 'utf8');
  // What is fenced as sh is typed by the guide's reader, unless it is a file.
  const mark = snippet.endsWith('.sh') ? '<!-- file: retrying-psql.sh -->\n' : '';
  return `${mark}\`\`\`${languages[extname(snippet)] ?? ''}\n${code.trimEnd()}\n\`\`\``;
}
