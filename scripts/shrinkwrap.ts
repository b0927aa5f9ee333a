/**
 * Before and after `npm pack`: npm-shrinkwrap.json, so that whoever installs Aurelay gets the versions that were tested and
 * that the SBOM names. It is there only while the package is made: in a checkout npm would take it for package-lock.json.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Lock, productionLock } from './production-lock.ts';

const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const [command] = process.argv.slice(2);
if (command === 'write') {
  const lock = JSON.parse(readFileSync(pathOf('package-lock.json'), 'utf8')) as Lock;
  writeFileSync(pathOf('npm-shrinkwrap.json'), `${JSON.stringify(productionLock(lock), null, 1)}\n`);
} else if (command === 'remove') rmSync(pathOf('npm-shrinkwrap.json'), { force: true });
else throw new Error('usage: shrinkwrap.ts write|remove');
