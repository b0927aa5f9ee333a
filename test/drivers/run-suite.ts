import { runProgram } from '../support/programs.ts';
import type { Cleanup } from '../support/servers.ts';
import { compareResults, type Difference } from './compare.ts';
import type { DriverSuite, Manner } from './suite.ts';
import type { TestResult } from './test-result.ts';
import type { Workspace } from './workspace.ts';

/** One suite on two servers alike, one reached directly and one through Aurelay. */
export interface SuiteRun {
  readonly suite: DriverSuite;
  readonly workspace: Workspace;
  readonly direct: Manner;
  readonly endpoint: Manner;
  /** Only files whose path contains one of these. */
  readonly only: readonly string[];
  readonly onFile?: (file: string, done: number, of: number) => void;
}

export interface FileDifference extends Difference {
  readonly file: string;
  /** How many of the repetitions differed in this test again; 0 is a test that fails now and then. */
  readonly again: number;
  /** The end of what the file printed, both ways. */
  readonly outputs: Readonly<Record<'direct' | 'endpoint', string>>;
}

export interface SuiteOutcome {
  readonly files: number;
  readonly direct: Counts;
  readonly endpoint: Counts;
  /** The tests that failed both ways. */
  readonly failedBoth: readonly string[];
  readonly differences: readonly FileDifference[];
}

export type Counts = Readonly<Record<TestResult['outcome'], number>>;

export const repetitions = 3;
const fileDeadlineMs = 90_000;
const outputLength = 1_500;

interface FileRun {
  readonly results: readonly TestResult[];
  readonly output: string;
}

export async function runSuite(t: Cleanup, run: SuiteRun): Promise<SuiteOutcome> {
  const files = run.workspace.files.filter((file) => run.only.some((part) => file.includes(part)));
  const all: Record<'direct' | 'endpoint', TestResult[]> = { direct: [], endpoint: [] };
  const differences: FileDifference[] = [];
  const failedBoth: string[] = [];
  for (const [done, file] of files.entries()) {
    run.onFile?.(file, done, files.length);
    const [direct, endpoint] = await bothWays(t, run, file);
    all.direct.push(...direct.results);
    all.endpoint.push(...endpoint.results);
    failedBoth.push(
      ...failedIn(direct)
        .filter((name) => failedIn(endpoint).includes(name))
        .map(named(file)),
    );
    const found = compareResults(direct.results, endpoint.results);
    if (found.length === 0) continue;
    const later = await repeat(t, run, file);
    const [a, b] = [direct, endpoint].map(({ output }) => output.slice(-outputLength));
    const outputs = { direct: a ?? '', endpoint: b ?? '' };
    for (const difference of found) {
      const again = later.filter((tests) => tests.has(difference.test)).length;
      differences.push({ ...difference, file, again, outputs });
    }
  }
  return {
    files: files.length,
    direct: count(all.direct),
    endpoint: count(all.endpoint),
    failedBoth,
    differences,
  };
}

const named = (file: string) => (test: string) => `${file}: ${test}`;
const failedIn = ({ results }: FileRun): readonly string[] =>
  results.flatMap(({ name, outcome }) => (outcome === 'failed' ? [name] : []));

/** Which tests differ, each time that the file is run again. */
async function repeat(t: Cleanup, run: SuiteRun, file: string): Promise<readonly ReadonlySet<string>[]> {
  const found: ReadonlySet<string>[] = [];
  for (let time = 0; time < repetitions; time++) {
    const [direct, endpoint] = await bothWays(t, run, file);
    found.push(new Set(compareResults(direct.results, endpoint.results).map(({ test }) => test)));
  }
  return found;
}

const bothWays = (t: Cleanup, run: SuiteRun, file: string): Promise<[FileRun, FileRun]> =>
  Promise.all([runFile(t, run, file, run.direct), runFile(t, run, file, run.endpoint)]);

async function runFile(
  t: Cleanup,
  { suite, workspace }: SuiteRun,
  file: string,
  manner: Manner,
): Promise<FileRun> {
  const { status, stdout, stderr } = await runProgram(t, process.execPath, [...suite.nodeArguments, file], {
    cwd: workspace.folder,
    env: suite.environment(manner),
    timeoutMs: fileDeadlineMs,
  });
  const exit: TestResult = { name: '(its exit)', outcome: status === 0 ? 'passed' : 'failed' };
  return { results: [...suite.read(stdout), exit], output: stdout + stderr };
}

const count = (results: readonly TestResult[]): Counts => {
  const of = (wanted: TestResult['outcome']) => results.filter(({ outcome }) => outcome === wanted).length;
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
};
