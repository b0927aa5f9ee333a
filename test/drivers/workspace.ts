import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { runProgram } from '../support/programs.ts';
import type { Cleanup } from '../support/servers.ts';
import type { DriverSuite } from './suite.ts';

/** A copy of a driver's package, installed with what its tests need. */
export interface Workspace {
  readonly folder: string;
  readonly version: string;
  /** Paths below `folder`, sorted. */
  readonly files: readonly string[];
}

const installDeadlineMs = 240_000;
const packageJson = z.looseObject({
  version: z.string(),
  devDependencies: z.record(z.string(), z.string()).default({}),
});

/**
 * Copies the driver from `source`, a clone of its repository, into `folder`, and installs what it and its tests depend
 * on from the npm registry, without running any of their scripts. Throws where `source` is no such clone.
 */
export async function makeWorkspace(
  t: Cleanup,
  suite: DriverSuite,
  { source, folder }: { readonly source: string; readonly folder: string },
): Promise<Workspace> {
  const from = resolve(source, suite.folder);
  const whole = packageJson.parse(JSON.parse(await readFile(join(from, 'package.json'), 'utf8')));
  const skipped = new Set(['.git', 'node_modules', 'website']);
  await cp(from, folder, {
    recursive: true,
    filter: (path) =>
      !relative(from, path)
        .split('/')
        .some((part) => skipped.has(part)),
  });
  const devDependencies = Object.fromEntries(
    suite.testDependencies.map((name) => [name, whole.devDependencies[name] ?? '*']),
  );
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...whole, devDependencies }));
  const { status, stderr } = await runProgram(
    t,
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--legacy-peer-deps'],
    { cwd: folder, env: npmEnvironment(), timeoutMs: installDeadlineMs },
  );
  if (status !== 0) throw new Error(`npm could not install what the tests need: ${stderr}`);
  return { folder, version: whole.version, files: await testFiles(folder, suite) };
}

/** npm's own settings, which may name the registry to use, hang on the home folder. */
const npmEnvironment = (): Record<string, string> => ({
  HOME: process.env.HOME ?? '/nonexistent',
  ...Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      /^(npm_config_|https?_proxy$|no_proxy$)/i.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  ),
});

async function testFiles(folder: string, { tests, suffix }: DriverSuite): Promise<readonly string[]> {
  const found = await Promise.all(
    tests.map(async (below) =>
      (await readdir(join(folder, below), { recursive: true })).map((file) => join(below, file)),
    ),
  );
  return found.flatMap((files) => files.filter((file) => file.endsWith(suffix)).sort());
}
