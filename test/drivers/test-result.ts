/** What one test came to. A file counts as a test too, called `(its exit)`: some fail only there. */
export interface TestResult {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
}
