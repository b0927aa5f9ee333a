import type { TestResult } from './test-result.ts';

/** The results in what a file of the suite of `pg` printed (its `test/suite.js`): two blanks, a name, a mark. */
export function readPgOutput(output: string): readonly TestResult[] {
  return output.split('\n').flatMap((line): TestResult[] => {
    const [, name, mark] = /^ {2}(\S.*?) (✔|FAILED!|\? - SKIPPED)$/.exec(line) ?? [];
    if (name === undefined) return [];
    return [{ name, outcome: mark === '✔' ? 'passed' : mark === 'FAILED!' ? 'failed' : 'skipped' }];
  });
}

const escapeCharacter = String.fromCharCode(27);
const colours = new RegExp(`${escapeCharacter}\\[[0-9;]*m`, 'g');
const red = `${escapeCharacter}[91m`;

/**
 * The results in what a file of the suite of `mysql2` printed, whose runner is poku: a test is announced (◌), and told
 * again when it is over (●), in red where it failed; ◯ is one that was skipped. Groups of tests are left out.
 */
export function readPokuOutput(output: string): readonly TestResult[] {
  const results: TestResult[] = [];
  /** The depth of every announcement, in order, and where each name was announced last. */
  const depths: number[] = [];
  const announced = new Map<string, number>();
  for (const line of output.split('\n')) {
    const plain = line.replaceAll(colours, '');
    const [, blanks, mark, name] = /^( *)([◌●◯]) (.+?)(?: › [0-9.]+ms)?$/u.exec(plain) ?? [];
    if (blanks === undefined || name === undefined) continue;
    if (mark === '◌') {
      announced.set(name, depths.length);
      depths.push(blanks.length);
    } else if (mark === '◯') {
      results.push({ name, outcome: 'skipped' });
    } else if (
      !depths.slice((announced.get(name) ?? depths.length) + 1).some((depth) => depth > blanks.length)
    ) {
      results.push({ name, outcome: line.includes(red) ? 'failed' : 'passed' });
    }
  }
  return results;
}
