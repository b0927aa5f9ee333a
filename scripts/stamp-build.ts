/**
 * dist/build.json, which says what `aurelay --version` is a build of.
 *
 * The build is `AURELAY_BUILD` where that is set (the image: a build has no repository there), else the commit of the
 * checkout, with `-modified` behind it where files differ from it. The date is that of the commit, or SOURCE_DATE_EPOCH
 * (reproducible-builds.org): never the clock's, so that one commit gives one package, whoever compiles it.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BuildStamp } from '../src/release.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

export function buildStamp(env: Readonly<NodeJS.ProcessEnv>, git = runGit): BuildStamp {
  const said = env.AURELAY_BUILD ?? '';
  if (said !== '' && !/^[\w.+-]{1,64}$/.test(said)) {
    throw new Error(
      `AURELAY_BUILD is "${said}": at most 64 letters, digits and any of . _ + -, such as a commit`,
    );
  }
  const committed = epochOf('SOURCE_DATE_EPOCH', env.SOURCE_DATE_EPOCH ?? '');
  if (said !== '') return { build: said, date: committed };
  const commit = git(['rev-parse', '--short=7', 'HEAD']);
  if (commit === null) return { build: 'unknown', date: committed };
  const modified = git(['status', '--porcelain', '--untracked-files=no']) !== '';
  return {
    build: modified ? `${commit}-modified` : commit,
    date: committed ?? epochOf('the commit', git(['log', '-1', '--format=%ct']) ?? ''),
  };
}

/** Seconds since 1970 as ISO 8601, to the second. */
function epochOf(what: string, text: string): string | null {
  if (text === '') return null;
  if (!/^\d{1,11}$/.test(text)) throw new Error(`${what} is "${text}": it has to be seconds since 1970`);
  return new Date(Number(text) * 1000).toISOString().replace('.000Z', 'Z');
}

/** Null where there is no git, or no repository of this project: a folder that lies in another one is not its commit. */
function runGit(args: readonly string[]): string | null {
  const run = (...rest: readonly string[]) =>
    spawnSync('git', ['-C', root, ...rest], { encoding: 'utf8', timeout: 10_000 });
  if (run('ls-files', '--error-unmatch', 'package.json').status !== 0) return null;
  const { status, stdout } = run(...args);
  return status === 0 ? stdout.trim() : null;
}

export const writeStamp = (file: string): void =>
  writeFileSync(file, `${JSON.stringify(buildStamp(process.env))}\n`);
