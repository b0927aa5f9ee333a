import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { test } from 'node:test';

/** The page meets Aurelay through the HTTP API: it takes the shapes of its answers, and no code of the server. */
const root = new URL('../../', import.meta.url).pathname;
const folder = join(root, 'dashboard/src');
const files = readdirSync(folder).filter((file) => /\.tsx?$/.test(file));
const text = (file: string): string => readFileSync(join(folder, file), 'utf8');

const importsOf = (file: string) =>
  [...text(file).matchAll(/^import\s+(type\s+)?[^;]*?['"]([^'"]+)['"];$/gm)].map(([, type, to = '']) => ({
    to: to.startsWith('.') ? normalize(join('dashboard/src', to)) : to,
    isType: type !== undefined,
  }));

test('the dashboard imports itself, Preact, and the types of the API', () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const file of files) {
    for (const { to, isType } of importsOf(file)) {
      seen += 1;
      const isOwn = to.startsWith('dashboard/src/') || to === 'preact' || to === 'preact/hooks';
      const isApi = to === 'src/admin/api.ts' && isType;
      // The words for why an instance is out are the command line's too, and must not drift apart.
      const isWords = to === 'src/admin/why-out.ts';
      if (!isOwn && !isApi && !isWords) wrong.push(`${file} imports ${to}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen > 60, `only ${seen} imports were found`);
  assert.doesNotMatch(readFileSync(join(root, 'src/admin/why-out.ts'), 'utf8'), /^import (?!type )/m);
});

test('what decides in the dashboard touches no page', () => {
  const banned = [/\bdocument\b/, /\bwindow\b/, /\bfetch\(/, /\bDate\.now\b/, /\bset(?:Timeout|Interval)\b/];
  const edges = ['store.ts', 'send-action.ts'];
  const wrong = files
    .filter((file) => file.endsWith('.ts') && !edges.includes(file))
    .flatMap((file) =>
      banned.filter((pattern) => pattern.test(text(file))).map((pattern) => `${file}: ${pattern}`),
    );
  assert.deepEqual(wrong, []);
});

test('nothing in the dashboard comes from elsewhere, and nothing is put into the page as markup', () => {
  for (const file of [...files, 'style.css', 'index.html']) {
    const found = text(file).replaceAll('http://www.w3.org/2000/svg', '');
    assert.doesNotMatch(found, /https?:\/\/|@import|dangerouslySetInnerHTML|innerHTML|\beval\(/, file);
  }
  assert.doesNotMatch(text('index.html'), /<script>|<style|\son\w+=|\sstyle=/);
});
