// Bundles the dashboard into dashboard/build: index.html, one script, one style sheet, and the licences of what is bundled.
// The names carry a hash of what is in them, so that browsers may keep them for ever.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const here = import.meta.dirname;
const out = join(here, 'build');

/** An installation for production has no bundler, and gets the page ready-made with the package. */
async function bundler() {
  try {
    return await import('esbuild');
  } catch (error) {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return null;
    throw error;
  }
}

function write(name, contents) {
  writeFileSync(join(out, name), contents);
}

function hashed(name, extension, contents) {
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 10);
  const full = `${name}-${hash}.${extension}`;
  write(full, contents);
  return full;
}

/** Whatever went into the bundle from node_modules has to bring its licence along. */
function licences(inputs) {
  const packages = new Set(
    Object.keys(inputs).flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  return [...packages].sort().map((name) => {
    const folder = join(here, '..', 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} is bundled and has no licence file`);
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  });
}

const esbuild = await bundler();
if (esbuild === null) {
  console.log('dashboard: not built, esbuild is not installed');
  process.exit(0);
}
const { outputFiles, metafile } = await esbuild.build({
  entryPoints: [join(here, 'src/main.tsx'), join(here, 'src/style.css')],
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'iife',
  target: ['chrome110', 'firefox115', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  charset: 'utf8',
  outdir: out,
  absWorkingDir: join(here, '..'),
  logLevel: 'warning',
});
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const contentsOf = (extension) => outputFiles.find(({ path }) => path.endsWith(extension)).contents;
const script = hashed('app', 'js', contentsOf('.js'));
const style = hashed('style', 'css', contentsOf('.css'));
write('licences.txt', `The dashboard contains:\n\n${licences(metafile.inputs).join('\n----\n\n')}`);
const page = readFileSync(join(here, 'src/index.html'), 'utf8');
write(
  'index.html',
  page.replace('%SCRIPT%', `/dashboard/${script}`).replace('%STYLE%', `/dashboard/${style}`),
);
console.log(`dashboard: built, ${Math.round(contentsOf('.js').length / 1024)} kB`);
