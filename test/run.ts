import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * `npm test [-- FILTER …]`: every test file below this folder, or those whose path holds one of the filters. Files that
 * start real servers come last: nothing of what they measure has to hold beside a dozen compilers.
 */
const here = import.meta.dirname;
const filters = process.argv.slice(2);
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort()
  .map((file) => relative(process.cwd(), join(here, file)));
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ')}`);
  process.exit(1);
}

const isIntegration = (file: string): boolean => file.endsWith('.integration.test.ts');
/** Files at a time: those without servers wait for much, and need little. */
const groups = [
  { group: files.filter((file) => !isIntegration(file)), concurrency: 3 },
  { group: files.filter(isIntegration), concurrency: 2 },
];
let failed = false;
for (const { group, concurrency } of groups) {
  if (group.length === 0) continue;
  const options = ['--import', 'tsx', '--test', `--test-concurrency=${concurrency}`, '--test-reporter=spec'];
  const child = spawn(process.execPath, [...options, ...group], { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
  failed ||= code !== 0;
}
process.exit(failed ? 1 : 0);
