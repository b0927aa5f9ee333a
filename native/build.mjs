/**
 * `node native/build.mjs [--output FILE] [--strict] [--cflags FLAGS]`: compiles the native relay with the system's C
 * compiler. It runs when the package is installed, so it never fails: where it cannot compile, Aurelay carries bytes with
 * Node's streams. With `--strict`, a warning is an error and so is anything that goes wrong.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values } = parseArgs({
  options: {
    output: { type: 'string', default: join(here, 'build', 'relay.node') },
    strict: { type: 'boolean', default: false },
    cflags: { type: 'string', default: '' },
  },
});

const compileDeadlineMs = 120_000;

/** Says why there is no native relay, and ends. */
function doWithout(why) {
  console.log(`native relay: not built (${why}); Aurelay carries bytes with Node's streams`);
  process.exit(values.strict ? 1 : 0);
}

/** A folder with node_api.h: from npm, or of the Node that runs this, or of the system. */
function headers() {
  const require = createRequire(import.meta.url);
  const candidates = [
    () => join(dirname(require.resolve('node-api-headers/package.json')), 'include'),
    () => resolve(dirname(process.execPath), '../include/node'),
    () => '/usr/include/node',
  ];
  for (const candidate of candidates) {
    try {
      const folder = candidate();
      if (existsSync(join(folder, 'node_api.h'))) return folder;
    } catch {
      // The package is not installed: the next place may have them.
    }
  }
  return doWithout('node_api.h was not found');
}

if (process.platform !== 'linux') doWithout(`it needs Linux, and this is ${process.platform}`);

const compiler = process.env.CC || 'cc';
const sources = readdirSync(join(here, 'relay'))
  .filter((file) => file.endsWith('.c'))
  .map((file) => join(here, 'relay', file));
const output = resolve(values.output);
// Under another name first: a process that has the old file open goes on with it.
const fresh = `${output}.${process.pid}`;
const flags = [
  ...['-std=c11', '-D_GNU_SOURCE', '-O2', '-g', '-fPIC', '-shared', '-pthread', '-fvisibility=hidden'],
  ...(values.strict ? ['-Wall', '-Wextra', '-Wshadow', '-Werror'] : []),
  ...values.cflags.split(' ').filter((flag) => flag !== ''),
];
try {
  mkdirSync(dirname(output), { recursive: true });
} catch (error) {
  doWithout(error.message);
}
const { status, stderr, error } = spawnSync(compiler, [...flags, `-I${headers()}`, ...sources, '-o', fresh], {
  encoding: 'utf8',
  timeout: compileDeadlineMs,
});
if (error !== undefined) doWithout(error.code === 'ENOENT' ? `no C compiler "${compiler}"` : error.message);
if (status !== 0) {
  rmSync(fresh, { force: true });
  if (values.strict) console.error(stderr);
  const complaint = stderr.split('\n').find((line) => line.includes('error')) ?? stderr.trim();
  doWithout(`${compiler} failed: ${complaint}`);
}
renameSync(fresh, output);
console.log('native relay: built');
