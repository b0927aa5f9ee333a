/**
 * `npm run build`: src/ to dist/ and the dashboard, from nothing, so that no file of an earlier build is left in a package. Nothing is there
 * for tests or debuggers: the compiled code is readable as it stands, and its sources are not in the package.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { writeStamp } from './stamp-build.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc');

rmSync(`${root}/dist`, { recursive: true, force: true });
for (const project of ['tsconfig.build.json', 'tsconfig.types.json']) {
  const { status } = spawnSync(process.execPath, [compiler, '-p', project], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
writeStamp(`${root}/dist/build.json`);
await import(new URL('../dashboard/build.mjs', import.meta.url).href);
